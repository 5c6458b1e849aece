import { Context, type Info } from '@temporalio/activity'
import { errorMessage } from '../../router/errors.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import { attemptDeadlineMs } from './attempt.ts'
import { cancellationFailure, finishAttempt, type RunOutcome } from './finish-attempt.ts'
import { HeartbeatState, heartbeatTimeoutOf, startHeartbeat } from './heartbeat.ts'
import { fitPayload, payloadLimitBytes, type Shorten } from './payload.ts'
import { isApplicationFailure, toApplicationFailure } from './to-application-failure.ts'

/** Values that the activity gives to its run: options of `runLoop`, and `deadlineMs` for `limits.deadlineMs`. */
export interface ActivityRun {
  /** The same in every attempt, so the idempotency keys of tool calls are the same, too. */
  readonly runId: string
  /** Aborted when the activity is cancelled, when its worker shuts down, and when the server has abandoned the attempt. */
  readonly signal: AbortSignal
  /**
   * Value for `limits.deadlineMs`: the time until the activity's timeout, minus a margin for returning the result, plus the
   * time of previous attempts, because the deadline of a run includes it.
   */
  readonly deadlineMs: number
  /** Updates the progress in the heartbeats. Pass every event of the run. */
  readonly onEvent: (event: LoopEvent) => void
  /**
   * Sends a heartbeat with the checkpoint. If tools or a check come next, it resolves when the heartbeat is on its way, so
   * a tool that blocks the process cannot delay it. If a model call comes next, the heartbeat is sent during that call.
   */
  readonly onCheckpoint: (checkpoint: Checkpoint) => Promise<void>
  /** The last checkpoint of the previous attempt; absent in the first attempt and if it cannot be read. */
  readonly resumeFrom?: Checkpoint
}

/** Limits the size of a result; see {@link runInActivity}. */
export interface ResultSize<Result> {
  /** Most bytes of the result as JSON. @defaultValue 1500000 */
  readonly maxBytes?: number
  /** Called if the result is larger. Without it, or if it does not help, the activity fails with `ResultTooLarge`. */
  readonly shorten?: Shorten<Result>
}

/**
 * Runs a function in the current activity with heartbeats, resume and cancellation. `loopActivity` uses it for `runLoop`;
 * use it directly if the activity does more than one run, or returns something else.
 *
 * - A failed run is thrown as the failure of {@link toApplicationFailure}, so Temporal retries it. If no attempt is left,
 *   the result is returned instead, provided that it has completed rounds. Such a run also spends the wait for its next
 *   attempt in the activity, except for the last second.
 * - A run that is cancelled by request returns its partial result, also during such a wait. At worker shutdown a
 *   retryable failure is thrown.
 * - If the checkpoint cannot be read, or the run refuses it, a warning is logged and the run starts from the beginning.
 *
 * Temporal's retries are the outer layer. Use few inside (`minimax({ retries: 0 })`), otherwise both multiply. Thanks to the
 * checkpoint, another attempt costs one model call, the same as a retry inside.
 *
 * @param run called once in each attempt, and a second time without `resumeFrom` if it refuses the checkpoint.
 * @param outcomeOf tells from the result how the run ended.
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout` before `run` is called, if the activity has no heartbeat timeout;
 * `ResultTooLarge`; otherwise the failure of the run.
 */
export async function runInActivity<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
  { maxBytes = payloadLimitBytes, shorten }: ResultSize<Result> = {},
): Promise<Result> {
  const context = Context.current()
  const { info } = context
  const heartbeatTimeoutMs = heartbeatTimeoutOf(info)
  const state = new HeartbeatState(context)
  const resumeFrom = state.previousCheckpoint()
  const heartbeat = startHeartbeat(context, heartbeatTimeoutMs, () => state.details)
  const activity: ActivityRun = {
    runId: runIdOf(info),
    signal: context.cancellationSignal,
    deadlineMs: attemptDeadlineMs(info, Date.now()),
    onEvent: (event) => state.onEvent(event),
    onCheckpoint: async (checkpoint) => {
      state.onCheckpoint(checkpoint)
      // The result follows at once. If it is lost, the checkpoint before leads to it without a model call.
      if (checkpoint.answer !== null || checkpoint.stop_reason !== null) return
      if (checkpoint.pending.length === 0 && checkpoint.pending_answer === null) heartbeat.beatSoon()
      else await heartbeat.beat()
    },
  }
  const endsAt = Date.now() + activity.deadlineMs
  try {
    const resumed = resumeFrom && (await resume(run, outcomeOf, activity, resumeFrom, state))
    const result = resumed === undefined ? await run(activity) : resumed.result
    return fitPayload(await finishAttempt(context, state, result, outcomeOf(result), endsAt), maxBytes, shorten)
  } catch (error) {
    await heartbeat.flush()
    throw isApplicationFailure(error) || !context.cancellationSignal.aborted
      ? toApplicationFailure(error)
      : cancellationFailure(context)
  } finally {
    heartbeat.stop()
  }
}

/**
 * Resumes from a checkpoint. Returns `undefined` if the run refused it or failed on it before it began, for example because
 * it was written by another version or its tools no longer exist.
 */
async function resume<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
  activity: ActivityRun,
  resumeFrom: Checkpoint,
  state: HeartbeatState,
): Promise<{ readonly result: Result } | undefined> {
  let hasBegun = false
  const onEvent = (event: LoopEvent) => {
    hasBegun ||= event.type === 'run-start'
    activity.onEvent(event)
  }
  const deadlineMs = activity.deadlineMs + elapsedMs(resumeFrom)
  try {
    const result = await run({ ...activity, onEvent, deadlineMs, resumeFrom })
    const { stop_reason, error } = outcomeOf(result)
    if (hasBegun || stop_reason !== 'failed') return { result }
    state.logRestart(error?.message ?? 'the run failed before it began')
  } catch (error) {
    if (hasBegun || activity.signal.aborted || isApplicationFailure(error)) throw error
    state.logRestart(errorMessage(error))
  }
  return undefined
}

/** The checkpoint is not validated yet, so its time can be anything. */
function elapsedMs({ elapsed_ms }: Checkpoint): number {
  return Number.isSafeInteger(elapsed_ms) && elapsed_ms > 0 ? elapsed_ms : 0
}

/** Unique for the workflow run and the activity. An activity outside of a workflow has a run id of its own. */
function runIdOf(info: Info): string {
  return `${info.workflowExecution?.runId ?? info.activityRunId ?? info.activityNamespace}-${info.activityId}`
}
