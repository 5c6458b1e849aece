import { onAbort } from '../../router/on-abort.ts'
import type { Clock } from '../loop/clock.ts'
import { ModelError, type ModelErrorCode } from '../loop/errors.ts'
import type { ModelRequest } from '../loop/model.ts'

/** The server had closed a kept-alive connection before the request came. Nothing was processed. */
export class StaleConnectionError extends ModelError {
  constructor(host: string) {
    super(`${host} had closed the connection that was kept open.`, { code: 'network', retryable: true })
  }
}

interface RetryOptions {
  /** What is not sent again, because something else is tried. @defaultValue nothing */
  readonly isFinal?: ((error: ModelError) => boolean) | undefined
  /** Further attempts after the first. */
  readonly retries: number
  /** Time for all attempts and waits together, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly clock: Clock
  /** From 0 to 1, to spread the waits of many clients. */
  readonly random: () => number
  /** The first wait, in milliseconds. @defaultValue by the kind of the failure: see `firstWaits` */
  readonly firstWaitMs?: number | undefined
  readonly onRetry?: ModelRequest['onRetry'] | undefined
}

/**
 * The first wait where the server does not say how long, in milliseconds; each further one is twice as long. Limits are
 * counted per minute: two waits of 15 and 30 s reach into the next one. A server under load is given a little time.
 */
const firstWaits: ReadonlyMap<ModelErrorCode, number> = new Map([
  ['rate_limit', 15_000],
  ['overloaded', 2_000],
])
const usualFirstWait = 1_000

/** Stale connections of one call at most: each was one of the idle ones, so that there are few. */
const mostStale = 3

/**
 * The only retry layer: sends a call again where that can help and the wait fits into the time.
 *
 * The wait is as long as the server asks, or grows by the kind of the failure; some of it comes on top by chance, so that
 * many clients do not come back at once. What went out on a stale connection goes out again at once, and is no attempt.
 */
export async function withRetries<T>(options: RetryOptions, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
  const { clock, signal, onRetry, isFinal } = options
  const end = clock.now() + options.timeoutMs
  let failed = 0
  let stale = 0
  for (;;) {
    try {
      return await attempt(Math.max(1, end - clock.now()))
    } catch (error) {
      if (!(error instanceof ModelError) || !error.retryable || signal.aborted || isFinal?.(error)) throw error
      const isStale = error instanceof StaleConnectionError && stale < mostStale
      if (!isStale && failed >= options.retries) throw error
      const waitMs = isStale ? 0 : waitAfter(error, failed, end - clock.now(), options)
      if (waitMs === undefined) throw error
      if (isStale) stale++
      else failed++
      onRetry?.({ attempt: failed + stale, code: error.code, waitMs })
      if (waitMs > 0) await wait(waitMs, signal, clock)
    }
  }
}

/** How long to wait, in milliseconds; undefined where that does not fit into the time that is left. */
function waitAfter(
  { code, retryAfterMs }: ModelError,
  failed: number,
  leftMs: number,
  { random, firstWaitMs }: RetryOptions,
): number | undefined {
  const leastMs = retryAfterMs ?? (firstWaitMs ?? firstWaits.get(code) ?? usualFirstWait) * 2 ** failed
  if (leastMs >= leftMs) return undefined
  const spreadMs = retryAfterMs === undefined ? leastMs / 2 : 500 + leastMs / 10
  // What comes on top by chance must not eat up the time of the attempt.
  return leastMs + random() * Math.min(spreadMs, (leftMs - leastMs) / 2)
}

function wait(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      stopWaiting()
      resolve()
    })
    const stopWaiting = onAbort(signal, () => {
      cancel()
      reject(
        new ModelError('The call was aborted while it waited to be sent again.', { code: 'aborted', retryable: false }),
      )
    })
  })
}

/** A month: no plan has a longer window. What is above it is no time that anybody meant. */
const mostMs = 31 * 24 * 3_600_000

/**
 * How long a server asks to wait, in milliseconds: `retry-after-ms`, as some gateways write it beside `retry-after`; that in
 * seconds or as an HTTP date; else the ISO time that MiniMax writes into the message of a used-up plan ("resets at
 * 2026-05-15T15:00:00Z").
 */
export function retryAfterOf(
  header: (name: string) => string | undefined,
  message: string,
  nowEpochMs: number,
): number | undefined {
  const ms = numberOf(header('retry-after-ms'))
  if (ms !== undefined) return Math.min(ms, mostMs)
  const value = header('retry-after')?.trim()
  const seconds = numberOf(value)
  if (seconds !== undefined) return Math.min(seconds * 1000, mostMs)
  const resets = /resets at (\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))/.exec(message)?.[1]
  // Date.parse takes almost anything for a date, "-1" among it.
  const date = value !== undefined && /^[A-Z][a-z]{2,8}, /.test(value) ? value : resets
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowEpochMs), mostMs)
}

function numberOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}
