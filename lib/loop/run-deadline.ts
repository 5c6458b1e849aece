import { setMaxListeners } from 'node:events'
import { maxTimerMs, onAbort } from '../../router/on-abort.ts'
import { ModelError } from './errors.ts'

/** Source of time for deadlines, durations and waits. Timeouts of single tools and of sockets use real timers. */
export interface Clock {
  /** Milliseconds since some fixed moment. It never goes back. */
  now(): number
  /** Calls `callback` once after `ms` milliseconds. The returned function cancels the timer. */
  after(ms: number, callback: () => void): () => void
}

/** The clock of the system. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, maxTimerMs))
    return () => clearTimeout(timer)
  },
}

/** Why a run was interrupted: the caller aborted its signal, or `limits.deadlineMs` elapsed. */
export type Interruption = 'cancelled' | 'deadline'

/**
 * The deadline and the cancellation of one run, combined into a single `AbortSignal`.
 *
 * HTTP requests, tools and waits of the run all use {@link signal}. Call {@link close} when the run ends: it removes the
 * timer and the listener on the caller's signal, so one signal can serve any number of runs.
 */
export class RunDeadline {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #endsAt: number
  readonly #cleanups: (() => void)[] = []
  #interruption: Interruption | undefined

  /**
   * @param clock source of time; tests pass their own.
   * @param deadlineMs milliseconds until the deadline. A value below 0 means that the deadline is over.
   * @param callerSignal aborts the run when it is aborted. An already aborted signal aborts the run at once.
   */
  constructor(clock: Clock, deadlineMs: number, callerSignal: AbortSignal | undefined) {
    this.#clock = clock
    this.#endsAt = clock.now() + deadlineMs
    // A run has more concurrent waits than Node's default limit of ten listeners.
    setMaxListeners(0, this.#controller.signal)
    // This keeps one listener on the signal for the whole run, so onAbort does not add and remove one for every wait.
    this.#cleanups.push(onAbort(this.#controller.signal, () => {}))
    if (callerSignal !== undefined) this.#follow(callerSignal)
    const onDeadline = () => this.#interrupt('deadline', deadlineError())
    this.#cleanups.push(clock.after(Math.max(0, deadlineMs), onDeadline))
  }

  /** Aborted at the deadline or when the caller's signal is aborted: by the first of the two. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why the run was interrupted; `undefined` if it was not. */
  get interruption(): Interruption | undefined {
    return this.#interruption
  }

  /** Milliseconds until the deadline; negative after it. */
  remainingMs(): number {
    return this.#endsAt - this.#clock.now()
  }

  /** Removes the timer and all listeners. Call it once, when the run ends. */
  close(): void {
    for (const cleanup of this.#cleanups) cleanup()
  }

  #follow(callerSignal: AbortSignal): void {
    const onCancel = () => this.#interrupt('cancelled', callerSignal.reason)
    if (callerSignal.aborted) {
      onCancel()
      return
    }
    // Many runs may share the caller's signal, and each removes its own listener, so Node's leak warning would be wrong.
    setMaxListeners(0, callerSignal)
    callerSignal.addEventListener('abort', onCancel, { once: true })
    this.#cleanups.push(() => callerSignal.removeEventListener('abort', onCancel))
  }

  /** The first interruption wins: a deadline that passes during a cancellation does not change the reason. */
  #interrupt(interruption: Interruption, reason: unknown): void {
    if (this.#interruption !== undefined) return
    this.#interruption = interruption
    this.#controller.abort(reason)
  }
}

/**
 * Waits for `promise`, but no longer than until `signal` is aborted. The outcome of a promise that settles later is
 * ignored. A value that is not a promise, from code without types, is returned as it is.
 *
 * @throws the signal's reason if it is aborted first, otherwise the reason of the rejected promise.
 */
export function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  // One promise instead of `Promise.race` and `finally`, which make four: this runs for every model call.
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason))
    Promise.resolve(promise).then(
      (value) => {
        stopListening()
        resolve(value)
      },
      (error: unknown) => {
        stopListening()
        reject(error)
      },
    )
  })
}

function deadlineError(): ModelError {
  return new ModelError('The run reached its deadline.', { code: 'timeout', retryable: true })
}
