import { EventEmitter } from 'node:events'
import type { Dispatcher } from 'undici'
import { onAbort } from '../../router/on-abort.ts'
import { ModelError } from '../loop/model-error.ts'
import type { Configuration } from './configuration.ts'
import { connect } from './dispatcher.ts'
import { networkError } from './network-error.ts'
import { Sending } from './sending.ts'
import { StaleConnection } from './stale-connection.ts'

/** A response whose headers are there; its body is still to be read. */
export interface HttpResponse {
  readonly status: number
  /** The value of a header, in lower case; the first one where there are several. */
  readonly header: (name: string) => string | undefined
  readonly body: Dispatcher.ResponseData['body']
}

export interface Transport {
  /**
   * Posts one body and hands the response to `read`. The time and the signal hold until `read` is done.
   *
   * @throws {ModelError} for everything below HTTP, and what `read` throws.
   */
  post<T>(
    body: Buffer,
    timeoutMs: number,
    signal: AbortSignal,
    read: (response: HttpResponse) => Promise<T>,
  ): Promise<T>
  close(): Promise<void>
}

/** HTTP over undici with connections of its own: keep-alive, no redirects, a cap on the response, time limits by the caller. */
export function createTransport(
  { url, token, stream, maxResponseBytes, env }: Configuration,
  now: () => number,
): Transport {
  const { pool, close } = connect(url, maxResponseBytes, env)
  const path = `${url.pathname}${url.search}`
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream, application/json' : 'application/json',
  }
  // undici's own limits of 300 s would cut long completions silently: the deadline alone decides.
  const common = { path, method: 'POST', headers, headersTimeout: 0, bodyTimeout: 0 } as const

  async function send(body: Buffer, interruption: Interruption): Promise<Dispatcher.ResponseData<unknown>> {
    const sending = new Sending(now)
    try {
      return await interruption.cut(pool.request({ ...common, body, signal: interruption, opaque: sending }))
    } catch (error) {
      if (interruption.aborted) sending.giveUp()
      else if (sending.wasStale(error)) throw new StaleConnection(url.host)
      throw error
    }
  }

  return {
    close,
    async post(body, timeoutMs, signal, read) {
      if (signal.aborted) throw aborted()
      const interruption = new Interruption()
      const timer = setTimeout(() => interruption.interrupt(timedOut(timeoutMs)), Math.min(timeoutMs, 2 ** 31 - 1))
      const stopWaiting = onAbort(signal, () => interruption.interrupt(signal.reason))
      try {
        const { statusCode, headers: received, body: content } = await send(body, interruption)
        const header = (name: string) => [received[name]].flat()[0]
        const result = await read({ status: statusCode, header, body: content })
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

  /** Settles with the work, or at once when it is interrupted: undici only ends work that has a connection already. */
  cut<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.once('abort', () => reject(this.reason))
      work.then(resolve, reject)
    })
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
