import type { Socket } from 'node:net'
import { type buildConnector, Client, errors } from 'undici'
import type { OpenSocket } from './open-socket.ts'
import { ProxyFailure } from './tunnel.ts'

/** Milliseconds that opening a connection may take, proxy and TLS included. */
const patienceMs = 10_000

export interface ConnectionOptions {
  readonly origin: string
  readonly maxResponseBytes: number
  readonly open: OpenSocket
}

/** One connection, for one request at a time: its socket is opened when a request needs it, and again once it was closed. */
export class Connection extends Client {
  readonly #line: Line

  constructor({ origin, maxResponseBytes, open }: ConnectionOptions) {
    const line = new Line(open)
    super(origin, {
      connect: (target, callback) => line.connect(target, callback),
      // Tools may work for a while between two rounds; idle sockets do not keep the process alive.
      keepAliveTimeout: 60_000,
      maxResponseSize: maxResponseBytes,
      // undici's own limits of 300 s would cut long completions silently: the deadline alone decides.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#line = line
  }

  /** The last one that was opened; it may be closed by now. */
  get socket(): Socket | undefined {
    return this.#line.socket
  }

  /** Whether some of a request is still to go out. */
  get isSending(): boolean {
    return this.socket !== undefined && this.socket.writableLength > 0
  }

  /** Ends it at once: what it was asked for, and a socket that is still being opened, which undici would wait for. */
  async end(): Promise<void> {
    this.#line.giveUp()
    await this.destroy()
  }
}

/** Opens the sockets of one connection. */
class Line {
  readonly #open: OpenSocket
  #attempt: AbortController | undefined
  socket: Socket | undefined

  constructor(open: OpenSocket) {
    this.#open = open
  }

  /** undici's connector. */
  connect(target: buildConnector.Options, callback: buildConnector.Callback): void {
    const attempt = new AbortController()
    const timer = setTimeout(() => attempt.abort(new errors.ConnectTimeoutError()), patienceMs)
    const end = () => {
      clearTimeout(timer)
      this.#attempt = undefined
    }
    this.#attempt = attempt
    void this.#open(target, attempt.signal).then(
      (socket) => {
        end()
        this.socket = socket
        callback(null, socket)
      },
      (error) => {
        end()
        callback(attempt.signal.aborted && !(error instanceof ProxyFailure) ? attempt.signal.reason : error, null)
      },
    )
  }

  giveUp(): void {
    this.#attempt?.abort(new errors.ClientDestroyedError())
  }
}
