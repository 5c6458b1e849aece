import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { wireUsage } from '../../support/factories.ts'

export interface LocalServer {
  readonly url: string
  /** Bodies of the requests so far, in order of arrival. */
  readonly bodies: readonly string[]
  /** Number of connections that are open now. */
  readonly openConnections: number
  /** Closes the connections on which no request is in progress. */
  closeIdleConnections(): void
  [Symbol.asyncDispose](): Promise<void>
}

export type Handler = (request: IncomingMessage, response: ServerResponse, number: number) => unknown

/** A real server on a free loopback port; `handler` is called once the whole request is there, and told its number from 0. */
export async function startLocalServer(handler: Handler): Promise<LocalServer> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(body)
      void handler(request, response, bodies.length - 1)
    })
  })
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    get openConnections() {
      return open.size
    },
    closeIdleConnections: () => server.closeIdleConnections(),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Answers with JSON. */
export function replyJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** A completion as MiniMax sends it. */
export const completion = {
  id: '066b13237d4accbb697b81f696876915',
  object: 'chat.completion',
  model: 'MiniMax-M2.1',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Warm.' } }],
  usage: wireUsage,
  base_resp: { status_code: 0, status_msg: '' },
}
