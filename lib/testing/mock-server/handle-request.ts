// Answers one HTTP request. Every failure becomes a reply in MiniMax's envelope, so that a client under test sees what it
// would see from MiniMax.

import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { errorMessage } from '../../../router/errors.ts'
import { isObject } from '../../../router/json/json.ts'
import { type Completion, completionOf, type Responder } from './completion.ts'
import type { Fault } from './fault.ts'
import { findBrokenRule } from './message-rules.ts'
import { type MockServerRequest, readRequest } from './request.ts'
import { modelNames, refusal } from './request-rules.ts'
import { framesOf } from './stream-chunks.ts'
import {
  badRequest,
  errorReply,
  jsonReply,
  proxyReply,
  streamReply,
  tokenOf,
  unauthorised,
  type WireReply,
} from './wire-reply.ts'

/** Settings of the server for one request. */
interface ExchangeOptions {
  /** Plays the model. */
  readonly responder: Responder
  /** Bearer token that the request must have; `undefined` accepts any. */
  readonly token: string | undefined
  /** Whether contested rules apply. */
  readonly strict: boolean
  /** Milliseconds between a valid request and its reply. */
  readonly latencyMs: number
  /** Milliseconds before each chunk of a stream. */
  readonly chunkDelayMs: number
  /** Faults that affect this request. They do not affect the refusal of an invalid request. */
  readonly faults: readonly Fault[]
}

/** Path of MiniMax's native API. Its streams end with the whole completion. */
const nativePath = '/v1/text/chatcompletion_v2'
const paths: ReadonlySet<string> = new Set(['/v1/chat/completions', nativePath])

/** Path of the list of models, in OpenAI's form. */
const modelsPath = '/v1/models'
const modelList = {
  object: 'list',
  data: modelNames.map((id) => ({ id, object: 'model', created: 1_780_211_747, owned_by: 'minimax' })),
}
/** The same request always gets the same reply, also in its headers. */
const modelListId = '0'.repeat(32)

/**
 * Answers one request: route, authorise, read, check, ask the responder, build the reply.
 *
 * Rejects if `signal` is aborted or the client disconnects in the middle. Every other failure becomes a reply.
 *
 * @param record gets the body as far as it was read.
 */
