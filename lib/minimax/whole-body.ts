import type { BodyReader } from './exchange.ts'

const byteOrderMark = '\ufeff'

/** A body that is read as a whole. */
export class WholeBody<T> implements BodyReader<T> {
  readonly #read: (text: string) => T
  readonly #chunks: Buffer[] = []

  constructor(read: (text: string) => T) {
    this.#read = read
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  end(error?: unknown): T {
    if (error !== undefined) throw error
    const [first, ...others] = this.#chunks
    const bytes = first === undefined || others.length > 0 ? Buffer.concat(this.#chunks) : first
    const text = bytes.toString()
    return this.#read(text.startsWith(byteOrderMark) ? text.slice(1) : text)
  }
}
