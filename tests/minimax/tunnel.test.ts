import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { completion, replyJson } from './support/local-server.ts'
import { manualClock } from './support/manual-clock.ts'
import { startTunnels } from './support/proxy.ts'
import { clientOf, modelRequest } from './support/request.ts'
import { selfSigned } from './support/self-signed.ts'

// The certificate of this file's server is one that nobody signed.
beforeAll(() => void vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0'))
afterAll(() => void vi.unstubAllEnvs())

/** An https server that counts the requests of each connection. */
async function startSecureServer(onRequest: (socket: Socket, count: number) => boolean) {
  const counts = new Map<Socket, number>()
  const server = createServer(selfSigned('api.minimax.invalid'), (request, response) => {
    const { socket } = request
    const count = (counts.get(socket) ?? 0) + 1
    counts.set(socket, count)
    request.resume().on('end', () => onRequest(socket, count) && replyJson(response, 200, completion))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    counts: () => [...counts.values()],
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

test('a whole run uses one tunnel, and closing the client closes it', async () => {
  await using server = await startSecureServer(() => true)
  await using proxy = await startTunnels(server.port)
  const model = clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: proxy.url } })
  for (let count = 0; count < 5; count++) {
    expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  }
  expect(server.counts()).toEqual([5])
  expect(proxy.heard().match(/CONNECT /g)).toHaveLength(1)
  await model.close()
  await expect.poll(() => proxy.sockets.every(({ destroyed }) => destroyed)).toBe(true)
})

test('a tunnel that was closed while idle costs no retry', async () => {
  await using server = await startSecureServer((socket, count) => count === 1 || !socket.destroy())
  await using proxy = await startTunnels(server.port)
  const model = clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: proxy.url } }, { clock: manualClock() })
  await model.complete(modelRequest())
  expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  expect(server.counts()).toEqual([2, 1])
  await model.close()
})

test('a proxy may be reached by https itself', async () => {
  await using server = await startSecureServer(() => true)
  await using proxy = await startTunnels(server.port)
  const front = createSecureServer(selfSigned('proxy.invalid'), (socket) => {
    const inner = connect(proxy.port, '127.0.0.1')
    socket.pipe(inner).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo
  const model = clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: `https://127.0.0.1:${port}` } })
  for (let count = 0; count < 2; count++) {
    expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  }
  expect([server.counts(), proxy.sockets.length]).toEqual([[2], 1])
  await model.close()
  front.close()
  await once(front, 'close')
})

test('a process ends by itself once its calls through a tunnel are done', async () => {
  await using server = await startSecureServer(() => true)
  await using proxy = await startTunnels(server.port)
  const source = `
    import { minimax } from '${new URL('../../lib/minimax/minimax.ts', import.meta.url)}'
    const model = minimax({ url: 'https://api.minimax.invalid', token: 'x', env: { HTTPS_PROXY: '${proxy.url}' } })
    const signal = new AbortController().signal
    await model.complete({ messages: [{ role: 'user', json: '{"role":"user","content":"x"}' }], signal, timeoutMs: 60_000 })`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: 'ignore' })
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(server.counts()).toEqual([1])
})

test('a certificate that is not trusted is refused, through a tunnel too', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '1')
  await using server = await startSecureServer(() => true)
  await using proxy = await startTunnels(server.port)
  for (const model of [
    clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: proxy.url } }),
    clientOf(`https://127.0.0.1:${server.port}`),
  ]) {
    await expect(model.complete(modelRequest())).rejects.toMatchObject({
      code: 'network',
      retryable: false,
      message: expect.stringContaining('not trusted'),
    })
  }
  expect(server.counts()).toEqual([])
})
