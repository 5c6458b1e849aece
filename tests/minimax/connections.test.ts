import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { startStandIn } from '../../lib/testing/index.ts'
import { getWeather } from '../support/weather.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest, token } from './support/request.ts'

test.each([false, true])(
  'a whole run goes over one connection, and closing the client ends it (stream %s)',
  async (stream) => {
    const rounds = 10
    await using standIn = await startStandIn({
      responder: ({ tools, messages }) =>
        tools.length === 0
          ? { content: 'Warm.' }
          : { toolCalls: [{ name: 'get_weather', input: { city: `city ${messages.length}` } }] },
    })
    const model = clientOf(standIn.url, { stream })
    const run = await runLoop({ model, tools: [getWeather], prompt: 'How warm?', limits: { rounds } })
    expect(run).toMatchObject({ stopReason: 'answered', rounds })
    expect(standIn.requests).toHaveLength(rounds)
    expect(standIn.connections).toEqual({ made: 1, open: 1 })
    await model.close()
    await expect.poll(() => standIn.connections.open).toBe(0)
  },
)

test('a connection that was dropped while idle costs no attempt', async () => {
  const sockets: Socket[] = []
  await using server = await startLocalServer(({ socket }, response) => {
    if (sockets.includes(socket)) return socket.resetAndDestroy()
    sockets.push(socket)
    return replyJson(response, 200, completion)
  })
  const model = clientOf(server.url, { retries: 0 })
  for (let count = 0; count < 3; count++) {
    expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  }
  expect([sockets.length, server.bodies.length]).toEqual([3, 5])
  await model.close()
})

test('a fresh connection that breaks is not tried again unless asked for', async () => {
  await using server = await startLocalServer(({ socket }) => socket.resetAndDestroy())
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({ kind: 'network' })
  expect(server.bodies).toHaveLength(1)
})

/** A proxy that notes what it is told, and answers `CONNECT` by itself. */
async function startProxy(answer: string) {
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      heard.push(data.toString('latin1'))
      socket.end(answer)
    })
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

test.each(['https_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'])(
  'https goes through the proxy of %s, in a tunnel',
  async (name) => {
    await using proxy = await startProxy('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const model = clientOf('https://api.minimax.invalid', { env: { [name]: proxy.url } })
    await expect(model.complete(modelRequest())).rejects.toMatchObject({
      kind: 'network',
      retryable: true,
      message: expect.stringContaining('proxy'),
    })
    expect(proxy.heard.join('')).toMatch(/^CONNECT api\.minimax\.invalid:443 HTTP\/1\.1\r\n/)
    expect(proxy.heard.join('')).not.toContain(token)
  },
)

test('the proxy of a tunnel sees ciphertext only', async () => {
  await using proxy = await startProxy('HTTP/1.1 200 Connection established\r\n\r\n')
  const model = clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: proxy.url } })
  await expect(model.complete(modelRequest({ timeoutMs: 2000 }))).rejects.toMatchObject({ kind: 'network' })
  expect(proxy.heard.join('')).not.toContain(token)
})

test('NO_PROXY exempts a host', async () => {
  await using proxy = await startProxy('')
  const env = { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost,.minimax.invalid' }
  await expect(clientOf('https://api.minimax.invalid', { env }).complete(modelRequest())).rejects.toMatchObject({
    kind: 'network',
  })
  expect(proxy.heard).toEqual([])
})

test('loopback is reached directly: a proxy would read the token', async () => {
  await using proxy = await startProxy('')
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, http_proxy: proxy.url }
  await clientOf(server.url, { env }).complete(modelRequest())
  expect([server.bodies.length, proxy.heard.length]).toEqual([1, 0])
})

test.each(['socks5://127.0.0.1:1080', 'proxy.example:3128', 'http://'])(
  'a proxy that is written as %s is a configuration error that names the variable',
  (address) => {
    expect(() => clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: address } })).toThrow(
      expect.objectContaining({ kind: 'configuration', message: expect.stringMatching(/^HTTPS_PROXY is no http/) }),
    )
  },
)

test('a server that speaks no HTTP is a protocol error that speaks of scheme and port', async () => {
  await using proxy = await startProxy('SSH-2.0-OpenSSH_9.9\r\n')
  await expect(clientOf(proxy.url).complete(modelRequest())).rejects.toMatchObject({
    kind: 'protocol',
    retryable: false,
    message: expect.stringContaining('scheme and port'),
  })
})

test('a closed client says so', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const model = clientOf(server.url)
  await model.complete(modelRequest())
  await model.close()
  const outcome = model.complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({ kind: 'configuration', message: expect.stringContaining('was closed') })
})

test.each([true, false])('a process ends by itself once its calls are done (closed %s)', async (closes) => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const source = `
    import { minimax } from '${new URL('../../lib/minimax/minimax.ts', import.meta.url)}'
    const model = minimax({ url: '${server.url}', token: 'x', env: {} })
    const signal = new AbortController().signal
    await model.complete({ messages: [{ role: 'user', json: '{"role":"user","content":"x"}' }], signal, timeoutMs: 60_000 })
    ${closes ? 'await model.close()' : ''}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(server.bodies).toHaveLength(1)
})
