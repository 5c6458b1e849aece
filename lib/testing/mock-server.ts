// One request passes through these modules:
//
//   handle-request   route, token, body         404, 401, 413, 400 if they are wrong
//   message-rules    MiniMax's rules            400 with the message of the first broken rule
//   request          the request for the responder
//   completion       the responder's reply as a `chat.completion`
//   stream-chunks    the completion as frames of a stream, if the client asked for one
//   wire-reply       status, headers, body, and the way in which they are written
//
// Faults change the completion, the frames or the wire reply on this way. They never affect a refusal.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorMessage, InvalidOptionError } from '../../router/errors.ts'
import { isObject, isPlain } from '../../router/json/json.ts'
import { maxTimerMs } from '../../router/on-abort.ts'
import { excerpt } from '../../router/text/clip.ts'
import { suggestName } from '../../router/text/closest.ts'
import { describeOption } from '../../router/text/shown-value.ts'
import { checkFaults } from './faults/faults.ts'
import type { Responder } from './mock-server/completion.ts'
import { type Fault, faultsOf, type ScheduledFault } from './mock-server/fault.ts'
import { handleRequest, type RecordedRequest, type RequestRecord } from './mock-server/handle-request.ts'
import { openSilentPort, type SilentPort } from './mock-server/silent-port.ts'
import { errorReply, type Shutdown, send, type WireReply } from './mock-server/wire-reply.ts'

/** Options of {@link startMockServer}. */
export interface MockServerOptions {
  /** Plays the model. @defaultValue a responder that says that no model is involved */
  readonly responder?: Responder
  /** Bearer token that requests must have. @defaultValue any token, or none; with `strict` any token */
  readonly token?: string
  /**
   * Whether requests are also refused for reasons about which sources disagree: no token, `temperature: 0`, `tool_choice` other than
   * `none` and `auto`, `stop`, `response_format`, unknown fields, `null`, and empty `content` beside calls. Otherwise the
   * server accepts what MiniMax was measured to accept. @defaultValue false
   */
  readonly strict?: boolean
  /** TCP port. @defaultValue 0, which uses a free port */
  readonly port?: number
  /** Milliseconds between a valid request and its reply. @defaultValue 0 */
  readonly latencyMs?: number
  /** Milliseconds before each chunk of a stream. A fault may replace it. @defaultValue 0 */
  readonly chunkDelayMs?: number
  /** Faults, see `faults`. Each affects every request, unless `faults.at` or `faults.from` chooses. @defaultValue none */
  readonly faults?: readonly (Fault | ScheduledFault)[]
  /** Whether requests are kept in `requests`. Turn it off for a server that runs for long. @defaultValue true */
  readonly record?: boolean
}

