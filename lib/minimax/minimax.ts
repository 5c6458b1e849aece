import { AsyncResource } from 'node:async_hooks'
import { isObject, parseJson } from '../../router/json/json.ts'
import type { SchemaOf } from '../../router/reading/text-format.ts'
import type { ModelError } from '../loop/errors.ts'
import type { Model, ModelRequest } from '../loop/model.ts'
import { type Clock, systemClock } from '../loop/run-deadline.ts'
import { minimaxTextFormat } from './markup/text-format.ts'
import { checkOptions } from './option-checks.ts'
import { type Configuration, configure, type MinimaxOptions } from './options.ts'
import { type OptionalPart, Refusals, refusedPart } from './refusals.ts'
import { readResponse, type TextListener } from './reply/read-response.ts'
import { optionalPartsOf, requestBody } from './request-body.ts'
import { type RequestOptions, type RequestSettings, requestChecks, requestSettings } from './request-options.ts'
import { withRetries } from './retry.ts'
import { createTransport, requestHeaders, type Transport } from './transport.ts'

/** A model of an endpoint that speaks the chat-completions protocol. */
export interface MinimaxModel extends Model {
  /** The endpoint, without query and credentials. */
  readonly url: string
  /**
   * The same client with other options for its requests, for one run: `model.with({ temperature: 0 })`. Connections are
   * shared, and so is what was learned about the endpoint. Headers and fields of the body are added to those of this model;
   * one that is `undefined` is taken away.
   *
   * @throws {ModelError} `configuration` if an option is wrong.
   */
  with(options: RequestOptions): MinimaxModel
  /**
   * Closes all connections, also for the models that were made by {@link MinimaxModel.with}; calls in progress fail. Without
   * it, idle connections close after a minute.
   */
  close(): Promise<void>
}

/**
 * Creates a client of MiniMax's chat-completions API. It reads the environment; options override it.
 *
 * One client serves any number of runs at once and reuses its connections.
 *
 * @throws {ModelError} `configuration` if the token is missing, the URL must not be used, or an option is wrong.
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
  const { clock = systemClock, random = Math.random, firstWaitMs } = internals
  const transport = createTransport(configuration, () => clock.now())
  const refusals = new Refusals()
  const client = { configuration, transport, refusals, clock, random, firstWaitMs }
  return modelOf(client, configuration.settings)
}

/** The parts that all models of one client share. */
interface Client {
  readonly configuration: Configuration
  readonly transport: Transport
  readonly refusals: Refusals
  readonly clock: Clock
  readonly random: () => number
  readonly firstWaitMs: number | undefined
}

function modelOf(client: Client, settings: RequestSettings): MinimaxModel {
  const { url, model } = client.configuration
  return {
    name: model,
    provider: 'minimax',
    textFormat: minimaxTextFormat,
    url: `${url.origin}${url.pathname}`,
    with(options) {
      checkOptions('with()', options, requestChecks)
      return modelOf(client, requestSettings(options, settings))
    },
    close: () => client.transport.close(),
    complete: completer(client, settings),
  }
}

/** The function that asks for one reply. */
function completer(client: Client, settings: RequestSettings): Model['complete'] {
  const { configuration, transport, refusals, clock, random, firstWaitMs } = client
  const { model, stream, token, retries, url } = configuration
  const headers = requestHeaders(configuration, settings)
  const secrets = [token, ...settings.secrets]
  const { host } = url
  const mayLeaveOut = (part: OptionalPart) => part !== 'tools' || configuration.protocol === undefined

  const fieldsWithout = (refused: Refusals['parts']) => ({
    model,
    stream,
    settings,
    sends: (part: OptionalPart) => (part === 'tools' && configuration.protocol === 'json' ? false : !refused.has(part)),
  })
  let { parts } = refusals
  let latest = fieldsWithout(parts)

  return async (request) => {
    const { signal, onRetry, mayWait, slowestReplyMs } = request
    const endsAt = clock.now() + request.timeoutMs
    const reading = { stream, secrets, host, listener: stream ? listenerFor(request) : undefined }
    for (;;) {
      if (parts !== refusals.parts) {
        parts = refusals.parts
        latest = fieldsWithout(parts)
      }
      // Other calls may add to the refusals while this one waits for its reply.
      const fields = latest
      const isNative = fields.sends('tools')
      const body = requestBody(request, fields)
      const timeoutMs = Math.max(1, endsAt - clock.now())
      const refusedBy = (error: unknown) =>
        refusedPart(error, optionalPartsOf(request, fields).filter(mayLeaveOut), () => hasPlainerTools(request))
      const isFinal = (error: ModelError) => refusedBy(error) !== undefined
      try {
        const reply = await withRetries(
          { retries, timeoutMs, signal, clock, random, firstWaitMs, onRetry, mayWait, isFinal },
          (leftMs) =>
            transport.post({ body: body.bytes, headers, timeoutMs: leftMs, slowestReplyMs, signal }, (head) =>
              readResponse(head, reading),
            ),
        )
        return isNative ? reply : { ...reply, protocol: 'json' }
      } catch (error) {
        // Each turn leaves out one more part, so there are at most as many as parts.
        const refused = refusedBy(error)
        if (refused === undefined) throw error
        refusals.add(refused)
      } finally {
        body.release()
      }
    }
  }
}

/** Whether the plain form of the tools differs from what was sent. It is made only for an endpoint that refuses a schema. */
function hasPlainerTools({ tools, plainTools }: ModelRequest): boolean {
  const plain = plainTools?.()
  return plain !== undefined && plain !== tools
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
