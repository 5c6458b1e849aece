import type { HttpResponse } from './transport.ts'

/** Far more than an error needs. */
const mostBytes = 65_536
/** Milliseconds for the words of an error whose status is known already. */
const patienceMs = 2_000

/**
 * The text of an error response, as much of it as comes soon: a body that breaks off, hangs or never ends must not cost
 * what the status says.
 */
export async function readErrorBody(body: HttpResponse['body']): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  const timer = setTimeout(() => body.destroy(), patienceMs)
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      length += chunk.length
      if (length >= mostBytes) break
    }
  } catch {
    // What came before has to do.
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks).toString('utf8', 0, mostBytes)
}