/** A running mock server. */
export interface MockServer {
  /** Base URL, for example `http://127.0.0.1:40123`. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** Numbers of connections: made so far, and open now. */
  readonly connections: { readonly made: number; readonly open: number }
  /** Number of requests whose reply is not yet written and whose client is still connected. */
  readonly pendingRequests: number
  /** Destroys every connection and frees the port. It can be called more than once. */
  close(): Promise<void>
  /** The same as {@link MockServer.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a local server on 127.0.0.1 that speaks MiniMax's chat-completions protocol, streamed and not, on
 * `/v1/chat/completions` and `/v1/text/chatcompletion_v2`, and lists models on `GET /v1/models`. It refuses what MiniMax
 * refuses, with MiniMax's messages. The same request always gets the same reply, byte for byte.
 *
 * @throws {FaultError} if an entry of `faults` is not a fault; the message has the call for its name, or lists all faults.
 * @throws {InvalidOptionError} if an option does not exist or has a wrong value.
 * @throws {Error} Node's, if the port is taken.
 */
export async function startMockServer(options: MockServerOptions = {}): Promise<MockServer> {
  checkOptions(options)
  const {
    responder = noModel,
    token,
    strict = false,
    latencyMs = 0,
    chunkDelayMs = 0,
    faults = [],
    record = true,
  } = options
  checkFaults(faults)
  let count = 0
  let pendingRequests = 0
  const requests: RequestRecord[] = []
  const closing = new AbortController()
  const server = createServer(async (message, response) => {
    const entry: RequestRecord = { path: pathOf(message), body: undefined, outcome: 'open' }
    if (record) requests.push(entry)
    pendingRequests++
    const affecting = faultsOf(++count, faults)
    if (affecting.length > 0) entry.faults = affecting.map(({ name }) => name)
    const gone = new AbortController()
    response.once('close', () => {
      pendingRequests--
      if (response.writableFinished) return
      if (!closing.signal.aborted) entry.outcome = 'abandoned'
      gone.abort()
    })
    const exchange = { responder, token, strict, latencyMs, chunkDelayMs, faults: affecting }
    const reply = await handleRequest(message, entry, exchange, gone.signal).catch(
      (error: unknown): WireReply =>
        errorReply(500, 'api_error', `the mock server failed: ${errorMessage(error)} (1000)`),
    )
    const isUploadBroken = message.destroyed && !message.complete
    if (gone.signal.aborted || isUploadBroken) return
    entry.status = reply.status
    entry.outcome = reply.status === 200 ? 'answered' : 'refused'
    if (!message.complete) message.resume()
    await send(response, reply, shutDown)
  })
  const connections = countConnections(server)
  // Node's default of 5 s would close idle connections in the middle of a run.
  server.keepAliveTimeout = 120_000
  const port = await listen(server, options.port ?? 0)
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve)
  })
  let silentPort: Promise<SilentPort> | undefined
  const shutDown = async (how: Shutdown): Promise<void> => {
    server.close()
    // The port must be silent before the client can connect again.
    if (how === 'ignore-connections') silentPort ??= openSilentPort(port)
    await silentPort
    server.closeAllConnections()
  }
  const close = async (): Promise<void> => {
    closing.abort()
    await shutDown('refuse-connections')
    await closed
    await (await silentPort)?.close()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    connections,
    get pendingRequests() {
      return pendingRequests
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Expectation = readonly [what: string, fits: (value: unknown) => boolean]

const wholeNumberTo = (most: number) => (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most

const expectations: Readonly<Record<keyof MockServerOptions, Expectation>> = {
  responder: ['a function', (value) => typeof value === 'function'],
  token: ['a string', (value) => typeof value === 'string'],
  strict: ['true or false', (value) => typeof value === 'boolean'],
  port: ['a whole number from 0 to 65535', wholeNumberTo(65_535)],
  latencyMs: [`a whole number of milliseconds from 0 to ${maxTimerMs}`, wholeNumberTo(maxTimerMs)],
  chunkDelayMs: [`a whole number of milliseconds from 0 to ${maxTimerMs}`, wholeNumberTo(maxTimerMs)],
  faults: ["an array of faults, such as [faults.errorReply('529')]", Array.isArray],
  record: ['true or false', (value) => typeof value === 'boolean'],
}

const expectationOf: ReadonlyMap<string, Expectation> = new Map(Object.entries(expectations))

/** A typo in an option would be silently ignored, and the test would pass without its fault. */
function checkOptions(options: unknown): void {
  if (!isObject(options) || !isPlain(options)) {
    throw new InvalidOptionError(
      `startMockServer() was called with ${describeOption(options)}; it takes an object of options.`,
    )
  }
  for (const [name, value] of Object.entries(options)) {
    const expectation = expectationOf.get(name)
    if (expectation === undefined) {
      const hint = suggestName(name, [...expectationOf.keys()], 'Its options are')
      throw new InvalidOptionError(`startMockServer() has no option "${excerpt(name, 80)}". ${hint}`)
    }
    const [what, fits] = expectation
    if (value === undefined || fits(value)) continue
    // A token is a secret even in a test.
    const shown = name === 'token' ? `of type ${typeof value}` : describeOption(value)
    throw new InvalidOptionError(`The option "${name}" is ${shown}; it must be ${what}.`)
  }
}

const noModel: Responder = () => ({ content: 'This is a local mock server; no model is involved.' })

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/'
}

/** Live counts of the connections of a server. */
function countConnections(server: Server): MockServer['connections'] {
  const connections = { made: 0, open: 0 }
  server.on('connection', (socket) => {
    connections.made++
    connections.open++
    socket.once('close', () => {
      connections.open--
    })
  })
  return connections
}

/** Resolves with the port. Rejects with Node's error if it is taken. */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
