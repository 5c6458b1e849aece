import type { BodyReader, ResponseHead } from './exchange.ts'

/** Far more than an error needs. */
const mostBytes = 65_536
/** Milliseconds for the words of an error whose status is known already. */
const patienceMs = 2_000

/**
 * The text of an error response, as much of it as comes soon: a body that breaks off, hangs or never ends must not cost
 * what the status says.
 */
export class ErrorBody implements BodyReader<never> {
  readonly #fail: (text: string) => never
  readonly #leave: () => void
  readonly #timer: NodeJS.Timeout
  readonly #chunks: Buffer[] = []
  #length = 0

  /** @param fail throws the error that the text describes. */
  constructor({ leave }: ResponseHead, fail: (text: string) => never) {
    this.#fail = fail
    this.#leave = leave
    this.#timer = setTimeout(leave, patienceMs)
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length >= mostBytes) this.#leave()
  }

  end(): never {
    clearTimeout(this.#timer)
    this.#fail(Buffer.concat(this.#chunks).toString('utf8', 0, mostBytes))
  }
}
