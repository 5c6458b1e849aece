import type { Dispatcher } from 'undici'
import { maxTimerMs, onAbort } from '../../router/on-abort.ts'
import { ModelError } from '../loop/errors.ts'
import { Connections, loadUndici } from './connections.ts'
import { isClosedConnection, networkError, StaleConnectionError } from './errors/network-error.ts'
import type { Configuration, TimeLimit } from './options.ts'
import { proxyFor } from './proxy.ts'
import type { RequestSettings } from './request-options.ts'

/** A response whose headers have arrived; its body is still to come. */
export interface ResponseHead {
  /** HTTP status. */
  readonly status: number
  /** The value of the header with this name, which must be in lower case; the first value where there are several. */
  readonly header: (name: string) => string | undefined
  /** Ends the response now, as if its body were complete. The connection is closed. */
  readonly endEarly: () => void
}

/** Turns one response body into a value while it arrives. */
export interface BodyReader<T> {
  /** Takes the next bytes. If it throws, the response is dropped and {@link end} gets the error. */
  take(chunk: Buffer): void
  /** Called exactly once: when the body is complete, or with the error that cut it short. Throws to reject the call. */
  end(error?: unknown): T
}

/** Chooses the reader for a response body. */
type ReadResponse<T> = (head: ResponseHead) => BodyReader<T>

/**
 * Milliseconds within which a stale connection fails: the first packet is answered with a reset. If a connection breaks
 * later, the server may have worked on the request, so it is not sent again at once.
 */
const staleWithinMs = 500

/** One request. */
interface PostRequest {
  /** The body. */
  readonly body: Buffer
  /** All headers, from {@link requestHeaders}. */
  readonly headers: Readonly<Record<string, string>>
  /** Time that is left for this request, response included, in milliseconds. `callTimeout` may be shorter. */
  readonly timeoutMs: number
  /** Milliseconds of the slowest reply so far. Shares of the time that is left do not cut such a reply off. @defaultValue 0 */
  readonly slowestReplyMs?: number | undefined
  /** Aborts the call and closes its connection. */
  readonly signal: AbortSignal
}

/** Sends requests to one endpoint. */
export interface Transport {
  /**
   * Posts one body and reads the response.
   *
   * @throws {ModelError} for every failure below HTTP, and whatever the body reader throws.
   */
  post<T>(request: PostRequest, read: ReadResponse<T>): Promise<T>
  /** Closes all connections at once. Calls that are in progress fail. */
  close(): Promise<void>
}

/** The headers of all requests with these settings. */
export function requestHeaders(
  { token, stream }: Pick<Configuration, 'token' | 'stream'>,
  settings: RequestSettings,
): Readonly<Record<string, string>> {
  return {
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream, application/json' : 'application/json',
    ...settings.headers,
  }
}

/**
 * Creates the transport of one client.
 *
 * @param now clock in milliseconds, for telling stale connections from slow ones.
 * @throws {ModelError} `configuration` if the address of the proxy is not an http or https URL.
 */
