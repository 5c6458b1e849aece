import type { Socket } from 'node:net'
import { type buildConnector, errors } from 'undici'
import type { OpenSocket } from './open-socket.ts'
import { ProxyFailure } from './tunnel.ts'

/** Milliseconds that opening a connection may take, proxy and TLS included. */
const patienceMs = 10_000

/** Where one connection of the pool runs: its socket is opened when a request needs it, and again once it was closed. */
export class Line {
  readonly #open: OpenSocket
  readonly #attempts: Set<AbortController>
  #attempt: AbortController | undefined
  #socket: Socket | undefined
  #opened = 0

  /** @param attempts where a socket that is being opened can be ended by whoever ends all of them. */
  constructor(open: OpenSocket, attempts: Set<AbortController>) {
    this.#open = open
    this.#attempts = attempts
  }

  get isOpen(): boolean {
    return this.#socket?.destroyed === false
  }

  /** How often a socket was opened so far. */
  get opened(): number {
    return this.#opened
  }

  /** How much came in on the last socket. */
  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0
  }

  /** undici's connector. */
  connect(target: buildConnector.Options, callback: buildConnector.Callback): void {
    const attempt = new AbortController()
    const timer = setTimeout(() => attempt.abort(new errors.ConnectTimeoutError()), patienceMs)
    const end = () => {
      clearTimeout(timer)
      this.#attempt = undefined
      this.#attempts.delete(attempt)
    }
    this.#attempt = attempt
    this.#attempts.add(attempt)
    void this.#open(target, attempt.signal).then(
      (socket) => {
        end()
        this.#socket = socket
        this.#opened++
        callback(null, socket)
      },
      (error) => {
        end()
        callback(attempt.signal.aborted && !(error instanceof ProxyFailure) ? attempt.signal.reason : error, null)
      },
    )
  }

  /** Leaves a socket that is still being opened: whoever waited for it has gone. */
  giveUp(): void {
    this.#attempt?.abort(new errors.RequestAbortedError())
  }
}
