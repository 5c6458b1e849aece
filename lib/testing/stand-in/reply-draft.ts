import type { Json } from '../../../router/json.ts'
import type { StandInRequest } from './request.ts'

/** Plays the model: says what the reply to a request shall hold. The stand-in turns it into the wire's form. */
export type Responder = (request: StandInRequest) => ReplyDraft | Promise<ReplyDraft>

/** What the "model" says. Ids, usage, `<think>` markup, chunks and the envelope are the stand-in's part. */
export interface ReplyDraft {
  /** Visible text. @defaultValue '' */
  readonly content?: string
  readonly toolCalls?: readonly ToolCallDraft[]
  /** Chain of thought. @defaultValue one sentence about the reply, because MiniMax's models always think; '' gives none */
  readonly reasoning?: string
  /** @defaultValue `tool_calls` when there are tool calls, else `stop` */
  readonly finishReason?: 'stop' | 'length' | 'tool_calls' | 'content_filter'
}

export interface ToolCallDraft {
  readonly name: string
  readonly input: Json
  /** @defaultValue `call_function_<12 characters>_<n>`, `n` counting from 1 */
  readonly id?: string
}
