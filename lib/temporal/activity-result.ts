import type { Tool } from '../../router/tool.ts'
import type { PartialAnswer } from '../loop/checkpoint.ts'
import type { WaitReason } from '../loop/limits.ts'
import { type Run, type RunSummary, summarizeRun } from '../loop/run.ts'
import { shrinkAsFarAsPossible } from '../loop/save-checkpoint.ts'
import type { TraceEntry } from '../loop/trace.ts'
import type { PackedCheckpoint } from './checkpoint-codec.ts'
import { type PackedMessages, packMessages, packPaused } from './payload-state.ts'

/**
 * The result of a `loopActivity`: the run as a JSON document, so its field names are snake_case. The values of tool
 * results are not in it, because a payload has no room for them; `trace` contains them shortened.
 *
 * @typeParam Members further members of a run that is over; see {@link Conversation}.
 */
export type ActivityResult<Answer = string, Members = unknown> = Omit<RunSummary, 'stop_reason'> & {
  /** The steps of the run in order. The oldest ones are dropped if the result is too large for a payload. */
  readonly trace: readonly TraceEntry[]
} & (
    | (Members & {
        readonly stop_reason: 'answered'
        /** The accepted answer. */
        readonly answer: Answer
      })
    | (Members & {
        /** Why the run ended without an accepted answer. */
        readonly stop_reason: Exclude<RunSummary['stop_reason'], 'answered' | 'paused'>
        /** The best answer that was not accepted, and its problems. */
        readonly partial?: PartialAnswer
      })
    | PausedResult
  )

/** Members of the result of a run that is over, if the activity has the setting `messages`. */
export interface Conversation {
  /** The conversation, for `history` of a follow-up question. At most 500000 bytes after compression. */
  readonly messages: PackedMessages
}

/** Members of the result of a run that waits for decisions. */
export interface PausedResult {
  /** The run waits for decisions. */
  readonly stop_reason: 'paused'
  /** The calls that wait, in the order of the reply. */
  readonly pending: readonly WaitingActivityCall[]
  /** The state of the run. Call the activity again with it and with `decisions`. At most 1000000 bytes after compression. */
  readonly checkpoint: PackedCheckpoint
  /** The best answer that was not accepted, and its problems. */
  readonly partial?: PartialAnswer
}

/** A call that waits for a decision: a `WaitingCall` of `runLoop` as JSON. */
export interface WaitingActivityCall {
  /** Id of the call in the messages. */
  readonly id: string
  /** Key of the decision in `decisions`, and idempotency key of the call. */
  readonly call_id: string
  /** Name of the tool. */
  readonly tool: string
  /** The validated input with its references resolved. */
  readonly input: unknown
  /** `no_execute` for a tool without `execute`, `approve` if `approve` returned `'pause'`. */
  readonly reason: WaitReason
}

/** Makes the result of an activity from its run. @throws {ApplicationFailure} `ResultTooLarge` */
export function activityResult<Answer>(
  run: Run<Answer>,
  tools: readonly Tool[],
  withMessages: boolean,
): ActivityResult<Answer> {
  const { stop_reason: _, ...summary } = summarizeRun(run)
  const { trace } = run
  const partial = run.stopReason === 'answered' || run.partial === undefined ? {} : { partial: run.partial }
  if (run.stopReason === 'paused') {
    const { pending, checkpoint } = run
    const isRecomputable = (name: string) =>
      tools.find((tool) => tool.name === name)?.annotations.idempotentHint === true
    return {
      ...summary,
      stop_reason: run.stopReason,
      pending: pending.map(({ id, callId, tool, input, reason }) => ({ id, call_id: callId, tool, input, reason })),
      checkpoint: packPaused(
        checkpoint,
        (bytes) => shrinkAsFarAsPossible(checkpoint, bytes, isRecomputable).checkpoint,
      ),
      ...partial,
      trace,
    }
  }
  const messages = withMessages ? { messages: packMessages(run.messages) } : {}
  if (run.stopReason === 'answered') {
    return { ...summary, stop_reason: run.stopReason, answer: run.answer, ...messages, trace }
  }
  return { ...summary, stop_reason: run.stopReason, ...partial, ...messages, trace }
}
