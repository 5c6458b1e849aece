import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { errorMessage } from '../../../router/errors.ts'
import { type Fault, faultsOf, type ScheduledFault } from '../faults/fault.ts'
import { checkFaults } from '../faults/faults.ts'
import type { Responder } from './completion.ts'
import { type ExchangeOptions, exchange, type RecordedRequest, type Recording } from './handle-request.ts'
import { errorReply, type Leaving, send, type WireReply } from './wire-reply.ts'

export interface MockServerOptions {
  /** Plays the model. @defaultValue a responder that says in one sentence that no model is involved */
  readonly responder?: Responder
  /** The bearer token that has to come. @defaultValue any that is not empty */
  readonly token?: string
  /** @defaultValue 0, which takes a free port */
  readonly port?: number
  /** Milliseconds between a valid request and its reply. @defaultValue 0 */
  readonly latencyMs?: number
  /** What goes wrong, see `faults`: at every request, or at those that `faults.at` and `faults.from` name. */
  readonly faults?: readonly (Fault | ScheduledFault)[]
  /** Keep what was requested. Turn it off for a server that runs for long. @defaultValue true */
  readonly record?: boolean
}

export interface MockServer {
  /** Base URL, e.g. `http://127.0.0.1:40123`. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** How many connections were made so far, and how many of them are open. */
  readonly connections: { readonly made: number; readonly open: number }
  /** How many requests came whose reply is not written to its end, and whose client is still there. */
  readonly underWay: number
  /** Destroys every connection and frees the port. May be called more than once. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a local server that speaks MiniMax's chat-completions protocol on 127.0.0.1, on `/v1/chat/completions` and
 * `/v1/text/chatcompletion_v2`, streaming and not. It refuses what MiniMax refuses, with MiniMax's words. The same
 * request always gets the same reply, byte for byte.
 *
 * @throws {Error} Node's, when the port is taken.
 * @throws {TypeError} where one of `faults` is none; it lists those that there are.
 */
export async function startMockServer(options: MockServerOptions = {}): Promise<MockServer> {
  const { responder = noModel, token, latencyMs = 0, faults = [] } = options
  checkFaults(faults)
  let number = 0
  let underWay = 0
  const requests: Recording[] = []
  const closing = new AbortController()
  const server = createServer((message, response) => {
    const recording: Recording = { path: pathOf(message), body: undefined, outcome: 'open' }
    if (options.record ?? true) requests.push(recording)
    underWay++
    response.once('close', () => {
      underWay--
    })
    const hit = faultsOf(++number, faults)
    if (hit.length > 0) recording.faults = hit.map(({ name }) => name)
    void serve(message, response, recording, { responder, token, latencyMs, faults: hit }, closing.signal, leave)
  })
  const connections = { made: 0, open: 0 }
  server.on('connection', (socket) => {
    connections.made++
    connections.open++
    socket.once('close', () => {
      connections.open--
    })
  })
  // Node's default of 5 s would close idle connections in the middle of a run.
  server.keepAliveTimeout = 120_000
  const port = await listen(server, options.port ?? 0)
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve)
  })
  let silence: Promise<SilentPort> | undefined
  const leave = async (way: Leaving): Promise<void> => {
    server.close()
    // The port is silent before the client can come back to it.
    if (way === 'silent') silence ??= openSilentPort(port)
    await silence
    server.closeAllConnections()
  }
  const close = async (): Promise<void> => {
    closing.abort()
    await leave('refusing')
    await closed
    await (await silence)?.close()
  }
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    connections,
    get underWay() {
      return underWay
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

const noModel: Responder = () => ({ content: 'This is a local mock server server; no model is involved.' })

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/'
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  recording: Recording,
  options: ExchangeOptions,
  closing: AbortSignal,
  leave: (way: Leaving) => Promise<void>,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => {
    if (response.writableFinished) return
    if (!closing.aborted) recording.outcome = 'abandoned'
    gone.abort()
  })
  const reply = await exchange(message, recording, options, gone.signal).catch((error: unknown): WireReply => {
    const reason = errorMessage(error)
    return errorReply(500, 'api_error', `the mock server failed: ${reason} (1000)`)
  })
  const uploadBroken = message.destroyed && !message.complete
  if (gone.signal.aborted || uploadBroken) return
  recording.status = reply.status
  recording.outcome = reply.status === 200 ? 'answered' : 'refused'
  if (!message.complete) message.resume()
  await send(response, reply, leave)
}

interface SilentPort {
  close(): Promise<void>
}

/** Listens and never takes a connection: it is a thread that sleeps from then on. */
const listener = `
const { parentPort, workerData: port } = require('node:worker_threads')
require('node:net').createServer().listen({ port, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage('listening')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** More than the operating system completes by itself before anybody takes them. */
const fillers = 8

/**
 * A port of 127.0.0.1 that answers nobody who wants to connect, as a host that is down behind a firewall: the queue of
 * connections that nobody takes is full, so that the operating system drops what else comes.
 */
async function openSilentPort(port: number): Promise<SilentPort> {
  const thread = new Worker(listener, { eval: true, workerData: port })
  thread.unref()
  await once(thread, 'message')
  const sockets: Socket[] = []
  for (let count = 0; count < fillers; count++) {
    sockets.push(
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .unref(),
    )
  }
  await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')))
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await thread.terminate()
    },
  }
}
