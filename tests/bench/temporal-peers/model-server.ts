import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ModelEvent } from './model-log.ts'
import {
  answerOf,
  faultyRound,
  retryAfterSeconds,
  type Script,
  scriptOf,
  toolName,
  toolRounds,
  unknownToolName,
  wrongStep,
} from './script.ts'

/** A chat-completions server in a process of its own, which does what the prompt of each run says. */
export interface ModelServer {
  /** Ends in `/v1`. */
  readonly baseUrl: string
  /** A POST of `{ run, step }` to this address notes an execution of the tool. */
  readonly toolUrl: string
  /** All events so far, in order. */
  log(): Promise<readonly ModelEvent[]>
  /** Forgets all events. */
  reset(): Promise<void>
  close(): void
}

export async function startModelServer(): Promise<ModelServer> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), ['serve'], { stdio: 'inherit' })
  const [port] = (await once(child, 'message')) as [number]
  const origin = `http://127.0.0.1:${port}`
  return {
    baseUrl: `${origin}/v1`,
    toolUrl: `${origin}/tool`,
    log: async () => (await (await fetch(`${origin}/log`)).json()) as ModelEvent[],
    reset: async () => {
      await fetch(`${origin}/reset`)
    },
    close: () => child.disconnect(),
  }
}

/** The parts of a chat-completions request that the server reads. */
interface ChatRequest {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
}

let events: ModelEvent[] = []
/** Requests for each round of each run. */
const requests = new Map<string, number>()

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/log') return send(response, 200, events)
  if (request.url === '/reset') {
    events = []
    requests.clear()
    return send(response, 200, {})
  }
  const body = await bodyOf(request)
  if (request.url === '/tool') {
    const { run, step } = JSON.parse(body)
    events.push({ at: Date.now(), run, kind: 'tool', step })
    return send(response, 200, {})
  }
  await complete(JSON.parse(body), body.length, response)
}

async function complete(request: ChatRequest, size: number, response: ServerResponse): Promise<void> {
  const { messages, model } = request
  const script = scriptOf(JSON.stringify(messages.find(({ role }) => role === 'user')))
  const { run, latencyMs, fault } = script
  const round = messages.filter(({ role }) => role === 'tool').length
  const key = `${run}/${round}`
  const time = (requests.get(key) ?? 0) + 1
  requests.set(key, time)
  const refusal = refusalOf(script, round, time)
  events.push({ at: Date.now(), run, kind: 'request', round, refused: refusal !== undefined })
  let isClosed = false
  response.on('close', () => {
    isClosed = !response.writableFinished
    if (isClosed) events.push({ at: Date.now(), run, kind: 'closed', round })
  })
  if (refusal !== undefined) return send(response, refusal.status, { error: refusal.error }, refusal.headers)
  if (fault === 'hang' && round === faultyRound) return
  if (latencyMs > 0) await delay(latencyMs * (0.2 + 1.6 * Math.random()))
  if (isClosed) return
  const isLast = round >= toolRounds
  const message = isLast
    ? { role: 'assistant', content: answerOf(run) }
    : { role: 'assistant', content: null, tool_calls: [callOf(script, round, time)] }
  const prompt_tokens = Math.ceil(size / 4)
  send(response, 200, {
    id: `reply-${round}-${time}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [{ index: 0, message, finish_reason: isLast ? 'stop' : 'tool_calls' }],
    usage: { prompt_tokens, completion_tokens: 20, total_tokens: prompt_tokens + 20 },
  })
}

interface Refusal {
  readonly status: number
  readonly error: { readonly message: string; readonly type: string }
  readonly headers?: Readonly<Record<string, string>>
}

/** The HTTP error for a request, if the script asks for one. `time` counts the requests for this round. */
function refusalOf({ fault }: Script, round: number, time: number): Refusal | undefined {
  if (fault === 'unauthorized' && round === faultyRound)
    return { status: 401, error: { message: 'invalid api key', type: 'authentication_error' } }
  if (fault === 'rate-limit' && round === faultyRound && time === 1) {
    const headers = { 'retry-after': String(retryAfterSeconds) }
    return { status: 429, error: { message: 'rate limit reached', type: 'rate_limit_error' }, headers }
  }
  if (fault === 'flaky' && round % 2 === 1 && time === 1)
    return { status: 503, error: { message: 'overloaded', type: 'overloaded_error' } }
  return undefined
}

function callOf({ run, bytes, fault }: Script, round: number, time: number): object {
  const isFaulty = round === faultyRound
  const step = isFaulty && fault === 'wrong-type' ? wrongStep : round
  const name = isFaulty && fault === 'unknown-tool' ? unknownToolName : toolName
  const id = `call_${round}_${time}`
  return { id, type: 'function', function: { name, arguments: JSON.stringify({ run, step, bytes }) } }
}

function send(response: ServerResponse, status: number, document: unknown, headers: object = {}): void {
  const text = JSON.stringify(document)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function serve(): void {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

if (process.argv[2] === 'serve') serve()
