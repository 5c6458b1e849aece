import type { Dispatcher } from 'undici'

/** A response whose headers have arrived; its body is still to come. */
export interface ResponseHead {
  /** HTTP status. */
  readonly status: number
  /** The value of the header with this name, which must be in lower case; the first value where there are several. */
  readonly header: (name: string) => string | undefined
  /** Ends the response now, as if its body were complete. The connection is closed. */
  readonly leave: () => void
}

/** Turns one response body into a value while it arrives. */
export interface BodyReader<T> {
  /** Takes the next bytes. If it throws, the response is dropped and {@link end} gets the error. */
  take(chunk: Buffer): void
  /** Called exactly once: when the body is complete, or with the error that cut it short. Throws to reject the call. */
  end(error?: unknown): T
}

/** Chooses the reader for a response body. */
export type ReadResponse<T> = (head: ResponseHead) => BodyReader<T>

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** One HTTP request and its response: the handler of an undici dispatcher. */
export class Exchange<T> implements Dispatcher.DispatchHandler {
  /** Resolves with the value of the body reader; rejects with the error that ended the exchange. */
  readonly outcome: Promise<T>
  readonly #read: ReadResponse<T>
  #resolve: (value: T) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #reader: BodyReader<T> | undefined
  #controller: Dispatcher.DispatchController | undefined
  #isSettled = false
  /** HTTP status of the response; `undefined` until its head has arrived. */
  status: number | undefined

  /** @param read is called with the head of the response. */
  constructor(read: ReadResponse<T>) {
    this.#read = read
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Whether the request was written to a connection. */
  get isSent(): boolean {
    return this.#controller !== undefined
  }

  /** Ends the exchange with an error and closes its connection. A request that was not sent yet is never sent. */
  interrupt(error: unknown): void {
    this.#settle(error)
    this.#controller?.abort(interrupted)
  }

  /** Called by undici when it writes the request. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isSettled) controller.abort(interrupted)
  }

  /** Called by undici with status and headers. */
  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    // Interim responses (1xx) are followed by the real one.
    if (this.#isSettled || status < 200) return
    this.status = status
    this.#reader = this.#read({
      status,
      header: (name) => [headers[name]].flat()[0],
      leave: () => this.interrupt(undefined),
    })
  }

  /** Called by undici with each part of the body. */
  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return
    try {
      this.#reader?.take(chunk)
    } catch (error) {
      this.interrupt(error)
    }
  }

  /** Called by undici when the body is complete. */
  onResponseEnd(): void {
    // undici frees the connection one turn of the event loop after the response. If the outcome came before that, the
    // next round would open a second connection.
    queueMicrotask(() => setImmediate(() => this.#settle(undefined)))
  }

  /** Called by undici when the request or the response failed. */
  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#settle(error)
  }

  #settle(error: unknown): void {
    if (this.#isSettled) return
    this.#isSettled = true
    try {
      if (this.#reader === undefined) throw error
      this.#resolve(this.#reader.end(error))
    } catch (thrown) {
      this.#reject(thrown)
    }
  }
}

/** The reason that undici gets; nobody sees it, because the exchange is settled before. */
const interrupted = new Error('The exchange was interrupted.')
