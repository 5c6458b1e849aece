import { maxTimerMs, onAbort } from '../../router/on-abort.ts'
import { ModelError } from '../loop/errors.ts'
import { Connections, loadUndici } from './connections.ts'
import { isClosedConnection, networkError } from './errors/network-error.ts'
import { Exchange, type ReadResponse } from './exchange.ts'
import type { Configuration } from './options.ts'
import { proxyFor } from './proxy.ts'
import { StaleConnectionError } from './retry.ts'

/**
 * Milliseconds within which a stale connection fails: the first packet is answered with a reset. If a connection breaks
 * later, the server may have worked on the request, so it is not sent again at once.
 */
const staleWithinMs = 500

/** Sends requests to one endpoint. */
export interface Transport {
  /**
   * Posts one body and reads the response.
   *
   * @param timeoutMs time for the whole call, response included, in milliseconds.
   * @param signal aborts the call and closes its connection.
   * @throws {ModelError} for every failure below HTTP, and whatever the body reader throws.
   */
  post<T>(body: Buffer, timeoutMs: number, signal: AbortSignal, read: ReadResponse<T>): Promise<T>
  /** Closes all connections at once. Calls that are in progress fail. */
  close(): Promise<void>
}

/**
 * Creates the transport of one client.
 *
 * @param now clock in milliseconds, for telling stale connections from slow ones.
 * @throws {ModelError} `configuration` if the address of the proxy is not an http or https URL.
 */
export function createTransport(
  { url, token, stream, maxResponseBytes, env }: Configuration,
  now: () => number,
): Transport {
  const proxy = proxyFor(url, env)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream, application/json' : 'application/json',
  }
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

  async function post<T>(body: Buffer, timeoutMs: number, signal: AbortSignal, read: ReadResponse<T>): Promise<T> {
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
    const exchange = new Exchange(read)
    const timer = setTimeout(() => exchange.interrupt(timedOut(timeoutMs)), Math.min(timeoutMs, maxTimerMs))
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

function timedOut(timeoutMs: number): ModelError {
  const message = `MiniMax did not answer within ${Math.round(timeoutMs)} ms.`
  return new ModelError(message, { code: 'timeout', retryable: true })
}

function aborted(): ModelError {
  return new ModelError('The call was aborted.', { code: 'aborted', retryable: false })
}

function closed(): ModelError {
  const message = 'This model was closed. Create another one with minimax().'
  return new ModelError(message, { code: 'configuration', retryable: false })
}
