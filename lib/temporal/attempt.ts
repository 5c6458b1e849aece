import type { Info } from '@temporalio/activity'
import type { ApplicationFailure } from '@temporalio/common'

/** What of `activityInfo()` says how much time and how many attempts are left. */
export type AttemptInfo = Pick<
  Info,
  'attempt' | 'scheduledTimestampMs' | 'startToCloseTimeoutMs' | 'scheduleToCloseTimeoutMs'
> & {
  readonly retryPolicy?: Info['retryPolicy'] | undefined
}

/** The part of an attempt's time that is kept for handing in the result: a tenth, at least 5 s, at most a half. */
function marginMs(timeoutMs: number): number {
  return Math.min(Math.max(timeoutMs / 10, 5_000), timeoutMs / 2)
}

/**
 * How long a run in this attempt may take, in milliseconds from now: what is left until start-to-close or
 * schedule-to-close, whichever comes first, minus a margin. At least 1.
 */
export function attemptDeadlineMs(info: AttemptInfo, nowMs: number): number {
  const { startToCloseTimeoutMs } = info
  const leftMs = Math.min(positive(startToCloseTimeoutMs), scheduleToCloseMs(info) - nowMs)
  return Math.max(1, Math.floor(leftMs - marginMs(leftMs)))
}

/**
 * Whether Temporal will not start another attempt after `failure`: it must not be retried, the attempts are used up, or the
 * time is over before the next one would begin.
 */
export function isLastAttempt(info: AttemptInfo, failure: ApplicationFailure, nowMs: number): boolean {
  const policy = info.retryPolicy
  if (failure.nonRetryable === true) return true
  if (failure.type != null && policy?.nonRetryableErrorTypes?.includes(failure.type)) return true
  // 0 stands for "no limit"
  const maximumAttempts = policy?.maximumAttempts ?? 0
  if (maximumAttempts > 0 && info.attempt >= maximumAttempts) return true
  return nowMs + nextDelayMs(info, failure) >= scheduleToCloseMs(info)
}

/** How long Temporal waits before it starts another attempt after `failure`, in milliseconds. */
export function nextDelayMs(info: AttemptInfo, failure: ApplicationFailure): number {
  if (typeof failure.nextRetryDelay === 'number') return failure.nextRetryDelay
  const { initialInterval, maximumInterval, backoffCoefficient } = info.retryPolicy ?? {}
  const initialMs = typeof initialInterval === 'number' ? initialInterval : 1_000
  const maximumMs = typeof maximumInterval === 'number' && maximumInterval > 0 ? maximumInterval : 100 * initialMs
  return Math.min(initialMs * (backoffCoefficient ?? 2) ** (info.attempt - 1), maximumMs)
}

/** In milliseconds since the epoch. */
function scheduleToCloseMs(info: AttemptInfo): number {
  return info.scheduledTimestampMs + positive(info.scheduleToCloseTimeoutMs)
}

/** Temporal writes 0 for a timeout that is not set. */
function positive(timeoutMs: number): number {
  return timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY
}
