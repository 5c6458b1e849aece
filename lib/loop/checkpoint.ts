import type { Repair, ToolCall, ToolError } from '../../router/tool-call.ts'
import { LoopError } from './errors.ts'
import type { LimitReason, StopReason } from './limits.ts'
import type { FinishReason, SerializedMessage, Usage } from './model.ts'
import type { TraceEntry } from './trace.ts'

export const checkpointVersion = 2

/** All that is needed to go on with a run in another process: plain JSON. */
export interface Checkpoint {
  readonly version: typeof checkpointVersion
  readonly run_id: string
  /** Model replies so far. */
  readonly rounds: number
  /** The transcript. The n-th tool message belongs to the n-th of `results`. */
  readonly messages: readonly SerializedMessage[]
  /** Calls of the last reply that have no result yet. */
  readonly pending: readonly ToolCall[]
  readonly results: readonly RecordedResult[]
  readonly usage: Usage
  /** Tokens and time of the replies, to judge whether another one fits. */
  readonly last_tokens: number
  readonly fastest_ms: number
  readonly slowest_ms: number
  readonly elapsed_ms: number
  readonly closing: LimitReason | null
  /** The model was told that tools are off. */
  readonly announced: boolean
  /** The last reply, where it has still to be judged as the answer. */
  readonly unjudged: UnjudgedReply | null
  /** Set where the run is over without an accepted answer. */
  readonly stop: StopReason | null
  readonly partial: PartialAnswer | null
  /** The accepted answer, of a run that is over. */
  readonly answer: { readonly value: unknown } | null
  readonly entries: readonly TraceEntry[]
}

/** A reply that may be the answer: its visible text. */
export interface UnjudgedReply {
  readonly text: string
  readonly finish_reason: FinishReason
}

/** A tool result without what can be had from elsewhere: its content is in the transcript. */
export interface RecordedResult {
  readonly key: string
  readonly call: Pick<ToolCall, 'id' | 'name' | 'input'>
  readonly call_id: string
  readonly status: 'ok' | 'error'
  /** The full value, where the content was clipped; a whole content is the value's JSON. */
  readonly value?: unknown
  /** What was left out to keep the byte budget: the full value, or the content as well. The tool is run again on restore. */
  readonly shed?: 'value' | 'content'
  readonly error?: ToolError
  readonly clipped: boolean
  readonly served_from?: string
  readonly duration_ms: number
  readonly repairs: readonly Repair[]
}

export function invalid(problem: string): LoopError {
  return new LoopError(
    'invalid_checkpoint',
    `resumeFrom${problem.startsWith('.') ? '' : ' '}${problem.trim()}. Start the run anew.`,
  )
}

/** The best answer that was not accepted, with what is wrong with it. */
export interface PartialAnswer {
  readonly value: unknown
  readonly problems: readonly string[]
}
