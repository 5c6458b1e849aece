import { AsyncResource } from 'node:async_hooks'
import { isObject, parseJson } from '../../router/json/json.ts'
import type { SchemaOf } from '../../router/reading/text-format.ts'
import type { Model, ModelReply, ModelRequest } from '../loop/model.ts'
import { type Clock, systemClock } from '../loop/run-deadline.ts'
import { refusesTools } from './json-protocol.ts'
import { minimaxTextFormat } from './markup/text-format.ts'
import { configure, type MinimaxOptions, type Protocol } from './options.ts'
import { readResponse, type TextListener } from './reply/read-response.ts'
import { requestBody } from './request-body.ts'
import { withRetries } from './retry.ts'
import { createTransport } from './transport.ts'

/** A model of an endpoint that speaks the chat-completions protocol. */
export interface MinimaxModel extends Model {
  /** The endpoint, without query and credentials. */
  readonly url: string
  /** Closes all connections; calls in progress fail. Without it, idle connections close after a minute. */
  close(): Promise<void>
}

/**
 * Creates a client of MiniMax's chat-completions API. It reads the environment; options override it.
 *
 * One client serves any number of runs at once and reuses its connections.
 *
 * @throws {ModelError} `configuration` if there is no token, the URL must not be used, or an option is wrong.
 * @example
 * const run = await runLoop({ model: minimax(), tools: [getWeather], prompt: 'How warm is it in Oslo?' })
 */
export function minimax(options: MinimaxOptions = {}): MinimaxModel {
  return createMinimaxModel(options)
}

/** Sources of time and chance that tests replace. */
export interface ClientInternals {
  /** Measures and waits between attempts. */
  readonly clock?: Clock
  /** Returns numbers from 0 to 1, which spread the waits of many clients. */
  readonly random?: () => number
  /** The wait before the first retry, in milliseconds. @defaultValue depends on the error */
  readonly firstWaitMs?: number
}

/** Implements {@link minimax}. */
export function createMinimaxModel(options: MinimaxOptions, internals: ClientInternals = {}): MinimaxModel {
  const configuration = configure(options)
  const { model, stream, token, maxOutputTokens, retries, url } = configuration
  const { clock = systemClock, random = Math.random, firstWaitMs } = internals
  const transport = createTransport(configuration, () => clock.now())
  let protocol: Protocol = configuration.protocol ?? 'native'

  const mayFallBack = (request: ModelRequest, by: Protocol) =>
    configuration.protocol === undefined && by === 'native' && request.tools !== undefined

  const complete = async (request: ModelRequest): Promise<ModelReply> => {
    const { signal, timeoutMs, onRetry, mayWait } = request
    const startedAt = clock.now()
    const by = protocol
    const body = requestBody(request, { model, maxOutputTokens, stream, protocol: by })
    const isFinal = mayFallBack(request, by) ? refusesTools : undefined
    const reading = { stream, token, host: url.host, listener: stream ? listenerFor(request) : undefined }
    const retrying = { retries, timeoutMs, signal, clock, random, firstWaitMs, onRetry, mayWait, isFinal }
    try {
      return await withRetries(retrying, (leftMs) =>
        transport.post(body.bytes, leftMs, signal, (head) => readResponse(head, reading)),
      )
    } catch (error) {
      if (!mayFallBack(request, by) || !refusesTools(error)) throw error
      protocol = 'json'
      return complete({ ...request, timeoutMs: Math.max(1, timeoutMs - (clock.now() - startedAt)) })
    } finally {
      body.release()
    }
  }
  return {
    name: model,
    provider: 'minimax',
    textFormat: minimaxTextFormat,
    url: `${url.origin}${url.pathname}`,
    close: () => transport.close(),
    complete,
  }
}

/** Text arrives in the context of its connection, which another call may have opened; `onText` runs in that of its own. */
function listenerFor({ onText, schemaOf, tools }: ModelRequest): TextListener | undefined {
  if (onText === undefined) return undefined
  const context = new AsyncResource('onText')
  return {
    textFormat: minimaxTextFormat,
    schemaOf: schemaOf ?? schemasIn(tools),
    onText: (text) => context.runInAsyncScope(onText, undefined, text),
  }
}

/** The schemas of the tools in the `tools` array of a request. */
function schemasIn(tools: string | undefined): SchemaOf {
  const list: unknown = tools === undefined ? [] : parseJson(tools)
  const functions = Array.isArray(list) ? list.filter(isObject).map((tool) => tool['function']) : []
  const declared = functions.filter(isObject).map(({ name, parameters }) => [name, parameters ?? {}] as const)
  const schemas = new Map<unknown, unknown>(declared)
  return (tool) => {
    const schema = schemas.get(tool)
    return isObject(schema) ? schema : undefined
  }
}
