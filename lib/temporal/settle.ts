import type { Context } from '@temporalio/activity'
import type { RunError } from '../loop/run-error.ts'
import type { StopReason } from '../loop/stop-reason.ts'
import { isLastAttempt, nextDelayMs } from './attempt.ts'
import { awaitNextAttempt } from './await-next-attempt.ts'
import { cancellationFailure, cancellationReason } from './cancellation.ts'
import type { RunReport } from './run-report.ts'
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
  throw leftMs === delayMs ? failure : toApplicationFailure({ ...outcome.error, retryAfterMs: leftMs })
}

/** Undefined where the run did not fail, and was not interrupted by anything but a request. */
function failureOf(context: Context, { stopReason, error }: RunOutcome): unknown {
  if (stopReason === 'failed') return toApplicationFailure(error ?? unexplained)
  const reason = cancellationReason(context)
  const interrupted = stopReason === 'cancelled' && reason !== undefined && reason !== 'requested'
  return interrupted ? cancellationFailure(context) : undefined
}
