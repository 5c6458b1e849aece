import { Context, type Info } from '@temporalio/activity'
import { errorMessage } from '../../router/errors.ts'
import type { Checkpoint } from '../loop/checkpoint.ts'
import type { LoopEvent } from '../loop/events.ts'
import { attemptDeadlineMs } from './attempt.ts'
import { cancellationFailure, type RunOutcome, settle } from './finish-attempt.ts'
import { heartbeatTimeoutOf, startHeartbeat } from './heartbeat.ts'
import { RunReport } from './heartbeat-state.ts'
import { fitResult, payloadLimitBytes, type Shorten } from './payload.ts'
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
  /**
   * Where tools or a check come next, it resolves when the heartbeat with it is on its way: not even a tool that blocks the process can
   * hold it back. Where the model comes next, the heartbeat goes out during that call.
   */
  readonly onCheckpoint: (checkpoint: Checkpoint) => Promise<void>
  /** The last checkpoint of an earlier attempt. */
  readonly resumeFrom?: Checkpoint
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
 *   what was achieved is returned instead, if there is anything. Where there is, the wait for the next attempt is spent in the
 *   activity, but for its last second.
 * - A run that was cancelled by request, even in such a wait, returns its partial result; at worker shutdown it is thrown to be
 *   retried.
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
      // The result follows; should it be lost on the way, the checkpoint before leads to it without a call.
      if (checkpoint.answer !== null || checkpoint.stop !== null) return
      if (checkpoint.pending.length === 0 && checkpoint.unjudged === null) heartbeat.beatSoon()
      else await heartbeat.beat()
    },
  }
  const endsAt = Date.now() + activity.deadlineMs
  try {
    const resumed = resumeFrom && (await resume(run, outcomeOf, activity, resumeFrom, report))
    const result = resumed === undefined ? await run(activity) : resumed.result
    return fitResult(await settle(context, report, result, outcomeOf(result), endsAt), maxBytes, shorten)
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
    report.startAfresh(errorMessage(error))
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
