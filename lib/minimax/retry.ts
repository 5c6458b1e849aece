import { onAbort } from '../../router/on-abort.ts'
import { ModelError, type ModelErrorCode, maxRetryAfterMs } from '../loop/errors.ts'
import type { ModelRequest } from '../loop/model.ts'
import type { Clock } from '../loop/run-deadline.ts'
import { StaleConnectionError } from './errors/network-error.ts'

interface RetryOptions {
  /** Whether an error is final, because the caller tries something else. @defaultValue never */
  readonly isFinal?: ((error: ModelError) => boolean) | undefined
  /** Number of attempts that may follow the first one. */
  readonly retries: number
  /** Time for all attempts and waits together, in milliseconds. */
  readonly timeoutMs: number
  /** Ends the waits and forbids further attempts. */
  readonly signal: AbortSignal
  /** Measures and waits. */
  readonly clock: Clock
  /** Returns numbers from 0 to 1, which spread the waits of many clients. */
  readonly random: () => number
  /** The wait before the first retry, in milliseconds. @defaultValue depends on the error: see `firstWaits` */
  readonly firstWaitMs?: number | undefined
  /** Called before each further attempt. */
  readonly onRetry?: ModelRequest['onRetry'] | undefined
  /** Asked before each wait. If it returns false, the call fails, and the error has the time of the wait. */
  readonly mayWait?: ModelRequest['mayWait'] | undefined
}

/**
 * The wait before the first retry if the server does not say how long, in milliseconds; each further wait is twice as
 * long. Rate limits are counted per minute, and two waits of 15 and 30 s reach into the next minute.
 */
const firstWaits: ReadonlyMap<ModelErrorCode, number> = new Map([
  ['rate_limit', 15_000],
  ['overloaded', 2_000],
])
const defaultFirstWaitMs = 1_000

/** Number of stale connections that one call may meet. After the first, all idle connections are replaced, so they are rare. */
const maxStaleConnections = 3

/**
 * The only retry layer: repeats a call if that can help and the wait fits into the remaining time.
 *
 * The wait is what the server asks for, or grows by the kind of error. A random part is added, so that many clients do
 * not come back at once. After a stale connection the request is sent again at once, and that does not count as a retry.
 *
 * @param attempt gets the remaining time in milliseconds.
 * @throws what the last attempt threw. The message for an overloaded server also says how often it was tried.
 */
export async function withRetries<T>(options: RetryOptions, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
  const { clock, signal, onRetry, mayWait, isFinal } = options
  const end = clock.now() + options.timeoutMs
  let failed = 0
  let stale = 0
  for (;;) {
    try {
      return await attempt(Math.max(1, end - clock.now()))
    } catch (error) {
      if (!(error instanceof ModelError) || !error.retryable || signal.aborted || isFinal?.(error)) throw error
      const isStale = error instanceof StaleConnectionError && stale < maxStaleConnections
      if (!isStale && failed >= options.retries) throw givenUp(error, failed + 1)
      const waitMs = isStale ? 0 : waitAfter(error, failed, end - clock.now(), options)
      if (waitMs === undefined) throw givenUp(error, failed + 1)
      const retry = { attempt: failed + stale + 1, code: error.code, waitMs }
      if (waitMs > 0 && mayWait?.(retry) === false) throw postponed(error, waitMs)
      if (isStale) stale++
      else failed++
      onRetry?.(retry)
      if (waitMs > 0) await wait(waitMs, signal, clock)
    }
  }
}

/** Says how often an overloaded server was asked, and what to do. Other errors say what to do themselves. */
function givenUp(error: ModelError, attempts: number): ModelError {
  if (error.code !== 'overloaded') return error
  const advice = attempts === 1 ? 'Try again later.' : `Tried ${attempts} times; try again later.`
  const message = `${error.message}${/[.)\]]$/.test(error.message) ? '' : '.'} ${advice}`
  return new ModelError(message, { ...error }, { cause: error.cause })
}

/** The same error with the time of the wait that the caller takes over, in milliseconds. */
function postponed(error: ModelError, waitMs: number): ModelError {
  return new ModelError(
    error.message,
    { ...error, retryAfterMs: Math.min(Math.ceil(waitMs), maxRetryAfterMs) },
    { cause: error.cause },
  )
}

/** The wait before the next attempt, in milliseconds; `undefined` if it does not fit into the remaining time. */
function waitAfter(
  { code, retryAfterMs }: ModelError,
  failed: number,
  leftMs: number,
  { random, firstWaitMs }: RetryOptions,
): number | undefined {
  const ownWaitMs = (firstWaitMs ?? firstWaits.get(code) ?? defaultFirstWaitMs) * 2 ** failed
  // The server has had its pause already, and a silent connection must not cost the run because of the wait after it.
  const minWaitMs = retryAfterMs ?? (code === 'timeout' ? Math.min(ownWaitMs, leftMs / 4) : ownWaitMs)
  if (minWaitMs >= leftMs) return undefined
  const spreadMs = retryAfterMs === undefined ? minWaitMs / 2 : 500 + minWaitMs / 10
  // The random part must leave time for the attempt itself.
  return minWaitMs + random() * Math.min(spreadMs, (leftMs - minWaitMs) / 2)
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
        new ModelError('The call was aborted during the wait before a retry.', { code: 'aborted', retryable: false }),
      )
    })
  })
}

/**
 * The wait that a server asks for, in milliseconds, however long it is; `undefined` if it asks for none. It is read from, in
 * this order: `retry-after-ms`, which some gateways send; `retry-after` in seconds or as an HTTP date; the ISO time in
 * MiniMax's message for a used-up plan ("resets at 2026-05-15T15:00:00Z").
 */
export function retryAfterOf(
  header: (name: string) => string | undefined,
  message: string,
  nowEpochMs: number,
): number | undefined {
  const ms = numberOf(header('retry-after-ms'))
  if (ms !== undefined) return ms
  const value = header('retry-after')?.trim()
  const seconds = numberOf(value)
  if (seconds !== undefined) return seconds * 1000
  const resets = /resets at (\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))/.exec(message)?.[1]
  // Date.parse accepts almost anything as a date, even "-1".
  const date = value !== undefined && /^[A-Z][a-z]{2,8}, /.test(value) ? value : resets
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowEpochMs)
}

function numberOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}
