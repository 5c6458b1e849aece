import { setTimeout as delay } from 'node:timers/promises'
import { ApplicationFailure, Context, type Info } from '@temporalio/activity'
import { errorMessage } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import type { ModelRetry } from '../loop/model.ts'
import type { CheckpointStep } from '../loop/run.ts'
import { attemptDeadlineMs } from './attempt.ts'
import { AttemptCancellation } from './attempt-cancellation.ts'
import { finishAttempt, mayRetryInside, type RunOutcome } from './finish-attempt.ts'
import { type Heartbeat, heartbeatTimeoutOf, startHeartbeat } from './heartbeat.ts'
import { HeartbeatState } from './heartbeat-state.ts'
import { beginLocalAttempt } from './local-attempts.ts'
import { fitPayload, payloadLimitBytes, type Shorten } from './payload.ts'
import { type Resumable, readResumable } from './payload-state.ts'
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
   * Sends a heartbeat with the checkpoint. Before calls with side effects it resolves when the server has stored the
   * checkpoint, however long that takes, and rejects if the attempt is over before or the checkpoint is too large. The same
   * holds for every checkpoint while the server has stored nothing for half of the heartbeat timeout. Otherwise it resolves
   * soon. Without `step`, pending calls count as calls with side effects.
   */
  readonly onCheckpoint: (checkpoint: Checkpoint, step?: Partial<CheckpointStep>) => Promise<void>
  /** Whether the run may wait before a model call is sent again. If not, the run fails, and Temporal waits. */
  readonly mayWait: (retry: ModelRetry) => boolean
  /** The last checkpoint of the previous attempt; absent in the first attempt. `runLoop` checks it. */
  readonly resumeFrom?: Checkpoint
  /** Set if the run has refused the checkpoint and may start again. */
  readonly onUnreadableCheckpoint?: 'restart'
}

/** Settings of {@link runInActivity}. */
export interface RunInActivityOptions<Result> {
  /** Most bytes of the result as JSON. @defaultValue 1500000 */
  readonly maxBytes?: number
  /** Called if the result is larger. Without it, or if it does not help, the activity fails with `ResultTooLarge`. */
  readonly shorten?: Shorten<Result>
  /**
   * Whether a run that is cancelled by request ends the activity with its partial result, or as cancelled. In the second case
   * a workflow that does not catch the error is shown as CANCELLED, and `error.cause.details[0]` is the partial result.
   * @defaultValue 'return'
   */
  readonly onCancel?: OnCancel
  /**
   * Whether the worker has a slot to spare for a wait of up to 15 s: before a failed model call is sent again, and before the
   * next attempt. While it returns false, these waits are left to Temporal, like all longer ones. @defaultValue always
   */
  readonly mayWait?: () => boolean
  /**
   * Gives the checkpoint of a paused run that the activity continues: the member `checkpoint` of the result of a
   * `loopActivity`, or a plain one. Called once in each attempt. The run keeps its id, and `run` gets the checkpoint as
   * `resumeFrom` unless an earlier attempt of this activity has a newer one. @defaultValue a new run
   */
  readonly resumeFrom?: () => Given | Promise<Given>
}

/** Other languages write null for a member that is absent. */
type Given = Resumable | null | undefined

/** The end of an activity whose run was cancelled by request; see {@link RunInActivityOptions.onCancel}. */
export type OnCancel = 'return' | 'fail'

/**
 * Runs a function in the current activity with heartbeats, resume and cancellation. `loopActivity` uses it for `runLoop`;
 * use it directly if the activity does more than one run, or returns something else.
 *
 * - A wait before a retry of a model call is left to Temporal if it is longer than 15 s or no slot is free: the run fails
 *   with the time as `nextRetryDelay`, and the next attempt continues it. The last attempt waits itself.
 * - A failed run is thrown as the failure of {@link toApplicationFailure}, so Temporal retries it. If no attempt is left,
 *   the result is returned instead, provided that it has completed rounds. Such a run also spends a wait of up to 15 s for
 *   its next attempt in the activity, except for the last second. A longer one is left to Temporal.
 * - A run that is cancelled by request returns its partial result, also during such a wait. At worker shutdown a
 *   retryable failure is thrown.
 * - If the checkpoint cannot be read, or belongs to another run, another prompt, other instructions or another history, the
 *   run starts again, with a warning in its trace. If it may have started a tool with side effects, the activity fails with
 *   `CheckpointOfAnotherVersion` instead, which is not retried. Its message names the calls if they are known. To start
 *   again all the same, give `runLoop` the option `onUnreadableCheckpoint: 'restart'`.
 *
 * A failed model call is best retried inside, as `minimax()` does. Temporal's attempts are for lost workers and long outages:
 * bound them by `scheduleToCloseTimeout`, not by a number.
 *
 * @param run called once in each attempt, and a second time with `onUnreadableCheckpoint` if it refuses a damaged checkpoint.
 * @param outcomeOf tells from the result how the run ended.
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout` before `run` is called, if the activity has no heartbeat timeout;
 * `ResultTooLarge`; otherwise the failure of the run.
 */
