import type { ServerResponse } from 'node:http'
import { chunksOf, type UsageFrame } from './chunks.ts'
import type { Completion } from './completion.ts'

/**
 * A reply as it goes over the wire, before it is sent. Everything that can be wrong with a reply can be written as a
 * function from one `WireReply` to another, applied between building and sending.
 */
export interface WireReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The body, in the pieces in which it is written. */
  readonly parts: readonly string[]
}

export function jsonReply(
  status: number,
  body: { readonly [key: string]: unknown } | Completion,
  id: string,
): WireReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...tracing(id) },
    parts: [JSON.stringify(body)],
  }
}

/** Server-sent events: one `data:` line and an empty line for each chunk, `[DONE]` at the end. */
export function streamReply(completion: Completion, usageFrame: UsageFrame): WireReply {
  const frames = chunksOf(completion, usageFrame).map((chunk) => JSON.stringify(chunk))
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', ...tracing(completion.id) },
    parts: [...frames, '[DONE]'].map((frame) => `data: ${frame}\n\n`),
  }
}

/** What the proxy in front of the API answers by itself: a page, not MiniMax's JSON. */
export function proxyReply(status: number, title: string): WireReply {
  const heading = `${status} ${title}`
  const page =
    `<html>\r\n<head><title>${heading}</title></head>\r\n<body>\r\n` +
    `<center><h1>${heading}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
  return { status, headers: { 'content-type': 'text/html' }, parts: [page] }
}

/** Writes a reply; ends early, and quietly, when the client is gone. */
export function send(response: ServerResponse, { status, headers, parts }: WireReply): void {
  if (response.destroyed) return
  response.writeHead(status, headers)
  for (const part of parts) response.write(part)
  response.end()
}

/** Both headers carry the id of the completion or of the error. */
function tracing(id: string): Readonly<Record<string, string>> {
  return { 'trace-id': id, 'minimax-request-id': id }
}
