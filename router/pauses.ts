// Long work on large values pauses again and again, so that timers, heartbeats and requests of the application need not wait
// for its end. Several pieces of work may pause at the same time, such as the calls of one reply. Each turn of the event loop
// continues one of them: if all went on in the same turn, they would block it together.

/** Work that waits for its turn, in order. */
const waiting: (() => void)[] = []

/** The pauses of one piece of work. */
export class Pauses {
  readonly #sliceMs: number
  #endsAt: number

  /** @param sliceMs milliseconds of work between two pauses. */
  constructor(sliceMs = 8) {
    this.#sliceMs = sliceMs
    this.#endsAt = performance.now() + sliceMs
  }

  /** Whether the work has gone on for long enough. */
  get isDue(): boolean {
    return performance.now() >= this.#endsAt
  }

  /** Lets other work go on. The promise resolves in a turn of the event loop in which no other paused work continues. */
  pause(): Promise<void> {
    return new Promise<void>((resolve) => {
      waiting.push(() => {
        this.#endsAt = performance.now() + this.#sliceMs
        resolve()
      })
      if (waiting.length === 1) setImmediate(continueNext)
    })
  }
}

function continueNext(): void {
  const next = waiting.shift()
  // Set before the work continues, because it may pause again at once.
  if (waiting.length > 0) setImmediate(continueNext)
  next?.()
}
