import { createHash } from 'node:crypto'
import { isObject, type Json } from '../../../router/json/json.ts'
import { estimateTokens, type MockServerRequest, promptText } from './request.ts'
import { unknownFieldWarning } from './request-rules.ts'

/** A whole `chat.completion` document, with MiniMax's fields. A stream is cut out of it. */
export interface Completion extends Sensitivity {
  /** MiniMax's id of the request: 32 hexadecimal digits. */
  readonly id: string
  /** Exactly one choice. */
  readonly choices: readonly [
    { readonly finish_reason: string; readonly index: 0; readonly message: CompletionMessage },
  ]
  /** Time of the reply, in seconds since 1970. */
  readonly created: number
  /** Name of the model, as the request has it. */
  readonly model: string
  /** Type of the document. */
  readonly object: 'chat.completion'
  /** Numbers of tokens. */
  readonly usage: CompletionUsage
  /** MiniMax's status; code 0 means success. */
  readonly base_resp: { readonly status_code: number; readonly status_msg: string }
}

/** Numbers of tokens, estimated from bytes. */
interface CompletionUsage {
  /** Sum of the tokens of prompt and completion. */
  readonly total_tokens: number
  /** A field of the older API, always 0. */
  readonly total_characters: 0
  /** Tokens of messages and tools. */
  readonly prompt_tokens: number
  /** Tokens of text, tool calls and reasoning. */
  readonly completion_tokens: number
  /** Absent without reasoning. */
  readonly completion_tokens_details?: { readonly reasoning_tokens: number }
}

/** The assistant's message of a completion. */
interface CompletionMessage {
  /** Visible text, after a `<think>` block unless the request has `reasoning_split`. */
  readonly content: string
  /** Always the assistant. */
  readonly role: 'assistant'
  /** MiniMax's name for its models. */
  readonly name: 'MiniMax AI'
  /** The reasoning, if the request has `reasoning_split`. */
  readonly reasoning_content?: string
  /** The same reasoning as a list of parts. */
  readonly reasoning_details?: readonly ReasoningDetail[]
  /** Absent without tool calls. */
  readonly tool_calls?: readonly CompletionToolCall[]
  /** Always empty for text models. */
  readonly audio_content: ''
}

/** A tool call of a completion. `arguments` is JSON text. */
export interface CompletionToolCall {
  /** Id that the result must refer to. */
  readonly id: string
  /** Always a function. */
  readonly type: 'function'
  /** Name of the tool, and its input as JSON text. */
  readonly function: { readonly name: string; readonly arguments: string }
  /** Position among the calls of the reply, from 0. */
  readonly index: number
}

interface ReasoningDetail {
  readonly type: 'reasoning.text'
  readonly id: 'reasoning-text-1'
  readonly format: 'MiniMax-response-v1'
  readonly index: 0
  readonly text: string
}

/** Results of MiniMax's content filter: fields of every document and every chunk. */
export const sensitivity = {
  input_sensitive: false,
  output_sensitive: false,
  input_sensitive_type: 0,
  output_sensitive_type: 0,
  output_sensitive_int: 0,
} as const

type Sensitivity = typeof sensitivity

/** A fixed time, because the same request must get the same reply. */
const created = 1_780_211_747

