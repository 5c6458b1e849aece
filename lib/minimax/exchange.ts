import type { Dispatcher } from 'undici'

/** A response whose headers are there; its body is still to come. */
export interface ResponseHead {
  readonly status: number
  /** The value of a header, in lower case; the first one where there are several. */
  readonly header: (name: string) => string | undefined
  /** Leaves the response, as if its body ended here. */
  readonly leave: () => void
}

/** Makes something of one body as it arrives. */
export interface BodyReader<T> {
  /** Takes the next bytes. What it throws cuts the body short. */
  take(chunk: Buffer): void
  /** Called once: when the body is over, or with the error that cut it short. */
  end(error?: unknown): T
}

export type ReadResponse<T> = (head: ResponseHead) => BodyReader<T>

/** One request with its response, as undici tells of them. */
export class Exchange<T> implements Dispatcher.DispatchHandler {
  readonly outcome: Promise<T>
  readonly #read: ReadResponse<T>
  #resolve: (value: T) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #reader: BodyReader<T> | undefined
  #isOver = false
  /** Whether the response has come to its end, so that its connection is free for another one. */
  isComplete = false

  constructor(read: ReadResponse<T>) {
    this.#read = read
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Ends it before its time; who has the connection ends that as well. */
  interrupt(error: unknown): void {
    this.#settle(error)
  }

  /** undici takes its presence for the sign that this is a handler of the newer kind. */
  onRequestStart(): void {}

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    // An interim response is followed by the real one.
    if (this.#isOver || status < 200) return
    this.#reader = this.#read({
      status,
      header: (name) => [headers[name]].flat()[0],
      leave: () => this.#settle(undefined),
    })
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return
    try {
      this.#reader?.take(chunk)
    } catch (error) {
      this.#settle(error)
    }
  }

  onResponseEnd(): void {
    this.isComplete = !this.#isOver
    this.#settle(undefined)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#settle(error)
  }

  #settle(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      if (this.#reader === undefined) throw error
      this.#resolve(this.#reader.end(error))
    } catch (thrown) {
      this.#reject(thrown)
    }
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>