export async function runInActivity<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
  options: RunInActivityOptions<Result> = {},
): Promise<Result> {
  const { maxBytes = payloadLimitBytes, shorten, mayWait = () => true } = options
  const context = Context.current()
  const { info } = context
  const heartbeatTimeoutMs = heartbeatTimeoutOf(info)
  const runId = runIdOf(info)
  const cancellation = new AttemptCancellation(context)
  const heartbeatState = new HeartbeatState(context)
  const stored = heartbeatState.previousCheckpoint()
  const heartbeat = startHeartbeat(context, heartbeatTimeoutMs, () => heartbeatState.details, cancellation)
  const { local, previous } = await beginLocalAttempt(runId, info.attempt, heartbeatState.previousAttempt, () =>
    cancellation.cancel('NOT_FOUND'),
  )
  if (previous !== undefined) heartbeatState.onCheckpoint(previous)
  const saved = previous ?? stored
  let haveCallsStarted = false
  const activity: ActivityRun = {
    runId,
    signal: cancellation.signal,
    deadlineMs: attemptDeadlineMs(info, Date.now()),
    onEvent: (event) => heartbeatState.onEvent(event),
    mayWait: (retry) => mayRetryInside(info, mayWait, retry),
    onCheckpoint: async (checkpoint, step) => {
      // A tool that blocks its process can be the reason why the attempt is lost, so its calls stay begun.
      const isLost = cancellation.reason() === 'attempt-lost'
      if (isLost && haveCallsStarted && checkpoint.pending.length > 0) return
      haveCallsStarted = false
      local.checkpoint = checkpoint
      heartbeatState.onCheckpoint(checkpoint, step?.shrink)
      await store(checkpoint, step)
      haveCallsStarted = checkpoint.pending.length > 0
    },
  }
  const store = checkpointStore(heartbeat, heartbeatState, cancellation.signal, info.attempt > 1)
  const endsAt = Date.now() + activity.deadlineMs
  let finished: Result
  try {
    // The server may have given this attempt to another worker while it waited here.
    if (heartbeat.isStale()) await heartbeat.stored()
    const paused = readResumable(await options.resumeFrom?.())
    const ofRun = paused === undefined ? activity : { ...activity, runId: paused.run_id }
    const result = await startOrResume(run, ofRun, { saved, paused }, heartbeatState)
    const attempt = { info, cancellation, heartbeatState, mayWait }
    finished = fitPayload(await finishAttempt(attempt, result, outcomeOf(result), endsAt), maxBytes, shorten)
  } catch (error) {
    // The SDK sends the newest details with the failure, after those that it got before.
    if (!heartbeat.isStored() || heartbeat.mayBeReplaced()) heartbeat.leaveToSdk()
    if (cancellation.reason() === 'requested' && !isApplicationFailure(error)) return await cancellation.end()
    throw isApplicationFailure(error) || !cancellation.signal.aborted
      ? toApplicationFailure(error)
      : cancellation.failure()
  } finally {
    local.end({ remember: !heartbeat.isStored() || heartbeat.mayBeReplaced() || heartbeatState.isTooLarge })
    heartbeat.stop()
  }
  const isCancelled = cancellation.reason() === 'requested' && outcomeOf(finished).stop_reason !== 'answered'
  return isCancelled && options.onCancel === 'fail' ? cancellation.end(finished) : cancellation.complete(finished)
}

/** A batch that took less than this is repeated after a crash rather than sent in a heartbeat of its own. */
const quickBatchMs = 1_000

/** The server usually answers in 5 ms. A tool that blocks or ends the process would otherwise come before the heartbeat. */
const shortWaitMs = 100

/**
 * Decides when a checkpoint is sent, and whether the run waits until the server has stored it.
 *
 * - Before calls with side effects the run waits. A worker that the server cannot hear must not act.
 * - If the server has stored nothing for half of the heartbeat timeout, the run always waits. Another worker may take over,
 *   and every further model call would be paid for twice. That counts from the moment when the heartbeat was sent, and also
 *   after the wait: a worker that was frozen meanwhile asks again.
 * - Before other calls, or a check, the run waits for a moment only. But after the first attempt it waits until the server
 *   has stored which calls are begun: one of them may have ended the process before the server knew of it.
 * - After an abort, the checkpoint of the calls that were cut short goes with the failure of the attempt.
 * - After calls that can be repeated and were quick, the checkpoint goes with the next heartbeat.
 * - All other checkpoints are sent at once, and the run goes on.
 */
