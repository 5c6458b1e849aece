/** The time of an activity attempt: its deadline, whether another attempt follows, and the wait before that one. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Info } from '@temporalio/activity'
import type { ApplicationFailure } from '@temporalio/common'

/** The part of `activityInfo()` that tells how much time and how many attempts are left. */
export type AttemptInfo = Pick<
  Info,
  'attempt' | 'scheduledTimestampMs' | 'startToCloseTimeoutMs' | 'scheduleToCloseTimeoutMs'
> & {
  readonly retryPolicy?: Info['retryPolicy'] | undefined
}

/**
 * Time that a run may take in this attempt, in milliseconds from now: the time until the earlier one of start-to-close and
 * schedule-to-close, minus a margin for returning the result. At least 1.
 */
export function attemptDeadlineMs(info: AttemptInfo, nowMs: number): number {
  const leftMs = Math.min(orUnlimited(info.startToCloseTimeoutMs), scheduleToCloseAt(info) - nowMs)
  return Math.max(1, Math.floor(leftMs - marginMs(leftMs)))
}

/** A tenth of the time, at least 5 s, at most half of it. */
function marginMs(timeoutMs: number): number {
  return Math.min(Math.max(timeoutMs / 10, 5_000), timeoutMs / 2)
}

/**
 * Whether Temporal starts no other attempt after `failure`: it is not retryable, no attempts are left, or the
 * schedule-to-close timeout comes before the next attempt.
 */
export function isLastAttempt(info: AttemptInfo, failure: ApplicationFailure, nowMs: number): boolean {
  const policy = info.retryPolicy
  if (failure.nonRetryable === true) return true
  if (failure.type != null && policy?.nonRetryableErrorTypes?.includes(failure.type)) return true
  // 0 means unlimited.
  const maximumAttempts = policy?.maximumAttempts ?? 0
  if (maximumAttempts > 0 && info.attempt >= maximumAttempts) return true
  return nowMs + nextDelayMs(info, failure) >= scheduleToCloseAt(info)
}

/** Time that Temporal waits after `failure` before the next attempt, in milliseconds. The rule is the server's own. */
export function nextDelayMs(info: AttemptInfo, failure: ApplicationFailure): number {
  if (typeof failure.nextRetryDelay === 'number') return failure.nextRetryDelay
  const { initialInterval, maximumInterval, backoffCoefficient } = info.retryPolicy ?? {}
  const initialMs = typeof initialInterval === 'number' ? initialInterval : 1_000
  const maximumMs = typeof maximumInterval === 'number' && maximumInterval > 0 ? maximumInterval : 100 * initialMs
  return Math.min(initialMs * (backoffCoefficient ?? 2) ** (info.attempt - 1), maximumMs)
}

/** In milliseconds since the epoch. */
function scheduleToCloseAt(info: AttemptInfo): number {
  return info.scheduledTimestampMs + orUnlimited(info.scheduleToCloseTimeoutMs)
}

/** Temporal represents a timeout that is not set as 0. */
function orUnlimited(timeoutMs: number): number {
  return timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY
}

/** The end of the wait is left to the server, whose own timer takes about this long however short it is set. */
const serverWaitMs = 1_000

/**
 * Waits inside a failed attempt for the time that the server would wait before the next one, except for the last second,
 * if the attempt has that much time. During this wait a cancellation still gets the attempt's result; after the attempt
 * has failed, Temporal would have nothing to give to the workflow.
 *
 * @returns the rest of the wait in milliseconds. It is longer than a second if `signal` ended the wait early.
 */
export async function waitInsideAttempt(signal: AbortSignal, delayMs: number, timeLeftMs: number): Promise<number> {
  const insideMs = delayMs - serverWaitMs
  if (insideMs <= 0 || insideMs > timeLeftMs) return delayMs
  const startedAt = performance.now()
  await delay(insideMs, undefined, { signal }).catch(() => {})
  return Math.max(1, Math.ceil(delayMs - (performance.now() - startedAt)))
}
