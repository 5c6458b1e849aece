import type { Context } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'

/**
 * Why the activity was told to stop.
 *
 * - `requested`: the workflow, or whoever cancelled it, wants it; a partial result is welcome.
 * - `worker-shutdown`: only this worker ends; the run goes on in the next attempt.
 * - `attempt-lost`: paused, reset, timed out or unknown to the server; nobody takes a result of this attempt.
 */
export type CancellationReason = 'requested' | 'worker-shutdown' | 'attempt-lost'

/** `undefined` while nothing was cancelled. */
export function cancellationReason(context: Context): CancellationReason | undefined {
  if (!context.cancellationSignal.aborted) return undefined
  // The signal's reason is a CancelledFailure whose message is the SDK's name of the reason.
  const reason: unknown = context.cancellationSignal.reason
  const name = reason instanceof Error ? reason.message : ''
  if (name === 'CANCELLED' || context.cancellationDetails?.cancelRequested === true) return 'requested'
  return name === 'WORKER_SHUTDOWN' ? 'worker-shutdown' : 'attempt-lost'
}

/**
 * What to throw from a run that was stopped and has no result to hand in.
 *
 * A `CancelledFailure` at worker shutdown would count as the activity's own end, so that one becomes a failure to be retried.
 */
export function cancellationFailure(context: Context): unknown {
  if (cancellationReason(context) !== 'worker-shutdown') return context.cancellationSignal.reason
  return ApplicationFailure.create({
    message: 'The worker is shutting down; the run goes on in another attempt.',
    type: 'WorkerShutdown',
    nextRetryDelay: 1,
    // Every deployment does this: nothing to log as an error.
    category: ApplicationFailureCategory.BENIGN,
  })
}
