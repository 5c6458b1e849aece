import type { Context } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import type { RunSummary } from '../loop/run.ts'
import { isLastAttempt, nextDelayMs, waitInsideAttempt } from './attempt.ts'
import type { HeartbeatState } from './heartbeat.ts'
import { isApplicationFailure, toApplicationFailure } from './to-application-failure.ts'

/**
 * The end of a run, as far as the activity needs to know it. `rounds` is the number of completed rounds: with 0 the result has
 * nothing worth keeping. `error` says why a run `failed`; without it the run is not retried.
 */
export type RunOutcome = Pick<RunSummary, 'stop_reason' | 'rounds' | 'error'>

/** For a checkpoint of a run that had failed. It does not contain the reason, and resuming it fails every time. */
const unknownFailure = {
  name: 'RunFailed',
  message: 'The run failed, and its outcome has no error that says why. Start it from the beginning.',
  retryable: false,
}

/**
 * Ends an attempt after its run: returns the result or throws the failure that makes Temporal start the next attempt.
 *
 * It returns the result if the run ended by itself, if the activity was cancelled by request, and if a failed run has
 * completed rounds and no attempt is left. A failed run with completed rounds waits here for its next attempt; a
 * cancellation during this wait returns the result, too.
 *
 * @param endsAt end of the attempt, in milliseconds since the epoch.
 */
export async function finishAttempt<Result>(
  context: Context,
  heartbeatState: HeartbeatState,
  result: Result,
  outcome: RunOutcome,
  endsAt: number,
): Promise<Result> {
  const { info, cancellationSignal } = context
  const failure = failureOf(context, outcome)
  if (failure === undefined) return result
  if (outcome.rounds === 0 || !isApplicationFailure(failure)) throw failure
  const now = Date.now()
  if (isLastAttempt(info, failure, now)) return result
  const delayMs = nextDelayMs(info, failure)
  heartbeatState.waitForNextAttempt(delayMs, failure.type ?? 'Error')
  const leftMs = await waitInsideAttempt(cancellationSignal, delayMs, endsAt - now)
  if (cancellationReason(context) === 'requested') return result
  throw leftMs === delayMs ? failure : toApplicationFailure({ ...outcome.error, retry_after_ms: leftMs })
}

/** `undefined` if the run neither failed nor was interrupted by anything except a requested cancellation. */
function failureOf(context: Context, { stop_reason, error }: RunOutcome): unknown {
  if (stop_reason === 'failed') return toApplicationFailure(error ?? unknownFailure)
  const reason = cancellationReason(context)
  const isInterrupted = stop_reason === 'cancelled' && reason !== undefined && reason !== 'requested'
  return isInterrupted ? cancellationFailure(context) : undefined
}

/**
 * Why the activity was cancelled.
 *
 * - `requested`: the workflow or a client cancelled it, and a partial result is welcome.
 * - `worker-shutdown`: this worker stops, and the run continues in the next attempt.
 * - `attempt-lost`: the attempt was paused, reset, timed out or is unknown to the server. Its result would be ignored.
 */
type CancellationReason = 'requested' | 'worker-shutdown' | 'attempt-lost'

/** `undefined` if the activity was not cancelled. */
function cancellationReason(context: Context): CancellationReason | undefined {
  if (!context.cancellationSignal.aborted) return undefined
  // The signal's reason is a CancelledFailure, and its message is the SDK's name of the reason.
  const reason: unknown = context.cancellationSignal.reason
  const name = reason instanceof Error ? reason.message : ''
  if (name === 'CANCELLED' || context.cancellationDetails?.cancelRequested === true) return 'requested'
  return name === 'WORKER_SHUTDOWN' ? 'worker-shutdown' : 'attempt-lost'
}

/**
 * The failure to throw if a cancelled run has no result to return. At worker shutdown it is retryable, because Temporal
 * would take a `CancelledFailure` as the end of the activity.
 */
export function cancellationFailure(context: Context): unknown {
  if (cancellationReason(context) !== 'worker-shutdown') return context.cancellationSignal.reason
  return ApplicationFailure.create({
    message: 'The worker is shutting down. The run continues in another attempt.',
    type: 'WorkerShutdown',
    nextRetryDelay: 1,
    // Happens at every deployment, so it must not be logged as an error.
    category: ApplicationFailureCategory.BENIGN,
  })
}
