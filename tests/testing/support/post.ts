import { request } from 'undici'
import type { MockServer } from '../../../lib/testing/index.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** Sends a chat-completions request with a token; `body` is sent as JSON, or unchanged if it is a text. */
export async function post(
  { url }: MockServer,
  body: object | string,
  options: { readonly path?: string; readonly authorization?: string | undefined } = {},
): Promise<Answer> {
  const authorization = 'authorization' in options ? options.authorization : 'Bearer test'
  const response = await request(`${url}${options.path ?? '/v1/chat/completions'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.body.text()
  return { status: response.statusCode, type: String(response.headers['content-type']), text }
}

export const hello = { model: 'MiniMax-M2.1', messages: [{ role: 'user', content: 'Hello.' }] }
