import { setImmediate } from 'node:timers/promises'
import { Context, type Info } from '@temporalio/activity'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import type { RunError } from '../loop/run-error.ts'
import type { StopReason } from '../loop/stop-reason.ts'
import { attemptDeadlineMs, isLastAttempt } from './attempt.ts'
import { cancellationFailure, cancellationReason } from './cancellation.ts'
import { fitResult, type Shorten } from './fit-result.ts'
import { heartbeatTimeoutOf, startHeartbeat } from './heartbeat.ts'
import { payloadLimitBytes } from './payload-limits.ts'
import { RunReport } from './run-report.ts'
import { isApplicationFailure, toApplicationFailure } from './to-application-failure.ts'

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
  /** Resolves when the heartbeat with it is on its way: what comes next, a tool that blocks the process even, cannot hold it back. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => Promise<void>
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

export interface ResultSize<Result> {
  /** Bytes of the result as JSON. @defaultValue 1500000 */
  readonly maxBytes?: number
  /** Called where a result is larger; without it, or where it does not help, the activity fails with `ResultTooLarge`. */
  readonly shorten?: Shorten<Result>
}

/**
 * Runs `run` inside the current activity, with heartbeats from entry to exit.
 *
 * - A run that failed is thrown as {@link toApplicationFailure} makes it, so that Temporal retries it; once no attempt is left,
 *   what was achieved is returned instead, if there is anything.
 * - A run that was cancelled by request returns its partial result; at worker shutdown it is thrown to be retried.
 * - A checkpoint that cannot be read, or that the run refuses, is logged and means a clean start.
 *
 * Temporal's retries are the outer layer: let the model inside retry little (`minimax({ retries: 0 })`), or both multiply.
 * Thanks to the checkpoint another attempt costs one model call, as another try inside would.
 *
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout` without a heartbeat timeout, before `run` is called; `ResultTooLarge`.
 */
export async function runInActivity<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
  { maxBytes = payloadLimitBytes, shorten }: ResultSize<Result> = {},
): Promise<Result> {
  const context = Context.current()
  const { info } = context
  const heartbeatTimeoutMs = heartbeatTimeoutOf(info)
  const report = new RunReport(context)
  const resumeFrom = report.earlierCheckpoint()
  const heartbeat = startHeartbeat(context, heartbeatTimeoutMs, () => report.details)
  const activity: ActivityRun = {
    runId: runIdOf(info),
    signal: context.cancellationSignal,
    deadlineMs: attemptDeadlineMs(info, Date.now()),
    onEvent: (event) => report.onEvent(event),
    onCheckpoint: async (checkpoint) => {
      report.onCheckpoint(checkpoint)
      heartbeat.beat()
      // The SDK encodes details in later microtasks.
      await setImmediate()
    },
  }
  try {
    const resumed = resumeFrom && (await resume(run, outcomeOf, activity, resumeFrom, report))
    const result = resumed === undefined ? await run(activity) : resumed.result
    return fitResult(settle(context, result, outcomeOf(result)), maxBytes, shorten)
  } catch (error) {
    throw context.cancellationSignal.aborted ? cancellationFailure(context) : toApplicationFailure(error)
  } finally {
    heartbeat.stop()
  }
}

function settle<Result>(context: Context, result: Result, { stopReason, rounds, error }: RunOutcome): Result {
  const reason = cancellationReason(context)
  const interrupted = stopReason === 'cancelled' && reason !== undefined && reason !== 'requested'
  if (!interrupted && stopReason !== 'failed') return result
  const failure = interrupted ? cancellationFailure(context) : toApplicationFailure(error)
  const noneLeft = isApplicationFailure(failure) && isLastAttempt(context.info, failure, Date.now())
  if (rounds > 0 && noneLeft) return result
  throw failure
}

/**
 * Goes on from a checkpoint. Undefined where that cannot be done: the run refused the checkpoint or broke on it before it began,
 * as on one of another version, or of tools that are no longer there.
 */
async function resume<Result>(
  run: (activity: ActivityRun) => Promise<Result>,
  outcomeOf: (result: Result) => RunOutcome,
  activity: ActivityRun,
  resumeFrom: Checkpoint,
  report: RunReport,
): Promise<{ readonly result: Result } | undefined> {
  let begun = false
  const onEvent = (event: LoopEvent) => {
    begun ||= event.type === 'run-start'
    activity.onEvent(event)
  }
  const deadlineMs = activity.deadlineMs + earlierMs(resumeFrom)
  try {
    const result = await run({ ...activity, onEvent, deadlineMs, resumeFrom })
    const { stopReason, error } = outcomeOf(result)
    if (begun || stopReason !== 'failed') return { result }
    report.startAfresh(error?.message ?? 'the run failed before it began')
  } catch (error) {
    if (begun || activity.signal.aborted || isApplicationFailure(error)) throw error
    report.startAfresh(error instanceof Error ? error.message : String(error))
  }
  return undefined
}

function earlierMs({ elapsed_ms }: Checkpoint): number {
  return Number.isSafeInteger(elapsed_ms) && elapsed_ms > 0 ? elapsed_ms : 0
}

/** Of an activity outside a workflow, the workflow's place is taken by the activity's own run. */
function runIdOf(info: Info): string {
  return `${info.workflowExecution?.runId ?? info.activityRunId ?? info.activityNamespace}-${info.activityId}`
}