export async function handleRequest(
  message: IncomingMessage,
  record: RequestRecord,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<WireReply> {
  const isModelList = message.method === 'GET' && record.path === modelsPath
  if (!isModelList && (message.method !== 'POST' || !paths.has(record.path))) return proxyReply(404, 'Not Found')
  const refused = unauthorised(message.headers.authorization, options)
  if (refused !== undefined) return refused
  if (isModelList) return jsonReply(200, modelList, modelListId)
  const text = await readBody(message)
  if (text === undefined) return proxyReply(413, 'Request Entity Too Large') // assumed: no source shows this reply
  record.body = text
  try {
    record.body = JSON.parse(text)
  } catch {
    return badRequest(syntaxErrorMessage(text))
  }
  const broken = findBrokenRule(record.body, options)
  if (broken !== undefined) return badRequest(broken.message)
  if (options.latencyMs > 0) await delay(options.latencyMs, undefined, { signal })
  const request = readRequest(record.path, record.body, signal)
  const faults = options.faults.filter(({ mode }) => mode === 'both' || (mode === 'stream') === request.stream)
  const reply = await complete(request, options, faults)
  const context = { stream: request.stream, token: tokenOf(message.headers.authorization) }
  return faults.reduce((before, { wire }) => wire?.(before, context) ?? before, reply)
}

/** Asks the responder and writes its reply, with the faults of the completion and of the frames. */
async function complete(
  request: MockServerRequest,
  { responder, chunkDelayMs }: ExchangeOptions,
  faults: readonly Fault[],
): Promise<WireReply> {
  try {
    const draft = await responder(request)
    const original = completionOf(request, draft)
    // Faults may return anything, and the code that cuts a stream out of a completion accepts that.
    const completion = faults.reduce<Completion>(
      (before, { completion: change }) => (change?.(before) ?? before) as Completion,
      original,
    )
    if (!request.stream) return jsonReply(200, completion, original.id)
    const { stream_options: streamOptions } = request.body
    const includeUsage = isObject(streamOptions) && streamOptions['include_usage'] === true
    const frames = framesOf(
      completion,
      includeUsage && request.path !== nativePath ? 'empty-choices' : 'whole-completion',
    )
    const reply = streamReply(
      faults.reduce((before, { frames: change }) => change?.(before, completion) ?? before, frames),
      original.id,
    )
    return chunkDelayMs === 0 ? reply : { ...reply, delivery: { pauseMs: chunkDelayMs } }
  } catch (error) {
    request.signal.throwIfAborted()
    const reason = errorMessage(error)
    return errorReply(500, 'api_error', `the mock server's responder failed: ${reason} (1000)`)
  }
}

/** MiniMax's documented limit of a request body: 64 MB. */
const maxBodyBytes = 64 * 1024 * 1024

/** The body as text; `undefined` if it is larger than {@link maxBodyBytes}. Rejects if the client disconnects. */
async function readBody(message: IncomingMessage): Promise<string | undefined> {
  if (Number(message.headers['content-length'] ?? 0) > maxBodyBytes) return undefined
  const parts: Buffer[] = []
  let bytes = 0
  // Leaving a plain `for await` destroys the socket, so the refusal could not be sent.
  for await (const part of message.iterator({ destroyOnReturn: false })) {
    bytes += part.length
    if (bytes > maxBodyBytes) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A request as the mock server keeps it. Headers are not kept, because one of them is the token. */
export interface RecordedRequest {
  /** Path of the URL, without the query. */
  readonly path: string
  /** The parsed body; its text if it is not JSON; `undefined` if it did not arrive. */
  readonly body: unknown
  /**
   * `open`: not answered yet. `answered`: with a completion. `refused`: with an error. `abandoned`: the client
   * disconnected before the reply was written.
   */
  readonly outcome: 'open' | 'answered' | 'refused' | 'abandoned'
  /** HTTP status of the reply; absent before there is one. */
  readonly status?: number
  /** Names of the faults that affect it; absent without faults. */
  readonly faults?: readonly string[]
}

/** A {@link RecordedRequest} while it is written. */
export type RequestRecord = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }

/** Characters shown on each side of the error. */
const context = 16

/**
 * MiniMax's message for a body that is not JSON, for example
 * `invalid params, "Syntax error at index 82: eof\n\n\t{…\n\t^\n" (2013)`.
 *
 * The inner text is quoted and escaped; a caret points at the error.
 */
function syntaxErrorMessage(source: string): string {
  const index = syntaxErrorIndex(source)
  const start = Math.max(0, index - context)
  const excerpt = source.slice(start, index + context).replaceAll(/\s/g, ' ')
  const caret = `${'.'.repeat(index - start)}^`
  const reason = index >= source.length ? 'eof' : 'invalid char'
  return refusal(JSON.stringify(`Syntax error at index ${index}: ${reason}\n\n\t${excerpt}\n\t${caret}\n`))
}

/** The length of the longest beginning that could still become JSON. V8 does not name the position of every error. */
function syntaxErrorIndex(source: string): number {
  let viable = 0
  let broken = source.length + 1
  while (broken - viable > 1) {
    const middle = Math.floor((viable + broken) / 2)
    if (isBeginning(source.slice(0, middle))) viable = middle
    else broken = middle
  }
  return viable
}

/** Whether a text is JSON or the beginning of JSON. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const position = /at position (\d+)/.exec(error.message)?.[1]
    return /end of JSON input|Unterminated/i.test(error.message) || Number(position) >= text.length
  }
}