function checkpointStore(
  heartbeat: Heartbeat,
  heartbeatState: HeartbeatState,
  signal: AbortSignal,
  isTakenOver: boolean,
): (checkpoint: Checkpoint, step: Partial<CheckpointStep> | undefined) => Promise<void> {
  /** When the current batch of repeatable calls began; `undefined` for any other step. */
  let repeatableSince: number | undefined
  return async (checkpoint, step) => {
    if (signal.aborted) return heartbeat.beatLater()
    // The result follows at once. If it is lost, the checkpoint before leads to it without a model call.
    if (checkpoint.answer !== null || checkpoint.stop_reason !== null) return heartbeat.beatLater()
    const hasCalls = checkpoint.pending.length > 0
    const hasSideEffects = step?.sideEffects ?? hasCalls
    const isQuick = repeatableSince !== undefined && performance.now() - repeatableSince < quickBatchMs
    repeatableSince = hasCalls && !hasSideEffects ? performance.now() : undefined
    const mustBeStored = hasSideEffects || heartbeat.isStale() || (hasCalls && isTakenOver)
    const isNext = hasCalls || checkpoint.pending_answer !== null
    if (isQuick && !mustBeStored && !isNext) return heartbeat.beatLater()
    if (heartbeatState.isTooLarge) {
      if (heartbeat.isStale()) await heartbeat.stored()
      else heartbeat.beat()
      throw new Error('The checkpoint is too large for a heartbeat. Lower limits.messageBytes.')
    }
    if (mustBeStored) await heartbeat.stored()
    else if (isNext) await Promise.race([heartbeat.stored(), delay(shortWaitMs, undefined, { ref: false })])
    else heartbeat.beat()
    // A process that is frozen during the wait finds an old answer when it wakes up, or a timer that has fired.
    while (isNext && heartbeat.isStale()) await heartbeat.stored()
  }
}

/** The checkpoints from which an attempt can begin. */
interface Checkpoints {
  /** The newest one of an earlier attempt of this activity. */
  readonly saved: Checkpoint | undefined
  /** The one of the paused run that the activity continues. */
  readonly paused: Checkpoint | undefined
}

/**
 * Begins a run, or continues it from its newest checkpoint. If that one is damaged or belongs to another run, the run goes
 * back to the paused one, or starts again. If it belongs to another prompt, the run starts again.
 *
 * @throws {ApplicationFailure} `CheckpointOfAnotherVersion`, not retryable, if the run refuses the checkpoint and may have
 * started a tool with side effects.
 */
async function startOrResume<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  activity: ActivityRun,
  { saved, paused }: Checkpoints,
  state: HeartbeatState,
): Promise<Result> {
  const resumeFrom = paused !== undefined && saved !== undefined && isUnreadable(saved) ? paused : (saved ?? paused)
  if (resumeFrom === undefined) return run(activity)
  const resumed = { ...activity, deadlineMs: activity.deadlineMs + elapsedMs(resumeFrom), resumeFrom }
  try {
    return await run(resumed)
  } catch (error) {
    const code = refusalOf(error)
    // A damaged argument of the activity is a mistake of the workflow.
    if (code === undefined || (code === 'invalid_checkpoint' && saved === undefined)) throw error
    const reason = errorMessage(error)
    if (code === 'checkpoint_version' || resumeFrom.has_side_effects === true) {
      throw checkpointOfAnotherVersion(reason, saved === undefined)
    }
    state.logRestart(reason)
    if (code === 'invalid_checkpoint' && paused !== undefined) {
      return startOrResume(run, activity, { saved: undefined, paused }, state)
    }
    return run({ ...resumed, onUnreadableCheckpoint: 'restart' })
  }
}

/**
 * The failure of an activity whose run cannot be continued, and must not start again.
 *
 * @param reason why, with the calls that may have had side effects.
 * @param isPaused whether the workflow has the checkpoint. The one in a heartbeat is lost with the activity.
 */
export function checkpointOfAnotherVersion(reason: string, isPaused: boolean): ApplicationFailure {
  const goOn = isPaused
    ? 'To continue it, call the activity again with the same checkpoint, and let a worker with the earlier code and prompt run it. Otherwise check'
    : 'Check'
  return ApplicationFailure.nonRetryable(
    `${reason} The run does not start again, because it could repeat calls with side effects. ${goOn} what these calls did, and start a new workflow. To start again all the same, give runLoop onUnreadableCheckpoint: 'restart'.`,
    'CheckpointOfAnotherVersion',
  )
}

/** Whether details of a heartbeat had no checkpoint that can be read, and the run had not acted. */
function isUnreadable(saved: Checkpoint): boolean {
  return typeof saved.version !== 'number' && saved.has_side_effects !== true
}

const refusals = ['checkpoint_version', 'invalid_checkpoint', 'checkpoint_of_another_prompt'] as const

/** Why `runLoop` refused a checkpoint; `undefined` for any other error. */
function refusalOf(error: unknown): (typeof refusals)[number] | undefined {
  if (!isObject(error) || error['name'] !== 'LoopError') return undefined
  return refusals.find((code) => code === error['code'])
}

/** The checkpoint is not validated yet, so its time can be anything. */
function elapsedMs({ elapsed_ms }: Checkpoint): number {
  return Number.isSafeInteger(elapsed_ms) && elapsed_ms > 0 ? elapsed_ms : 0
}

/** Unique for the workflow run and the activity. An activity outside of a workflow has a run id of its own. */
function runIdOf(info: Info): string {
  return `${info.workflowExecution?.runId ?? info.activityRunId ?? info.activityNamespace}-${info.activityId}`
}
