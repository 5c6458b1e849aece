import { createHash } from 'node:crypto'
import { jsonReply, type WireReply } from './wire-reply.ts'

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
