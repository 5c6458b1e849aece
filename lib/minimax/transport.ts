import { maxTimerMs, onAbort } from '../../router/on-abort.ts'
import { ModelError } from '../loop/errors.ts'
import type { Configuration } from './configuration.ts'
import { Connections } from './connections.ts'
import { networkError } from './errors/network-error.ts'
import { Exchange, type ReadResponse } from './exchange.ts'
import { socketOpener } from './open-socket.ts'
import { proxyFor } from './proxy.ts'
import { Sending } from './sending.ts'
import { StaleConnection } from './stale-connection.ts'

export interface Transport {
  /**
   * Posts one body and has the response read. The time and the signal hold until that is done.
   *
   * @throws {ModelError} for everything below HTTP, and what the reader throws.
   */
  post<T>(body: Buffer, timeoutMs: number, signal: AbortSignal, read: ReadResponse<T>): Promise<T>
  /** Ends all connections at once, also those in use. */
  close(): Promise<void>
}

/**
 * HTTP over undici with connections of its own: keep-alive, no redirects, a cap on the response, time limits by the caller.
 *
 * @throws {ModelError} `configuration` where the address of the proxy is no http(s) URL.
 */
export function createTransport(
  { url, token, stream, maxResponseBytes, env }: Configuration,
  now: () => number,
): Transport {
  const open = socketOpener(proxyFor(url, env))
  const connections = new Connections({ origin: url.origin, maxResponseBytes, open })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream, application/json' : 'application/json',
  }
  const { origin } = url
  const path = `${url.pathname}${url.search}`

  return {
    close: () => connections.close(),
    async post<T>(body: Buffer, timeoutMs: number, signal: AbortSignal, read: ReadResponse<T>): Promise<T> {
      if (signal.aborted) throw aborted()
      const connection = connections.take()
      const sending = new Sending(connection, now)
      const exchange = new Exchange(read)
      const timer = setTimeout(() => exchange.interrupt(timedOut(timeoutMs)), Math.min(timeoutMs, maxTimerMs))
      const stopWaiting = onAbort(signal, () => exchange.interrupt(aborted()))
      try {
        connection.dispatch({ origin, path, method: 'POST', headers, body }, exchange)
        return await exchange.outcome
      } catch (error) {
        if (signal.aborted) throw aborted()
        if (!sending.wasStale(error)) throw networkError(error, url)
        connections.dropIdle()
        throw new StaleConnection(url.host)
      } finally {
        clearTimeout(timer)
        stopWaiting()
        if (exchange.isComplete) connections.giveBack(connection)
        else connections.drop(connection)
      }
    },
  }
}

function timedOut(timeoutMs: number): ModelError {
  return new ModelError(`MiniMax did not answer within ${Math.round(timeoutMs)} ms.`, {
    code: 'timeout',
    retryable: true,
  })
}

function aborted(): ModelError {
  return new ModelError('The call was aborted.', { code: 'aborted', retryable: false })
}
