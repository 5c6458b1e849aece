import { setTimeout as delay } from 'node:timers/promises'

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
