import type { Socket } from 'node:net'
import type { Connection } from './connection.ts'
import { isClosedConnection } from './errors/network-error.ts'

/**
 * Milliseconds in which a dead connection shows: the answer to the first packet is that there is no such connection. A
 * server that takes longer may have worked on the request.
 */
const atOnceMs = 500

/** What one request met below HTTP. */
export class Sending {
  readonly #connection: Connection
  readonly #now: () => number
  /** The socket that was open before the request, and how much had come in on it. */
  readonly #socket: Socket | undefined
  readonly #bytesRead: number
  readonly #begunAt: number

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection
    this.#now = now
    this.#socket = connection.socket?.destroyed === false ? connection.socket : undefined
    this.#bytesRead = this.#socket?.bytesRead ?? 0
    this.#begunAt = now()
  }

  /**
   * Whether the request failed because it went out on a connection that the server had dropped while it was idle: it was
   * used before, nothing came back, and it failed at once.
   */
  wasStale(error: unknown): boolean {
    if (this.#socket === undefined || !isClosedConnection(error)) return false
    const isSame = this.#connection.socket === this.#socket
    return isSame && this.#socket.bytesRead === this.#bytesRead && this.#now() - this.#begunAt <= atOnceMs
  }
}
