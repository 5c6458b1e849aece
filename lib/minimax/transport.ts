import { Agent, errors, request } from 'undici'
import { ModelError, type ModelErrorKind } from '../loop/model-error.ts'
import type { Configuration } from './configuration.ts'

export interface HttpResponse {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

export interface Transport {
  /** Posts one body and reads the whole response. @throws {ModelError} for everything below HTTP. */
  post(body: string, timeoutMs: number, signal: AbortSignal): Promise<HttpResponse>
  close(): Promise<void>
}

/** HTTP over undici with an agent of its own: keep-alive, no redirects, a cap on the response, time limits by the caller. */
export function createTransport({ url, token }: Configuration, maxResponseBytes: number): Transport {
  const agent = new Agent({ keepAliveTimeout: 10_000, maxResponseSize: maxResponseBytes })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' }
  const send = async (body: string, timeoutMs: number, signal: AbortSignal): Promise<HttpResponse> => {
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(timedOut(timeoutMs)), Math.min(timeoutMs, 2 ** 31 - 1))
    const onAbort = () => deadline.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      // undici's own limits of 300 s would cut long completions silently: the deadline alone decides.
      const response = await request(url, {
        dispatcher: agent,
        method: 'POST',
        headers,
        body,
        signal: deadline.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      const retryAfter = response.headers['retry-after']
      const text = await response.body.text()
      return { status: response.statusCode, retryAfter: [retryAfter].flat()[0], text }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }
  return {
    async post(body, timeoutMs, signal) {
      if (signal.aborted) throw aborted()
      try {
        return await send(body, timeoutMs, signal)
      } catch (error) {
        throw signal.aborted ? aborted() : networkError(error, url)
      }
    },
    close: () => agent.close(),
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

const byCode: Readonly<Record<string, readonly [ModelErrorKind, boolean, string]>> = {
  ECONNREFUSED: ['network', true, 'refuses connections; is the URL right and the server up?'],
  ENOTFOUND: ['network', true, 'is not known to DNS; check the URL and the network'],
  EAI_AGAIN: ['network', true, 'could not be looked up; check the network'],
  UND_ERR_CONNECT_TIMEOUT: ['network', true, 'did not take the connection in time'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ['protocol', false, 'sent a response larger than maxResponseBytes'],
}

/** undici's and Node's codes in words; the original message may quote headers, so it is not passed on. */
function networkError(error: unknown, url: URL): ModelError {
  if (error instanceof ModelError) return error
  const code = codeOf(error)
  const [kind, retryable, words] = (code === undefined ? undefined : byCode[code]) ?? [
    'network' as const,
    true,
    'broke the connection before the response was complete',
  ]
  return new ModelError(`${url.host} ${words}${code === undefined ? '' : ` (${code})`}.`, { kind, retryable })
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  if (error instanceof errors.UndiciError) return error.code
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return undefined
}
