import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import type { TextFormat } from '../../router/reading/text-format.ts'
import type { Infer, Returnable } from '../../router/schema.ts'
import type { ModelErrorCode } from './errors.ts'

/**
 * The model, as the loop sees it: one function that turns a transcript into a reply.
 *
 * Contract: `complete` resolves with a reply or rejects; it sends nothing after `signal` is aborted, and ends before
 * `timeoutMs` is over. A rejection ends the run with `stopReason: 'failed'` (or `cancelled`, `deadline`).
 */
export interface Model {
  /** Name for traces and reports, e.g. `minimax-m2.1`. */
  readonly name: string
  /** OpenTelemetry's `gen_ai.provider.name`, e.g. `minimax`. */
  readonly provider: string
  /**
   * How this model writes tool calls and thinking as text, where a server leaves them in the content.
   * @defaultValue none: only native calls and structured JSON are read
   */
  readonly textFormat?: TextFormat | undefined
  complete(request: ModelRequest): Promise<ModelReply>
}

export interface ModelRequest {
  /**
   * The transcript in wire order, each message serialised once: a request body is joined from these parts. The array
   * grows with the run: copy it to keep it.
   */
  readonly messages: readonly SerializedMessage[]
  /** The `tools` array of the wire, serialised; undefined where the model shall answer without tools. */
  readonly tools?: string | undefined
  readonly signal: AbortSignal
  /** What is left of the run's deadline, in milliseconds. */
  readonly timeoutMs: number
  /** Told before a failed call is sent again. */
  readonly onRetry?: (retry: ModelRetry) => void
}

interface ModelRetry {
  /** 1 for the first call that is sent again. */
  readonly attempt: number
  readonly code: ModelErrorCode
  /** Milliseconds before it is sent. */
  readonly waitMs: number
}

/** One chat-completions message as JSON text. */
export interface SerializedMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly json: string
}

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'other'

export interface ModelReply {
  /** The assistant message as it came, reasoning included: it is echoed in the next request. */
  readonly message: AssistantMessage
  readonly finishReason: FinishReason
  readonly usage: Usage
  /** The server's id of this completion. */
  readonly id?: string | undefined
  /** The model that answered, as the server names it. */
  readonly model?: string | undefined
}

/** Tokens as the server counted them; a number that the server did not give is 0. */
export interface Usage {
  /** Prompt tokens, cached ones included. */
  readonly inputTokens: number
  /** Completion tokens, reasoning included. */
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
}

const count = { type: 'integer', minimum: 0 } as const

/** JSON Schema of a {@link UsageRecord}. */
export const usageSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['input_tokens', 'output_tokens', 'cached_input_tokens', 'reasoning_tokens'],
  properties: {
    input_tokens: { ...count, description: 'Prompt tokens, cached ones included.' },
    output_tokens: { ...count, description: 'Completion tokens, reasoning included.' },
    cached_input_tokens: { ...count, description: 'Prompt tokens that the server read from its cache.' },
    reasoning_tokens: { ...count, description: 'Completion tokens that the model spent on reasoning.' },
  },
} as const

/** {@link Usage} with the field names of JSON documents. */
export type UsageRecord = Returnable<Infer<typeof usageSchema>>

/** Token counts with the field names of JSON documents. */
export function usageRecord(usage: Usage): UsageRecord {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    reasoning_tokens: usage.reasoningTokens,
  }
}

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 }

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  }
}

/** What a model did not count is 0: one NaN would undo the limit of tokens. */
export function soundUsage(usage: Partial<Usage>): Usage {
  return {
    inputTokens: sound(usage.inputTokens),
    outputTokens: sound(usage.outputTokens),
    cachedInputTokens: sound(usage.cachedInputTokens),
    reasoningTokens: sound(usage.reasoningTokens),
  }
}

function sound(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0
}
