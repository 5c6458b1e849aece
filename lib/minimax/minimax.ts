import { type Clock, systemClock } from '../loop/clock.ts'
import type { Model, ModelReply } from '../loop/model.ts'
import { ModelError } from '../loop/model-error.ts'
import { errorOfResponse } from './classify.ts'
import { readCompletion } from './completion.ts'
import { configure, type MinimaxOptions } from './configuration.ts'
import { requestBody } from './request-body.ts'
import { withRetries } from './retry.ts'
import { retryAfterOf } from './retry-after.ts'
import { createTransport, type HttpResponse } from './transport.ts'

/** A model behind a chat-completions endpoint. */
export interface MinimaxModel extends Model {
  /** The endpoint, without credentials. */
  readonly url: string
  /** Closes idle connections at once; without it they close by themselves. */
  close(): Promise<void>
}

export interface MinimaxInternals {
  readonly clock?: Clock
  readonly random?: () => number
}

/**
 * MiniMax's chat-completions API over undici. Reads the environment; options override it.
 *
 * @throws {ModelError} `configuration` when there is no token, or the URL may not be used.
 */
export function minimax(options: MinimaxOptions = {}, internals: MinimaxInternals = {}): MinimaxModel {
  const configuration = configure(options)
  const transport = createTransport(configuration, options.maxResponseBytes ?? 16_777_216)
  const clock = internals.clock ?? systemClock
  const random = internals.random ?? Math.random
  const fields = { model: configuration.model, maxOutputTokens: options.maxOutputTokens }
  return {
    name: configuration.model,
    provider: 'minimax',
    url: `${configuration.url.origin}${configuration.url.pathname}`,
    close: () => transport.close(),
    complete: (request) => {
      const body = requestBody(request, fields)
      const { signal, timeoutMs } = request
      return withRetries({ retries: options.retries ?? 2, timeoutMs, signal, clock, random }, async (leftMs) =>
        readResponse(withoutToken(await transport.post(body, leftMs, signal), configuration.token)),
      )
    },
  }
}

/** A server may quote the token it refuses: whatever form it has, it goes no further than here. */
function withoutToken(response: HttpResponse, token: string): HttpResponse {
  return response.text.includes(token) ? { ...response, text: response.text.replaceAll(token, '[redacted]') } : response
}

function readResponse({ status, text, retryAfter }: HttpResponse): ModelReply {
  const body = parse(text)
  const retryAfterMs = () => retryAfterOf(retryAfter, text, Date.now())
  if (status < 200 || status >= 300) throw errorOfResponse(status, body, text, retryAfterMs())
  if (body === undefined) {
    const message = 'The response is not JSON, or was cut off. Check that the URL is a chat-completions endpoint.'
    throw new ModelError(message, { kind: 'protocol', retryable: true, status })
  }
  return readCompletion(body, status, retryAfterMs)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