export function createTransport(
  { url, callTimeout, idleTimeout, maxResponseBytes, env }: Configuration,
  now: () => number,
): Transport {
  const proxy = proxyFor(url, env)
  const { origin } = url
  const path = `${url.pathname}${url.search}`
  const open = new Set<Connections>()
  // Loading starts now, so that the first call need not wait for all of it. If it fails, that call reports the error.
  const undici = loadUndici()
  undici.catch(() => {})
  let connections: Connections | undefined
  let calls = 0
  let isClosed = false

  return { post, close }

  async function post<T>(request: PostRequest, read: ReadResponse<T>): Promise<T> {
    const { body, headers, timeoutMs, slowestReplyMs = 0, signal } = request
    if (signal.aborted) throw aborted()
    if (isClosed) throw closed()
    if (connections === undefined) {
      const module = await undici
      connections ??= openConnections(module)
      if (signal.aborted) throw aborted()
      if (isClosed) throw closed()
    }
    const used = connections
    const openedBefore = used.opened
    const startedAt = now()
    const exchange = new Exchange(read, () => idleTimer?.refresh())
    const limitMs = limitOf(callTimeout, timeoutMs, 2 * slowestReplyMs)
    const idleMs = limitOf(idleTimeout, timeoutMs, slowestReplyMs)
    const timer = after(limitMs, () => exchange.interrupt(noReply(limitMs, limitMs < timeoutMs)))
    const idleTimer = idleMs < limitMs ? after(idleMs, () => exchange.interrupt(noBytes(idleMs))) : undefined
    const stopListening = onAbort(signal, () => exchange.interrupt(aborted()))
    calls++
    try {
      // An object literal: undici reads copies made by spreading more slowly, by 15 % of the whole call.
      used.dispatch({ origin, path, method: 'POST', headers, body }, exchange)
      return await exchange.outcome
    } catch (error) {
      if (signal.aborted) throw aborted()
      if (isClosed) throw closed()
      const isStale =
        isClosedConnection(error) &&
        exchange.status === undefined &&
        used.isLossOfFirst(openedBefore, error) &&
        now() - startedAt <= staleWithinMs
      if (!isStale) throw networkError(error, url)
      // If one idle connection is dead (the server restarted), all of them are.
      replace(used)
      throw new StaleConnectionError(url.host)
    } finally {
      clearTimeout(timer)
      clearTimeout(idleTimer)
      stopListening()
      calls--
      // The server may have stopped reading the request, and anything sent later on this connection would be lost.
      if (exchange.status === 413) replace(used)
      // Nobody waits for a connection that is still being opened: close its socket now, not at its timeout.
      if (!exchange.isSent && calls === 0 && !isClosed) abandon(used)
    }
  }

  function openConnections(module: Awaited<typeof undici>): Connections {
    const fresh = new Connections(module, { maxResponseBytes, proxy })
    open.add(fresh)
    return fresh
  }

  /** Later calls use new connections; calls in progress keep theirs. */
  function replace(used: Connections): void {
    if (used !== connections || isClosed) return
    connections = undefined
    void used.retire().finally(() => open.delete(used))
  }

  function abandon(used: Connections): void {
    if (used === connections) connections = undefined
    void used.destroy().finally(() => open.delete(used))
  }

  async function close(): Promise<void> {
    isClosed = true
    await Promise.all([...open].map((one) => one.destroy()))
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** One HTTP request and its response: the handler of an undici dispatcher. */
class Exchange<T> implements Dispatcher.DispatchHandler {
  /** Resolves with the value of the body reader; rejects with the error that ended the exchange. */
  readonly outcome: Promise<T>
  readonly #read: ReadResponse<T>
  readonly #onBytes: () => void
  #resolve: (value: T) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #reader: BodyReader<T> | undefined
  #controller: Dispatcher.DispatchController | undefined
  #isSettled = false
  /** HTTP status of the response; `undefined` until its head has arrived. */
  status: number | undefined

  /**
   * @param read called with the head of the response.
   * @param onBytes called whenever something of the response arrives.
   */
  constructor(read: ReadResponse<T>, onBytes: () => void) {
    this.#read = read
    this.#onBytes = onBytes
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
    this.#onBytes()
    this.status = status
    this.#reader = this.#read({
      status,
      header: (name) => [headers[name]].flat()[0],
      endEarly: () => this.interrupt(undefined),
    })
  }

  /** Called by undici with each part of the body. */
  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled) return
    this.#onBytes()
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

/** The reason that undici gets. Nobody sees it, because the exchange is settled before. */
const interrupted = new Error('The exchange was interrupted.')

/** Milliseconds of a limit when `leftMs` are left for the call. The share does not make it shorter than `usualMs`. */
function limitOf({ longestMs, share }: TimeLimit, leftMs: number, usualMs: number): number {
  return Math.min(longestMs, leftMs, Math.max(leftMs * share, usualMs))
}

function after(ms: number, callback: () => void): NodeJS.Timeout {
  return setTimeout(callback, Math.min(ms, maxTimerMs))
}

function noReply(limitMs: number, isCallTimeout: boolean): ModelError {
  const option = isCallTimeout ? ' (callTimeoutMs)' : ''
  return timeout(`MiniMax did not answer within ${Math.round(limitMs)} ms${option}.`)
}

function noBytes(idleMs: number): ModelError {
  return timeout(`MiniMax sent nothing for ${Math.round(idleMs)} ms (idleTimeoutMs).`)
}

function timeout(message: string): ModelError {
  return new ModelError(message, { code: 'timeout', retryable: true })
}

function aborted(): ModelError {
  return new ModelError('The call was aborted.', { code: 'aborted', retryable: false })
}

function closed(): ModelError {
  const message = 'This model was closed. Create another one with minimax().'
  return new ModelError(message, { code: 'configuration', retryable: false })
}
