import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { StreamFrame } from './stream-chunks.ts'

/**
 * A reply as it goes over the wire, before it is sent. A fault of the wire is a function from one `WireReply` to another.
 */
export interface WireReply {
  /** HTTP status. */
  readonly status: number
  /** HTTP headers, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The body, in the pieces in which it is written. */
  readonly parts: readonly string[]
  /** @defaultValue everything, at once */
  readonly delivery?: Delivery
}

/** A wrong way to write a reply. */
export interface Delivery {
  /** The server sends nothing, closes all connections and accepts no new ones. */
  readonly shutdown?: Shutdown
  /** The position at which the reply breaks off. */
  readonly breakAt?: 'before-headers' | 'after-headers' | 'mid-body' | 'after-body'
  /** `reset`: with a TCP reset. `close`: the connection is closed. `stall`: it stays open, and nothing more is sent. */
  readonly breakBy?: 'reset' | 'close' | 'stall'
  /** Number of pieces that the body is cut into, at any byte. */
  readonly pieces?: number
  /** Milliseconds before each piece. */
  readonly pauseMs?: number
  /** Whether the body is compressed with gzip, whatever the client accepts. */
  readonly compressed?: boolean
}

/** Behaviour of the port after a shutdown: it refuses connections, or does not answer at all. */
export type Shutdown = 'refuse-connections' | 'ignore-connections'

/** A JSON document. @param id MiniMax's id of the request, for the headers. */
export function jsonReply(status: number, body: object, id: string): WireReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...tracing(id) },
    parts: [JSON.stringify(body)],
  }
}

/** Server-sent events: one `data:` line and an empty line for each frame. */
export function streamReply(frames: readonly StreamFrame[], id: string): WireReply {
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', ...tracing(id) },
    parts: frames.map((frame) => `data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n\n`),
  }
}

/** An HTML page, as the proxy before the API sends it by itself. */
export function proxyReply(status: number, title: string): WireReply {
  const heading = `${status} ${title}`
  const page =
    `<html>\r\n<head><title>${heading}</title></head>\r\n<body>\r\n` +
    `<center><h1>${heading}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
  return { status, headers: { 'content-type': 'text/html' }, parts: [page] }
}

/** Writes a reply. It stops without an error if the client disconnects. */
export async function send(
  response: ServerResponse,
  reply: WireReply,
  shutDown: (how: Shutdown) => Promise<void>,
): Promise<void> {
  const { status, headers, parts, delivery = {} } = reply
  if (response.destroyed) return
  if (delivery.shutdown !== undefined) return shutDown(delivery.shutdown)
  if (delivery.breakAt === 'before-headers') return breakOff(response, delivery)
  response.writeHead(status, headers)
  response.flushHeaders()
  if (delivery.breakAt === 'after-headers') return breakOff(response, delivery)
  const pieces = delivery.breakAt === 'mid-body' ? firstHalf(parts) : piecesOf(parts, delivery)
  for (const piece of pieces) {
    if (delivery.pauseMs !== undefined) await delay(delivery.pauseMs)
    if (response.destroyed) return
    response.write(piece)
  }
  if (delivery.breakAt === undefined) response.end()
  else breakOff(response, delivery)
}

/** Ends a reply before its end. */
function breakOff(response: ServerResponse, { breakBy }: Delivery): void {
  if (breakBy === 'stall') return
  // Everything that was written must leave the process before the connection ends.
  setImmediate(() => {
    if (breakBy === 'reset') response.socket?.resetAndDestroy()
    else response.socket?.destroy()
  })
}

/** The body as it is written: its parts, equal pieces of it, or one compressed buffer. */
function piecesOf(parts: readonly string[], { pieces, compressed }: Delivery): readonly (string | Buffer)[] {
  if (compressed) return [gzipSync(parts.join(''))]
  if (pieces === undefined) return parts
  const bytes = Buffer.from(parts.join(''))
  const length = Math.max(1, Math.ceil(bytes.length / pieces))
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  )
}

/** Half of the parts, or half of the text of a single part. */
function firstHalf(parts: readonly string[]): readonly string[] {
  if (parts.length > 1) return parts.slice(0, Math.max(1, Math.floor((parts.length - 2) / 2)))
  return parts.map((part) => part.slice(0, part.length / 2))
}

/** Headers with the id of the completion or of the error. */
function tracing(id: string): Readonly<Record<string, string>> {
  return { 'trace-id': id, 'minimax-request-id': id }
}

/** MiniMax's error envelope. `message` ends in MiniMax's own code; `http_code` is a string there. */
export function errorReply(status: number, type: string, message: string): WireReply {
  const id = createHash('sha256').update(message).digest('hex').slice(0, 32)
  return jsonReply(status, { type: 'error', error: { type, message, http_code: String(status) }, request_id: id }, id)
}

/** MiniMax's reply to an invalid request. */
export function badRequest(message: string): WireReply {
  return errorReply(400, 'bad_request_error', message)
}

/**
 * Checks the bearer token: any that is not empty, or exactly the expected one.
 *
 * @returns the refusal, or `undefined` for a request that may pass
 */
export function unauthorised(
  header: string | undefined,
  { token: expected, strict }: { readonly token: string | undefined; readonly strict: boolean },
): WireReply | undefined {
  const token = tokenOf(header)
  // A local server needs no keys.
  if (token === '' && expected === undefined && !strict) return undefined
  if (token === '') return errorReply(401, 'authorized_error', loginFailed)
  if (expected !== undefined && token !== expected) return errorReply(401, 'authorized_error', 'invalid api key (2049)')
  return undefined
}

/** The bearer token of a header; empty without one. */
export function tokenOf(header: string | undefined): string {
  return /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1] ?? ''
}

/** MiniMax's message for a request without a token. */
const loginFailed =
  "login fail: Please carry the API secret key in the 'Authorization' field of the request header (1004)"
