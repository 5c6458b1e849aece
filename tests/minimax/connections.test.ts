import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { getWeather } from '../support/weather.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'
import { startTcpServer } from './support/tcp-server.ts'

test.each([false, true])(
  'a whole run uses one connection, and closing the client closes it (stream %s)',
  async (stream) => {
    const rounds = 10
    await using mockServer = await startMockServer({
      responder: ({ tools, messages }) =>
        tools.length === 0
          ? { content: 'Warm.' }
          : { toolCalls: [{ name: 'get_weather', input: { city: `city ${messages.length}` } }] },
    })
    const model = clientOf(mockServer.url, { stream })
    const run = await runLoop({ model, tools: [getWeather], prompt: 'How warm?', limits: { rounds } })
    expect(run).toMatchObject({ stopReason: 'answered', rounds })
    expect(mockServer.requests).toHaveLength(rounds)
    expect(mockServer.connections).toEqual({ made: 1, open: 1 })
    await model.close()
    await expect.poll(() => mockServer.connections.open).toBe(0)
  },
)

test('a server that does not speak HTTP is a protocol error that mentions scheme and port', async () => {
  await using server = await startTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
  for (const scheme of ['http', 'https']) {
    await expect(clientOf(`${scheme}://127.0.0.1:${server.port}`).complete(modelRequest())).rejects.toMatchObject({
      code: 'protocol',
      retryable: false,
      message: expect.stringContaining('scheme and port'),
    })
  }
})

test.each([
  ['at once', false],
  ['a turn later', true],
])('a server that responds without reading the whole request does not block a call %s', async (_name, waits) => {
  await using server = await startTcpServer((socket, data) => {
    if (!data.includes('"messages"')) return
    if (data.includes('xxx')) socket.pause()
    socket.write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n')
  })
  const model = clientOf(`http://127.0.0.1:${server.port}`)
  // More than the buffers of a socket take.
  const content = 'x'.repeat(2 ** 25)
  const messages = [{ role: 'user', json: JSON.stringify({ role: 'user', content }) }] as const
  await expect(model.complete(modelRequest({ messages }))).rejects.toMatchObject({ status: 413 })
  if (waits) await new Promise((resolve) => setImmediate(resolve))
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ status: 413 })
  expect(server.sockets).toHaveLength(2)
  await model.close()
})

test('a connection that the server closed while it was idle is replaced', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const model = clientOf(server.url)
  await model.complete(modelRequest())
  server.closeIdleConnections()
  await expect.poll(() => server.openConnections).toBe(0)
  await model.complete(modelRequest())
  expect(server.bodies).toHaveLength(2)
  await model.close()
})

test('a call of a closed client is a configuration error', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const model = clientOf(server.url)
  await model.complete(modelRequest())
  await model.close()
  const outcome = model.complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({ code: 'configuration', message: expect.stringContaining('was closed') })
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
