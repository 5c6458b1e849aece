import type { Line } from './line.ts'
import { isClosedConnection } from './network-error.ts'

/**
 * Milliseconds in which a dead connection shows: the answer to the first packet is that there is no such connection. A
 * server that takes longer may have worked on the request.
 */
const atOnceMs = 500

/** What one request met below HTTP. */
export class Sending {
  readonly #now: () => number
  #line: Line | undefined
  #isReuse = false
  #opened = 0
  #bytesRead = 0
  #begunAt = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Told by the connection that takes the request. */
  begin(line: Line): void {
    this.#line = line
    this.#isReuse = line.isOpen
    this.#opened = line.opened
    this.#bytesRead = line.bytesRead
    this.#begunAt = this.#now()
  }

  /**
   * Whether the request failed because it went out on a connection that the server had dropped while it was idle: it was
   * used before, nothing came back, and it failed at once.
   */
  wasStale(error: unknown): boolean {
    const line = this.#line
    if (line === undefined || !this.#isReuse || !isClosedConnection(error)) return false
    const isSameSocket = line.opened === this.#opened
    return isSameSocket && line.bytesRead === this.#bytesRead && this.#now() - this.#begunAt <= atOnceMs
  }

  /** Ends what a signal does not reach in undici: the opening of a connection. */
  giveUp(): void {
    this.#line?.giveUp()
  }
}
