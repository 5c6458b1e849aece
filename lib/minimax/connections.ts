import { Connection, type ConnectionOptions } from './connection.ts'

/**
 * The connections of one client to one endpoint. undici's pool would do, but for a connection that has just answered,
 * which it takes for busy until a turn later: the next round would open another one.
 */
export class Connections {
  readonly #options: ConnectionOptions
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  #isClosed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /**
   * One that nobody uses, the last one that was given back: its socket is the likeliest to be open still. After `close`,
   * one that fails whatever it is asked for.
   */
  take(): Connection {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    const fresh = new Connection(this.#options)
    fresh.on('disconnect', () => this.#forget(fresh))
    if (this.#isClosed) void fresh.end()
    else this.#all.add(fresh)
    return fresh
  }

  /**
   * For the next request: the response of the last one has come to its end. A server that answers before it has read all
   * of a request may never read the rest, and what is sent behind that neither.
   */
  giveBack(connection: Connection): void {
    if (!connection.isSending) this.#keep(connection)
    // That its bytes are gone a TLS socket tells a turn later.
    else setImmediate(() => (connection.isSending ? this.drop(connection) : this.#keep(connection)))
  }

  /** Ends a connection on which a request or a response may still be under way. */
  drop(connection: Connection): void {
    this.#all.delete(connection)
    void connection.end()
  }

  /** What one idle connection met the others have met, too: a server that was started anew knows none of them. */
  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) this.drop(connection)
  }

  /** After a burst of calls nobody may ever take most of the idle ones: each goes with its socket. */
  #forget(connection: Connection): void {
    const index = this.#idle.indexOf(connection)
    if (index === -1) return
    this.#idle.splice(index, 1)
    this.drop(connection)
  }

  #keep(connection: Connection): void {
    if (!this.#isClosed) this.#idle.push(connection)
  }

  /** Ends all of them at once, also those in use and those that are still being opened. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#idle.length = 0
    await Promise.all([...this.#all].map((connection) => connection.end()))
  }
}
