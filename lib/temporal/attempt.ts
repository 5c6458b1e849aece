import { setTimeout as delay } from 'node:timers/promises'
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

/** The server's own timer takes about so long, however short it is set. */
const leftToServerMs = 1_000

/**
 * Waits inside an attempt that failed for what the server would wait before the next one, all but the last second, if the
 * attempt has time for it. While it waits, the result of the attempt is still there for whoever cancels; once an attempt has
 * failed, Temporal keeps nothing of it that the workflow could get.
 *
 * @returns the milliseconds that are left to be waited: all that was not waited yet where the signal ended it.
 */
export async function awaitNextAttempt(signal: AbortSignal, delayMs: number, timeLeftMs: number): Promise<number> {
  const hereMs = delayMs - leftToServerMs
  if (hereMs <= 0 || hereMs > timeLeftMs) return delayMs
  const startedAt = performance.now()
  await delay(hereMs, undefined, { signal }).catch(() => {})
  return Math.max(1, Math.ceil(delayMs - (performance.now() - startedAt)))
}
