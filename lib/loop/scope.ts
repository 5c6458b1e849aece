import type { Clock } from './clock.ts'

/** Why a run's signal was aborted. */
export type Interruption = 'cancelled' | 'deadline'

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
    if (caller?.aborted) this.#interrupt('cancelled', caller.reason)
    else if (caller !== undefined) {
      const onAbort = () => this.#interrupt('cancelled', caller.reason)
      caller.addEventListener('abort', onAbort, { once: true })
      this.#closers.push(() => caller.removeEventListener('abort', onAbort))
    }
    const atDeadline = () =>
      this.#interrupt('deadline', new DOMException('The deadline of the run is over.', 'TimeoutError'))
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
