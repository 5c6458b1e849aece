import type { Repair, ToolCall, ToolError } from '../../router/tool-call.ts'
import { LoopError } from './loop-error.ts'
import type { SerializedMessage, Usage } from './model.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { LimitReason } from './stop-reason.ts'
import type { TraceEntry } from './trace.ts'

export const checkpointVersion = 1

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
  readonly partial: PartialAnswer | null
  /** The accepted answer, of a run that is over. */
  readonly answer: { readonly value: unknown } | null
  readonly entries: readonly TraceEntry[]
}

/** A tool result without what can be had from elsewhere: its content is in the transcript. */
export interface RecordedResult {
  readonly key: string
  readonly call: Pick<ToolCall, 'id' | 'name' | 'input'>
  readonly call_id: string
  readonly status: 'ok' | 'error'
  /** The full value, where the content was clipped; a whole content is the value's JSON. */
  readonly value?: unknown
  /** To keep the byte budget neither value nor content was stored: the tool is run again on restore. */
  readonly shed?: true
  readonly error?: ToolError
  readonly clipped: boolean
  readonly served_from?: string
  readonly duration_ms: number
  readonly repairs: readonly Repair[]
}

/** @throws {LoopError} `invalid_checkpoint` when a value is no checkpoint of this version. */
export function assertCheckpoint(value: Checkpoint): void {
  const version: unknown = value?.version
  if (version !== checkpointVersion) {
    throw invalid(`has version ${JSON.stringify(version)}; this release reads version ${checkpointVersion}`)
  }
  for (const name of ['messages', 'pending', 'results', 'entries'] as const) {
    if (!Array.isArray(value[name])) throw invalid(`.${name} is ${typeof value[name]}, which is no array`)
  }
  for (const name of ['rounds', 'elapsed_ms', 'last_tokens', 'fastest_ms', 'slowest_ms'] as const) {
    if (!(Number.isFinite(value[name]) && value[name] >= 0)) throw invalid(`.${name} is ${String(value[name])}`)
  }
  if (typeof value.run_id !== 'string') throw invalid(`.run_id is ${typeof value.run_id}`)
  const answered = value.messages.filter(({ role }) => role === 'tool').length
  if (answered !== value.results.length)
    throw invalid(` has ${answered} tool messages for ${value.results.length} results`)
}

export function invalid(problem: string): LoopError {
  return new LoopError(
    'invalid_checkpoint',
    `resumeFrom${problem.startsWith('.') ? '' : ' '}${problem.trim()}. Start the run anew.`,
  )
}
