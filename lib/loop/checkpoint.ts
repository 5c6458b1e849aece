import type { ToolCall, ToolResult } from '../../router/tool-call.ts'
import { LoopError } from './loop-error.ts'
import type { SerializedMessage, Usage } from './model.ts'
import type { PartialAnswer } from './partial-answer.ts'

import type { TraceEntry } from './trace.ts'

export const checkpointVersion = 1

/** All that is needed to go on with a run in another process: plain JSON. */
export interface Checkpoint {
  readonly version: typeof checkpointVersion
  readonly run_id: string
  /** Model replies so far. */
  readonly rounds: number
  readonly messages: readonly SerializedMessage[]
  /** Calls of the last reply that have no result yet. */
  readonly pending: readonly ToolCall[]
  readonly results: readonly RecordedResult[]
  readonly usage: Usage
  readonly elapsed_ms: number
  readonly partial?: PartialAnswer
  readonly entries: readonly TraceEntry[]
}

/** A tool result with the identity of its call, as the repetition check needs it. */
export interface RecordedResult {
  readonly key: string
  readonly result: ToolResult
}

/** @throws {LoopError} `invalid_checkpoint` when a value is no checkpoint of this version. */
export function assertCheckpoint(value: Checkpoint): void {
  const version: unknown = value?.version
  if (version !== checkpointVersion) {
    throw new LoopError(
      'invalid_checkpoint',
      `resumeFrom has version ${JSON.stringify(version)}; this release reads version ${checkpointVersion}. Start the run anew.`,
    )
  }
  for (const name of ['messages', 'pending', 'results', 'entries'] as const) {
    if (!Array.isArray(value[name])) {
      throw new LoopError('invalid_checkpoint', `resumeFrom.${name} is ${typeof value[name]}; it has to be an array.`)
    }
  }
}
