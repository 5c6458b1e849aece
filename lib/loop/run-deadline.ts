import { setMaxListeners } from 'node:events'
import { onAbort } from '../../router/on-abort.ts'
import type { Clock } from './clock.ts'
import { ModelError } from './errors.ts'

/** Why a run's signal was aborted. */
type Interruption = 'cancelled' | 'deadline'

/**
 * One run's time and cancellation: a signal that is aborted by the caller's or at the deadline, whichever is first.
 * `close` takes the timer and the listener back, so that a caller's signal may serve any number of runs.
 */
export class Scope {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #deadline: number
  readonly #closers: (() => void)[] = []
  #interruption: Interruption | undefined

  constructor(clock: Clock, deadlineMs: number, caller: AbortSignal | undefined) {
    this.#clock = clock
    this.#deadline = clock.now() + deadlineMs
    setMaxListeners(0, this.#controller.signal)
    // Held for the whole run: the many short waits on this signal then cost no listener each.
    this.#closers.push(onAbort(this.#controller.signal, () => {}))
    if (caller?.aborted) this.#interrupt('cancelled', caller.reason)
    else if (caller !== undefined) {
      const onAbort = () => this.#interrupt('cancelled', caller.reason)
      // Any number of runs may share a signal, and each takes its listener back: Node's warning of a leak would be wrong.
      setMaxListeners(0, caller)
      caller.addEventListener('abort', onAbort, { once: true })
      this.#closers.push(() => caller.removeEventListener('abort', onAbort))
    }
    const atDeadline = () =>
      this.#interrupt(
        'deadline',
        new ModelError('The deadline of the run is over.', { code: 'timeout', retryable: true }),
      )
    this.#closers.push(clock.after(Math.max(0, deadlineMs), atDeadline))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get interruption(): Interruption | undefined {
    return this.#interruption
  }

  remainingMs(): number {
    return this.#deadline - this.#clock.now()
  }

  close(): void {
    for (const close of this.#closers) close()
  }

  #interrupt(interruption: Interruption, reason: unknown): void {
    if (this.#interruption !== undefined) return
    this.#interruption = interruption
    this.#controller.abort(reason)
  }
}

/**
 * Ends the wait when the signal is aborted, even for a promise that never settles; its late outcome is dropped. What is no
 * promise, from code without types, is the outcome itself.
 */
export function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopWaiting = onAbort(signal, () => reject(signal.reason))
    if (signal.aborted) reject(signal.reason)
    Promise.resolve(promise).then(
      (value) => {
        stopWaiting()
        resolve(value)
      },
      (error: unknown) => {
        stopWaiting()
        reject(error)
      },
    )
  })
}
