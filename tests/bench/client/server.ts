import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { replies } from './replies.ts'

export interface ReplyServer {
  /** The endpoint that answers every request with this reply. */
  urlOf(reply: number): string
  close(): void
}

/** Sends ready bytes, in a process of its own, so that its CPU time is nobody's. */
export async function startReplyServer(): Promise<ReplyServer> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { stdio: 'inherit' })
  const [port] = (await once(child, 'message')) as [number]
  return {
    urlOf: (reply) => `http://127.0.0.1:${port}/${reply}/v1/chat/completions`,
    close: () => child.disconnect(),
  }
}

function serve(): void {
  const bodies = replies.map(({ body }) => Buffer.from(body))
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const index = Number(request.url?.split('/')[1])
      const type = replies[index]?.stream ? 'text/event-stream; charset=utf-8' : 'application/json; charset=utf-8'
      response.writeHead(200, { 'content-type': type }).end(bodies[index])
    })
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

if (process.argv[2] === 'serve') serve()
