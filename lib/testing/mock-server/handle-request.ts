import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { errorMessage } from '../../../router/errors.ts'
import { isObject } from '../../../router/json/json.ts'
import type { Fault } from '../faults/fault.ts'
import { type Completion, completionOf, type Responder } from './completion.ts'
import { findBrokenRule } from './message-rules.ts'
import { type MockServerRequest, readRequest } from './request.ts'
import { refusal } from './request-rules.ts'
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

export interface ExchangeOptions {
  readonly responder: Responder
  readonly token: string | undefined
  readonly latencyMs: number
  /** What goes wrong with this request. A request that is refused is refused as it should be. */
  readonly faults: readonly Fault[]
}

const nativePath = '/v1/text/chatcompletion_v2'
const paths: ReadonlySet<string> = new Set(['/v1/chat/completions', nativePath])

/**
 * Answers one request: route, authorise, read, check, ask the responder, build the reply.
 *
 * Rejects when `signal` is aborted or the client goes away in the middle; every other fault becomes a reply.
 */
export async function exchange(
  message: IncomingMessage,
  recording: Recording,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<WireReply> {
  if (message.method !== 'POST' || !paths.has(recording.path)) return proxyReply(404, 'Not Found')
  const refused = unauthorised(message.headers.authorization, options.token)
  if (refused !== undefined) return refused
  const text = await readBody(message)
  if (text === undefined) return proxyReply(413, 'Request Entity Too Large') // assumed: no source shows this reply
  recording.body = text
  try {
    recording.body = JSON.parse(text)
  } catch {
    return badRequest(syntaxErrorMessage(text))
  }
  const broken = findBrokenRule(recording.body)
  if (broken !== undefined) return badRequest(broken.message)
  if (options.latencyMs > 0) await delay(options.latencyMs, undefined, { signal })
  const request = readRequest(recording.path, recording.body, signal)
  const faults = options.faults.filter(({ mode }) => mode === 'both' || (mode === 'stream') === request.stream)
  const reply = await complete(request, options.responder, faults)
  const context = { stream: request.stream, token: tokenOf(message.headers.authorization) }
  return faults.reduce((before, { wire }) => wire?.(before, context) ?? before, reply)
}

async function complete(
  request: MockServerRequest,
  responder: Responder,
  faults: readonly Fault[],
): Promise<WireReply> {
  try {
    const draft = await responder(request)
    const sound = completionOf(request, draft)
    // Damage is meant to leave the type behind: what is cut out of it tolerates that.
    const completion = faults.reduce<Completion>(
      (before, { completion: damage }) => (damage?.(before) ?? before) as Completion,
      sound,
    )
    if (!request.stream) return jsonReply(200, completion, sound.id)
    const { stream_options: streamOptions } = request.body
    const includeUsage = isObject(streamOptions) && streamOptions['include_usage'] === true
    const frames = framesOf(
      completion,
      includeUsage && request.path !== nativePath ? 'empty-choices' : 'whole-completion',
    )
    return streamReply(
      faults.reduce((before, { frames: damage }) => damage?.(before, completion) ?? before, frames),
      sound.id,
    )
  } catch (error) {
    request.signal.throwIfAborted()
    const reason = errorMessage(error)
    return errorReply(500, 'api_error', `the mock server's responder failed: ${reason} (1000)`)
  }
}

/** MiniMax's documented limit of a request body: 64 MB. */
const maxBodyBytes = 64 * 1024 * 1024

/** Reads a body as text; `undefined` when it is larger than {@link maxBodyBytes}. Rejects when the client goes away. */
async function readBody(message: IncomingMessage): Promise<string | undefined> {
  if (Number(message.headers['content-length'] ?? 0) > maxBodyBytes) return undefined
  const parts: Buffer[] = []
  let bytes = 0
  // Leaving a plain `for await` would destroy the socket, and with it the refusal.
  for await (const part of message.iterator({ destroyOnReturn: false })) {
    bytes += part.length
    if (bytes > maxBodyBytes) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** What the mock server keeps of a request. Headers are not kept: one of them is the token. */
export interface RecordedRequest {
  readonly path: string
  /** The body, parsed; its text where it is no JSON; `undefined` where it did not arrive. */
  readonly body: unknown
  /**
   * `open`: not answered yet. `answered`: with a completion. `refused`: with an error. `abandoned`: the client went
   * away before the reply was written.
   */
  readonly outcome: 'open' | 'answered' | 'refused' | 'abandoned'
  /** HTTP status of the reply; absent while there is none. */
  readonly status?: number
  /** Names of the faults that hit it. */
  readonly faults?: readonly string[]
}

/** The same record while it is being written. */
export type Recording = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }

/** Characters shown on each side of the fault. */
const context = 16

/**
 * MiniMax's message for a body that is not JSON: `invalid params, "Syntax error at index 82: eof\n\n\t{…\n\t^\n" (2013)`,
 * the inner text quoted and escaped, with a caret below the fault.
 */
function syntaxErrorMessage(source: string): string {
  const index = faultIndex(source)
  const start = Math.max(0, index - context)
  const excerpt = source.slice(start, index + context).replaceAll(/\s/g, ' ')
  const caret = `${'.'.repeat(index - start)}^`
  const reason = index >= source.length ? 'eof' : 'invalid char'
  return refusal(JSON.stringify(`Syntax error at index ${index}: ${reason}\n\n\t${excerpt}\n\t${caret}\n`))
}

/** The length of the longest beginning that could still become JSON: V8 does not name the place of every fault. */
function faultIndex(source: string): number {
  let viable = 0
  let broken = source.length + 1
  while (broken - viable > 1) {
    const middle = Math.floor((viable + broken) / 2)
    if (isBeginning(source.slice(0, middle))) viable = middle
    else broken = middle
  }
  return viable
}

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
