import { EventEmitter } from 'node:events'
import { type Dispatcher, request } from 'undici'
import { onAbort } from '../../router/on-abort.ts'
import { ModelError } from '../loop/model-error.ts'
import type { Configuration } from './configuration.ts'
import { connect } from './dispatcher.ts'
import { isClosedConnection, networkError } from './network-error.ts'

/** A response whose headers are there; its body is still to be read. */
export interface HttpResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: Dispatcher.ResponseData['body']
}

export interface Transport {
  /**
   * Posts one body and hands the response to `read`. The time and the signal hold until `read` is done.
   *
   * @throws {ModelError} for everything below HTTP, and what `read` throws.
   */
  post<T>(
    body: string | Buffer,
    timeoutMs: number,
    signal: AbortSignal,
    read: (response: HttpResponse) => Promise<T>,
  ): Promise<T>
  close(): Promise<void>
}

/** HTTP over undici with connections of its own: keep-alive, no redirects, a cap on the response, time limits by the caller. */
export function createTransport({ url, token, stream, maxResponseBytes, env }: Configuration): Transport {
  const { dispatcher, made } = connect(url, maxResponseBytes, env)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream, application/json' : 'application/json',
  }
  const send = async (body: string | Buffer, signal: Interruption): Promise<Dispatcher.ResponseData> => {
    // undici's own limits of 300 s would cut long completions silently: the deadline alone decides.
    const options = { dispatcher, method: 'POST', headers, body, signal, headersTimeout: 0, bodyTimeout: 0 } as const
    const before = made()
    try {
      return await request(url, options)
    } catch (error) {
      // No connection was made for this request, so it went out on one that the server had dropped while it was idle.
      const stale = before !== undefined && before === made() && isClosedConnection(error)
      if (!stale || signal.aborted) throw error
      return request(url, options)
    }
  }
  return {
    async post(body, timeoutMs, signal, read) {
      if (signal.aborted) throw aborted()
      const interruption = new Interruption()
      const timer = setTimeout(() => interruption.interrupt(timedOut(timeoutMs)), Math.min(timeoutMs, 2 ** 31 - 1))
      const stopWaiting = onAbort(signal, () => interruption.interrupt(signal.reason))
      try {
        const { statusCode, headers: received, body: content } = await send(body, interruption)
        const retryAfter = [received['retry-after']].flat()[0]
        const result = await read({ status: statusCode, retryAfter, body: content })
        // undici frees a connection one turn after its response: without the wait the next round would open another.
        await new Promise((resolve) => setImmediate(resolve))
        return result
      } catch (error) {
        throw signal.aborted ? aborted() : networkError(error, url)
      } finally {
        clearTimeout(timer)
        stopWaiting()
      }
    },
    close: () => dispatcher.close(),
  }
}

/** An end before time, in the form that undici takes beside `AbortSignal`, and that costs a third of one. */
class Interruption extends EventEmitter {
  aborted = false
  reason: unknown

  interrupt(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.emit('abort')
  }
}

function timedOut(timeoutMs: number): ModelError {
  return new ModelError(`MiniMax did not answer within ${Math.round(timeoutMs)} ms.`, {
    kind: 'timeout',
    retryable: true,
  })
}

function aborted(): ModelError {
  return new ModelError('The call was aborted.', { kind: 'aborted', retryable: false })
}
