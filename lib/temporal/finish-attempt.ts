import type { Info } from '@temporalio/activity'
import type { ModelRetry } from '../loop/model.ts'
import type { RunSummary } from '../loop/run.ts'
import { isLastAttempt, nextDelayMs, waitInsideAttempt } from './attempt.ts'
import type { AttemptCancellation } from './attempt-cancellation.ts'
import type { HeartbeatState } from './heartbeat-state.ts'
import { isApplicationFailure, toApplicationFailure } from './to-application-failure.ts'

/**
 * The end of a run, as far as the activity needs to know it. `rounds` is the number of completed rounds: with 0 the result has
 * nothing worth keeping. `error` says why a run `failed`; without it the run is not retried.
 */
export type RunOutcome = Pick<RunSummary, 'stop_reason' | 'rounds' | 'error'>

/** The attempt that a run belongs to. */
interface Attempt {
  readonly info: Info
  readonly cancellation: AttemptCancellation
  readonly heartbeatState: HeartbeatState
  /** Whether a wait for the next attempt may occupy a slot of the worker. */
  readonly mayWait: () => boolean
}

/** A longer wait would keep a slot of the worker from other runs. */
const longestWaitMs = 15_000

/**
 * Whether a run may wait inside its attempt before a model call is sent again. Long waits, and all waits while no slot is
 * free, are left to Temporal, except on the last attempt.
 */
export function mayRetryInside(info: Info, mayWait: () => boolean, { code, waitMs }: ModelRetry): boolean {
  if (waitMs <= longestWaitMs && mayWait()) return true
  const failure = toApplicationFailure({ name: 'ModelError', code, retryable: true, retry_after_ms: waitMs })
  return isLastAttempt(info, failure, Date.now())
}

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
 * completed rounds and no attempt is left. A failed run with completed rounds waits here for its next attempt, unless the
 * wait is long or all slots are taken; a cancellation during this wait returns the result, too.
 *
 * @param endsAt end of the attempt, in milliseconds since the epoch.
 */
export async function finishAttempt<Result>(
  { info, cancellation, heartbeatState, mayWait }: Attempt,
  result: Result,
  outcome: RunOutcome,
  endsAt: number,
): Promise<Result> {
  const failure = failureOf(cancellation, outcome)
  if (failure === undefined) return result
  if (outcome.rounds === 0 || !isApplicationFailure(failure)) throw failure
  const now = Date.now()
  if (isLastAttempt(info, failure, now)) return result
  const delayMs = nextDelayMs(info, failure)
  if (delayMs > longestWaitMs || !mayWait()) throw failure
  heartbeatState.waitForNextAttempt(delayMs, failure.type ?? 'Error')
  const leftMs = await waitInsideAttempt(cancellation.signal, delayMs, endsAt - now)
  if (cancellation.reason() === 'requested') return result
  throw leftMs === delayMs ? failure : toApplicationFailure({ ...outcome.error, retry_after_ms: leftMs })
}

/** `undefined` if the run neither failed nor was interrupted by anything except a requested cancellation. */
function failureOf(cancellation: AttemptCancellation, { stop_reason, error }: RunOutcome): unknown {
  if (stop_reason === 'failed') return toApplicationFailure(error ?? unknownFailure)
  const reason = cancellation.reason()
  const isInterrupted = stop_reason === 'cancelled' && reason !== undefined && reason !== 'requested'
  return isInterrupted ? cancellation.failure() : undefined
}
