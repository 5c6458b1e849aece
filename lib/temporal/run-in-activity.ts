import { Context, type Info } from '@temporalio/activity'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import { LoopError } from '../loop/loop-error.ts'
import type { RunError } from '../loop/run-error.ts'
import type { StopReason } from '../loop/stop-reason.ts'

import { attemptDeadlineMs, isLastAttempt } from './attempt.ts'
import { cancellationFailure, cancellationReason } from './cancellation.ts'
import { heartbeatTimeoutOf, startHeartbeat } from './heartbeat.ts'
import { type HeartbeatDetails, type PackedCheckpoint, packCheckpoint, unpackCheckpoint } from './heartbeat-details.ts'
import { nextProgress, startProgress } from './progress.ts'
import { toApplicationFailure } from './to-application-failure.ts'

/** What the activity hands to the run inside it: options of `runLoop`, and `deadlineMs` for its limits. */
export interface ActivityRun {
  /** The same in every attempt, so that idempotency keys of tool calls are too. */
  readonly runId: string
  /** Aborted when the activity is cancelled, its worker shuts down, or the server gave the attempt up. */
  readonly signal: AbortSignal
  /**
   * For `limits.deadlineMs`: what is left of the activity's timeouts, minus a margin for handing in the result, plus what earlier
   * attempts of the run took, because a run counts that too.
   */
  readonly deadlineMs: number
  readonly onEvent: (event: LoopEvent) => void
  readonly onCheckpoint: (checkpoint: Checkpoint) => void
  /** The last checkpoint of an earlier attempt. */
  readonly resumeFrom?: Checkpoint
}

/** How a run ended, as far as the activity has to know. */
export interface RunOutcome {
  readonly stopReason: StopReason
  /** Rounds that were completed: without one, there is nothing in the result to keep. */
  readonly rounds: number
  /** Present where `stopReason` is `failed`. */
  readonly error?: RunError
}

/**
 * Runs `run` inside the current activity, with heartbeats from entry to exit.
 *
 * - A run that failed is thrown as {@link toApplicationFailure} makes it, so that Temporal retries it; once no attempt is left,
 *   what was achieved is returned instead, if there is anything.
 * - A run that was cancelled by request returns its partial result; at worker shutdown it is thrown to be retried.
 * - A checkpoint that cannot be read, or that the run refuses, is logged and means a clean start.
 *
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout` without a heartbeat timeout, before `run` is called.
 */
export async function runInActivity<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
): Promise<Result> {
  const context = Context.current()
  const { info } = context
  const heartbeatTimeoutMs = heartbeatTimeoutOf(info)
  const resumeFrom = earlierCheckpoint(context)
  // Until the run has a checkpoint of its own the earlier one stays: the server keeps the details of the last heartbeat only.
  let checkpoint: PackedCheckpoint | undefined = resumeFrom && packCheckpoint(resumeFrom)
  let progress = startProgress(info.attempt)
  const details = (): HeartbeatDetails => ({ progress, ...(checkpoint && { checkpoint }) })
  const heartbeat = startHeartbeat(context, heartbeatTimeoutMs, details)
  const activity: ActivityRun = {
    runId: runIdOf(info),
    signal: context.cancellationSignal,
    deadlineMs: attemptDeadlineMs(info, Date.now()),
    onEvent: (event) => {
      progress = nextProgress(progress, event)
    },
    onCheckpoint: (next) => {
      checkpoint = packCheckpoint(next)
      heartbeat.beat()
    },
  }
  try {
    const result = await runOrStartAfresh(context, run, activity, resumeFrom)
    return settle(context, result, outcomeOf(result))
  } catch (error) {
    throw context.cancellationSignal.aborted ? cancellationFailure(context) : toApplicationFailure(error)
  } finally {
    heartbeat.stop()
  }
}

function settle<Result>(context: Context, result: Result, { stopReason, rounds, error }: RunOutcome): Result {
  const reason = cancellationReason(context)
  if (stopReason === 'cancelled' && reason !== undefined && reason !== 'requested') throw cancellationFailure(context)
  if (stopReason !== 'failed') return result
  const failure = toApplicationFailure(error)
  if (rounds > 0 && isLastAttempt(context.info, failure, Date.now())) return result
  throw failure
}

function earlierCheckpoint(context: Context): Checkpoint | undefined {
  const unpacked = unpackCheckpoint(context.info.heartbeatDetails)
  if (unpacked.kind === 'unreadable') warnOfFreshStart(context, unpacked.reason)
  // Whether it is one is for the run to check, which knows its version.
  return unpacked.kind === 'checkpoint' ? (unpacked.checkpoint as Checkpoint) : undefined
}

async function runOrStartAfresh<Result>(
  context: Context,
  run: (activity: ActivityRun) => Promise<Result>,
  activity: ActivityRun,
  resumeFrom: Checkpoint | undefined,
): Promise<Result> {
  if (resumeFrom === undefined) return run(activity)
  try {
    return await run({ ...activity, deadlineMs: activity.deadlineMs + earlierMs(resumeFrom), resumeFrom })
  } catch (error) {
    if (!(error instanceof LoopError) || error.code !== 'invalid_checkpoint') throw error
    warnOfFreshStart(context, error.message)
    return run(activity)
  }
}

function earlierMs({ elapsed_ms }: Checkpoint): number {
  return Number.isSafeInteger(elapsed_ms) && elapsed_ms > 0 ? elapsed_ms : 0
}

function warnOfFreshStart(context: Context, reason: string): void {
  context.log.warn('The run starts afresh: the heartbeat details of the earlier attempt have no usable checkpoint.', {
    reason,
  })
}

/** Of an activity outside a workflow, the workflow's place is taken by the activity's own run. */
function runIdOf(info: Info): string {
  return `${info.workflowExecution?.runId ?? info.activityRunId ?? info.activityNamespace}-${info.activityId}`
}
