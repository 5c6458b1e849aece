import { errors, Pool } from 'undici'
import { Connection } from './connection.ts'
import { Line } from './line.ts'
import { socketOpener } from './open-socket.ts'
import { proxyFor } from './proxy.ts'

export interface Connections {
  readonly pool: Pool
  /** Ends all connections at once, also those in use and those that are still being opened. */
  close(): Promise<void>
}

/**
 * The connections of one client to one endpoint: kept alive between rounds, a cap on the response, no redirects.
 *
 * @throws {ModelError} `configuration` where the address of the proxy is no http(s) URL.
 */
export function connect(
  url: URL,
  maxResponseBytes: number,
  env: Readonly<Record<string, string | undefined>>,
): Connections {
  const open = socketOpener(proxyFor(url, env))
  const attempts = new Set<AbortController>()
  // Tools may work for a while between two rounds; idle sockets do not keep the process alive.
  const options = { keepAliveTimeout: 60_000, maxResponseSize: maxResponseBytes }
  const pool = new Pool(url.origin, { factory: (origin) => new Connection(origin, options, new Line(open, attempts)) })
  return {
    pool,
    close: () => {
      // undici waits for a connection that is still being opened.
      for (const attempt of attempts) attempt.abort(new errors.ClientDestroyedError())
      return pool.destroy()
    },
  }
}
