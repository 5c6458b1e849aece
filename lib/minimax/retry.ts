import { onAbort } from '../../router/on-abort.ts'
import type { Clock } from '../loop/clock.ts'
import type { ModelRequest } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'

export interface RetryOptions {
  /** Further attempts after the first. */
  readonly retries: number
  /** Time for all attempts and waits together, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly clock: Clock
  /** From 0 to 1, to spread the waits of many clients. */
  readonly random: () => number
  /** The first wait, in milliseconds. @defaultValue 1000 */
  readonly firstWaitMs?: number | undefined
  readonly onRetry?: ModelRequest['onRetry'] | undefined
}

/**
 * The only retry layer: sends a call again where that can help and the wait fits into the time.
 *
 * Waits 1 s, 2 s, 4 s … (each between half and whole), or as long as the server asks.
 */
export async function withRetries<T>(options: RetryOptions, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
  const { clock, signal, firstWaitMs = 1000 } = options
  const end = clock.now() + options.timeoutMs
  for (let count = 0; ; count++) {
    try {
      return await attempt(Math.max(1, end - clock.now()))
    } catch (error) {
      if (!(error instanceof ModelError) || !error.retryable || count >= options.retries || signal.aborted) throw error
      const waitMs = error.retryAfterMs ?? firstWaitMs * 2 ** count * (0.5 + options.random() / 2)
      if (clock.now() + waitMs >= end) throw error
      options.onRetry?.({ attempt: count + 1, kind: error.kind, waitMs })
      await wait(waitMs, signal, clock)
    }
  }
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
        new ModelError('The call was aborted while it waited to be sent again.', { kind: 'aborted', retryable: false }),
      )
    })
  })
}
