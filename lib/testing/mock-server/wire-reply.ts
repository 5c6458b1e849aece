import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { StreamFrame } from './stream-chunks.ts'

/**
 * A reply as it goes over the wire, before it is sent. Everything that can be wrong with a reply can be written as a
 * function from one `WireReply` to another, applied between building and sending.
 */
export interface WireReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The body, in the pieces in which it is written. */
  readonly parts: readonly string[]
  /** @defaultValue at once, and whole */
  readonly delivery?: Delivery
}

/** How a reply is written, where that goes wrong. */
export interface Delivery {
  /** The server resets the connection and takes no new ones: its port refuses them, or does not answer at all. */
  readonly leaves?: Leaving
  readonly breaks?: 'before-headers' | 'after-headers' | 'mid-body' | 'after-body'
  /** `reset`: with a TCP reset. `close`: in the middle of the body. `stall`: nothing more comes. */
  readonly by?: 'reset' | 'close' | 'stall'
  /** The body is cut into that many pieces, at any byte. */
  readonly pieces?: number
  /** Milliseconds before each piece. */
  readonly pauseMs?: number
  /** The body is compressed, although nobody asked for it. */
  readonly compressed?: boolean
}

export type Leaving = 'refusing' | 'silent'

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

/** What the proxy in front of the API answers by itself: a page, not MiniMax's JSON. */
export function proxyReply(status: number, title: string): WireReply {
  const heading = `${status} ${title}`
  const page =
    `<html>\r\n<head><title>${heading}</title></head>\r\n<body>\r\n` +
    `<center><h1>${heading}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
  return { status, headers: { 'content-type': 'text/html' }, parts: [page] }
}

/** Writes a reply; ends early, and quietly, when the client is gone. `leave` makes the server go away. */
export async function send(
  response: ServerResponse,
  reply: WireReply,
  leave: (way: Leaving) => Promise<void>,
): Promise<void> {
  const { status, headers, parts, delivery = {} } = reply
  if (response.destroyed) return
  if (delivery.leaves !== undefined) return leave(delivery.leaves)
  if (delivery.breaks === 'before-headers') return breakOff(response, delivery)
  response.writeHead(status, headers)
  response.flushHeaders()
  if (delivery.breaks === 'after-headers') return breakOff(response, delivery)
  const pieces = delivery.breaks === 'mid-body' ? firstHalf(parts) : piecesOf(parts, delivery)
  for (const piece of pieces) {
    if (delivery.pauseMs !== undefined) await delay(delivery.pauseMs)
    if (response.destroyed) return
    response.write(piece)
  }
  if (delivery.breaks === undefined) response.end()
  else breakOff(response, delivery)
}

function breakOff(response: ServerResponse, { by }: Delivery): void {
  if (by === 'stall') return
  // What was written leaves the process before the connection ends.
  setImmediate(() => {
    if (by === 'reset') response.socket?.resetAndDestroy()
    else response.socket?.destroy()
  })
}

function piecesOf(parts: readonly string[], { pieces, compressed }: Delivery): readonly (string | Buffer)[] {
  if (compressed) return [gzipSync(parts.join(''))]
  if (pieces === undefined) return parts
  const bytes = Buffer.from(parts.join(''))
  const length = Math.max(1, Math.ceil(bytes.length / pieces))
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  )
}

/** Half of the parts; of a single one half of its text. */
function firstHalf(parts: readonly string[]): readonly string[] {
  if (parts.length > 1) return parts.slice(0, Math.max(1, Math.floor((parts.length - 2) / 2)))
  return parts.map((part) => part.slice(0, part.length / 2))
}

/** Both headers carry the id of the completion or of the error. */
function tracing(id: string): Readonly<Record<string, string>> {
  return { 'trace-id': id, 'minimax-request-id': id }
}

/** MiniMax's error envelope around a message that ends in MiniMax's own code. `http_code` is a string there. */
export function errorReply(status: number, type: string, message: string): WireReply {
  const id = createHash('sha256').update(message).digest('hex').slice(0, 32)
  return jsonReply(status, { type: 'error', error: { type, message, http_code: String(status) }, request_id: id }, id)
}

export function badRequest(message: string): WireReply {
  return errorReply(400, 'bad_request_error', message)
}

/**
 * Checks the bearer token: any that is not empty, or exactly the expected one.
 *
 * @returns the refusal, or `undefined` for a request that may pass
 */
export function unauthorised(header: string | undefined, expected: string | undefined): WireReply | undefined {
  const token = tokenOf(header)
  if (token === '') return errorReply(401, 'authorized_error', loginFailed)
  if (expected !== undefined && token !== expected) return errorReply(401, 'authorized_error', 'invalid api key (2049)')
  return undefined
}

/** The bearer token of a header; empty where there is none. */
export function tokenOf(header: string | undefined): string {
  return /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1] ?? ''
}

const loginFailed =
  "login fail: Please carry the API secret key in the 'Authorization' field of the request header (1004)"