/** Makes a `chat.completion` of a responder's reply. Pure: ids are a hash of the prompt. */
export function completionOf(request: MockServerRequest, draft: ReplyDraft): Completion {
  const prompt = promptText(request.body)
  const id = createHash('sha256').update(prompt).digest('hex').slice(0, 32)
  const calls = draft.toolCalls ?? []
  const reasoning = thinks(request) ? (draft.reasoning ?? defaultReasoning(draft)) : ''
  const toolCalls = calls.map((call, index): CompletionToolCall => {
    const callId = call.id ?? `call_function_${shortName(id)}_${index + 1}`
    return { id: callId, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) }, index }
  })
  const finishReason = draft.finishReason ?? (calls.length > 0 ? 'tool_calls' : 'stop')
  const message = messageOf(draft.content ?? '', reasoning, toolCalls, request.body['reasoning_split'] === true)
  return {
    id,
    choices: [{ finish_reason: finishReason, index: 0, message }],
    created,
    model: request.model,
    object: 'chat.completion',
    usage: usageOf(prompt, `${draft.content ?? ''}${toolCalls.length > 0 ? JSON.stringify(toolCalls) : ''}`, reasoning),
    ...sensitivity,
    base_resp: { status_code: 0, status_msg: unknownFieldWarning(request.body) },
  }
}

/** Only M3 has an option that turns thinking off. */
function thinks(request: MockServerRequest): boolean {
  const { thinking } = request.body
  return !(isObject(thinking) && thinking['type'] === 'disabled' && /minimax-m3/i.test(request.model))
}

/** Reasoning for a reply that has none of its own. */
function defaultReasoning({ toolCalls = [] }: ReplyDraft): string {
  return toolCalls.length > 0 ? `I will use ${toolCalls.map(({ name }) => name).join(', ')}.` : 'I can answer now.'
}

/** The message with the reasoning in its own fields, or before the text in a `<think>` block. */
function messageOf(
  text: string,
  reasoning: string,
  toolCalls: readonly CompletionToolCall[],
  split: boolean,
): CompletionMessage {
  const think = reasoning === '' || split ? '' : `<think>\n${reasoning}\n</think>\n`
  return {
    content: `${think}${text}`,
    role: 'assistant',
    name: 'MiniMax AI',
    ...(split && reasoning !== ''
      ? {
          reasoning_content: reasoning,
          reasoning_details: [
            {
              type: 'reasoning.text',
              id: 'reasoning-text-1',
              format: 'MiniMax-response-v1',
              index: 0,
              text: reasoning,
            },
          ],
        }
      : {}),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
    audio_content: '',
  }
}

/** Token counts of a reply. The prompt is counted as JSON. */
function usageOf(prompt: string, output: string, reasoning: string): CompletionUsage {
  const promptTokens = estimateTokens(prompt)
  const reasoningTokens = estimateTokens(reasoning)
  const completionTokens = estimateTokens(output) + reasoningTokens
  return {
    total_tokens: promptTokens + completionTokens,
    total_characters: 0,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    ...(reasoningTokens > 0 ? { completion_tokens_details: { reasoning_tokens: reasoningTokens } } : {}),
  }
}

/** Twelve characters of `a-z0-9`, as in MiniMax's call ids. */
function shortName(id: string): string {
  return BigInt(`0x${id}`).toString(36).padStart(12, '0').slice(-12)
}

/** Plays the model: decides what the reply to a request contains. The mock server writes it in the wire format. */
export type Responder = (request: MockServerRequest) => ReplyDraft | Promise<ReplyDraft>

/** A reply of a {@link Responder}. The mock server adds ids, usage, `<think>` tags, chunks and the envelope. */
export interface ReplyDraft {
  /** Visible text. @defaultValue '' */
  readonly content?: string
  /** Tool calls. @defaultValue none */
  readonly toolCalls?: readonly ToolCallDraft[]
  /** Chain of thought; '' for none. @defaultValue one sentence about the reply, because MiniMax's models always think */
  readonly reasoning?: string
  /** @defaultValue `tool_calls` if there are tool calls, otherwise `stop` */
  readonly finishReason?: 'stop' | 'length' | 'tool_calls' | 'content_filter'
}

/** A tool call of a {@link ReplyDraft}. */
export interface ToolCallDraft {
  /** Name of the tool. It need not be a declared one. */
  readonly name: string
  /** Input of the tool. */
  readonly input: Json
  /** @defaultValue `call_function_<12 characters>_<n>`, `n` counting from 1 */
  readonly id?: string
}
