import type { IncomingMessage } from 'node:http'

/** MiniMax's documented limit of a request body: 64 MB. */
export const maxBodyBytes = 64 * 1024 * 1024

/** Reads a body as text; `undefined` when it is larger than {@link maxBodyBytes}. Rejects when the client goes away. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
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
