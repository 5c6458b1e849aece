import type { Context } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'
import type { RunError } from '../loop/errors.ts'
import type { StopReason } from '../loop/limits.ts'
import { awaitNextAttempt, isLastAttempt, nextDelayMs } from './attempt.ts'
import type { RunReport } from './heartbeat-state.ts'
import { isApplicationFailure, toApplicationFailure } from './to-application-failure.ts'

/** How a run ended, as far as the activity has to know. */
export interface RunOutcome {
  readonly stopReason: StopReason
  /** Rounds that were completed: without one, there is nothing in the result to keep. */
  readonly rounds: number
  /** Why it failed, where `stopReason` is `failed`; without it the run is not tried again. */
  readonly error?: RunError
}

/** A checkpoint of a run that had failed does not say why; it fails again however often it is resumed. */
const unexplained = {
  name: 'RunFailed',
  message: 'The run failed, and its outcome has no error that says why. Start it anew.',
  retryable: false,
}

/**
 * The result, where it is the activity's: the run ended by itself, was cancelled by request, or failed with something to keep
 * and no attempt left, or with a cancellation while it waited for one. Else throws what makes Temporal try again.
 *
 * @param endsAt when the attempt has to end, in milliseconds since the epoch.
 */
export async function settle<Result>(
  context: Context,
  report: RunReport,
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
  report.awaitsNextAttempt(delayMs, failure.type ?? 'Error')
  const leftMs = await awaitNextAttempt(cancellationSignal, delayMs, endsAt - now)
  if (cancellationReason(context) === 'requested') return result
  throw leftMs === delayMs ? failure : toApplicationFailure({ ...outcome.error, retry_after_ms: leftMs })
}

/** Undefined where the run did not fail, and was not interrupted by anything but a request. */
function failureOf(context: Context, { stopReason, error }: RunOutcome): unknown {
  if (stopReason === 'failed') return toApplicationFailure(error ?? unexplained)
  const reason = cancellationReason(context)
  const interrupted = stopReason === 'cancelled' && reason !== undefined && reason !== 'requested'
  return interrupted ? cancellationFailure(context) : undefined
}

/**
 * Why the activity was told to stop.
 *
 * - `requested`: the workflow, or whoever cancelled it, wants it; a partial result is welcome.
 * - `worker-shutdown`: only this worker ends; the run goes on in the next attempt.
 * - `attempt-lost`: paused, reset, timed out or unknown to the server; nobody takes a result of this attempt.
 */
type CancellationReason = 'requested' | 'worker-shutdown' | 'attempt-lost'

/** `undefined` while nothing was cancelled. */
function cancellationReason(context: Context): CancellationReason | undefined {
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
