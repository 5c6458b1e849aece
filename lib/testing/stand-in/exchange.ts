import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { isObject } from '../../../router/json.ts'
import { readBody } from './body.ts'
import { completionOf } from './completion.ts'
import type { Recording } from './recording.ts'
import { badRequest, errorReply, unauthorised } from './refusals.ts'
import type { Responder } from './reply-draft.ts'
import { readRequest, type StandInRequest } from './request.ts'
import { syntaxErrorMessage } from './syntax-error.ts'
import { findBrokenRule } from './transcript-rules.ts'
import { jsonReply, proxyReply, streamReply, type WireReply } from './wire-reply.ts'

export interface ExchangeOptions {
  readonly responder: Responder
  readonly token: string | undefined
  readonly latencyMs: number
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
  return complete(readRequest(recording.path, recording.body, signal), options.responder, signal)
}

async function complete(request: StandInRequest, responder: Responder, signal: AbortSignal): Promise<WireReply> {
  try {
    const completion = completionOf(request, await responder(request))
    if (!request.stream) return jsonReply(200, completion, completion.id)
    const { stream_options: streamOptions } = request.body
    const includeUsage = isObject(streamOptions) && streamOptions['include_usage'] === true
    return streamReply(completion, includeUsage && request.path !== nativePath ? 'empty-choices' : 'whole-completion')
  } catch (error) {
    signal.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    return errorReply(500, 'api_error', `the stand-in's responder failed: ${reason} (1000)`)
  }
}
