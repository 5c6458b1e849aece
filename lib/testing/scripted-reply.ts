import type { AssistantMessage } from '../../router/reply.ts'
import type { FinishReason, ModelReply, Usage } from '../loop/model.ts'

/** A reply that asks for tool calls, or says something unusual. */
export interface ScriptedReply {
  readonly toolCalls?: readonly ScriptedCall[]
  /** Visible text. @defaultValue '' */
  readonly content?: string
  /** @defaultValue `tool_calls` where there are some, else `stop` */
  readonly finishReason?: FinishReason
  /** @defaultValue 10 input and 5 output tokens */
  readonly usage?: Partial<Usage>
}

export interface ScriptedCall {
  readonly name: string
  /** Sent as JSON text, as the wire has it. */
  readonly input: unknown
  /** @defaultValue `call_<request>_<position>`, both counted from 1 */
  readonly id?: string
}

const usage: Usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 }

/** The reply to request `number` in the loop's form. */
export function scriptedReply(reply: ScriptedReply, number: number): ModelReply {
  const { toolCalls = [], content = '' } = reply
  const message: AssistantMessage = {
    role: 'assistant',
    content,
    ...(toolCalls.length === 0
      ? {}
      : { tool_calls: toolCalls.map((call, index) => wireCall(call, number, index + 1)) }),
  }
  return {
    message,
    finishReason: reply.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: { ...usage, ...reply.usage },
  }
}

function wireCall({ name, input, id }: ScriptedCall, number: number, position: number) {
  return {
    id: id ?? `call_${number}_${position}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) ?? '' },
  }
}
