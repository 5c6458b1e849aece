import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { isObject } from '../../../router/json.ts'
import type { Fault } from '../faults/fault.ts'
import { readBody } from './body.ts'
import { framesOf } from './chunks.ts'
import { type Completion, completionOf } from './completion.ts'
import type { Recording } from './recording.ts'
import { badRequest, errorReply, tokenOf, unauthorised } from './refusals.ts'
import type { Responder } from './reply-draft.ts'
import { readRequest, type StandInRequest } from './request.ts'
import { syntaxErrorMessage } from './syntax-error.ts'
import { findBrokenRule } from './transcript-rules.ts'
import { jsonReply, proxyReply, streamReply, type WireReply } from './wire-reply.ts'

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

async function complete(request: StandInRequest, responder: Responder, faults: readonly Fault[]): Promise<WireReply> {
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
    const reason = error instanceof Error ? error.message : String(error)
    return errorReply(500, 'api_error', `the stand-in's responder failed: ${reason} (1000)`)
  }
}
