import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { clientOf, modelRequest } from './support/request.ts'
import { closeOf, startTcpServer } from './support/tcp-server.ts'

/** Clients whose connection is never ready: the other side accepts it and stays silent, also in TLS. */
const silences = [
  ['an endpoint', (port: number) => clientOf(`https://127.0.0.1:${port}`)],
  [
    'a proxy',
    (port: number) => clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: `http://127.0.0.1:${port}` } }),
  ],
  [
    'a proxy that is reached by https',
    (port: number) => clientOf('https://api.minimax.invalid', { env: { HTTPS_PROXY: `https://127.0.0.1:${port}` } }),
  ],
] as const

test.each(silences)('%s that stays silent is disconnected at the deadline', async (_name, clientFor) => {
  await using server = await startTcpServer()
  const connection = server.connection()
  const outcome = clientFor(server.port).complete(modelRequest({ timeoutMs: 100 }))
  await expect(outcome).rejects.toMatchObject({ code: 'timeout', retryable: true })
  await closeOf(await connection)
})

test.each(silences)('%s that stays silent is disconnected at an abort', async (_name, clientFor) => {
  await using server = await startTcpServer()
  const connection = server.connection()
  const controller = new AbortController()
  const outcome = clientFor(server.port).complete(modelRequest({ signal: controller.signal, timeoutMs: 170_000 }))
  const socket = await connection
  controller.abort()
  await expect(outcome).rejects.toMatchObject({ code: 'aborted', retryable: false })
  await closeOf(socket)
})

test.each(silences)('closing the client disconnects %s that stays silent', async (_name, clientFor) => {
  await using server = await startTcpServer()
  const connection = server.connection()
  const model = clientFor(server.port)
  const outcome = model.complete(modelRequest({ timeoutMs: 170_000 })).catch((error: unknown) => error)
  const socket = await connection
  await model.close()
  expect(await outcome).toMatchObject({ code: 'configuration', message: expect.stringContaining('was closed') })
  await closeOf(socket)
})

test('aborting a call before its connection is ready does not affect other calls', async () => {
  await using server = await startTcpServer((socket, data) => {
    if (data.includes('answer me')) socket.write('HTTP/1.1 402 Payment Required\r\ncontent-length: 0\r\n\r\n')
  })
  const model = clientOf(`http://127.0.0.1:${server.port}`)
  const controller = new AbortController()
  const left = model.complete(modelRequest({ signal: controller.signal }))
  const messages = [{ role: 'user', json: '{"role":"user","content":"answer me"}' }] as const
  const others = [0, 1, 2].map(() => model.complete(modelRequest({ messages })))
  controller.abort()
  await expect(left).rejects.toMatchObject({ code: 'aborted' })
  for (const other of others) await expect(other).rejects.toMatchObject({ code: 'quota', status: 402 })
  await model.close()
})

test('closing the client ends a call whose response never ends', async () => {
  await using server = await startTcpServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'))
  const connection = server.connection()
  const model = clientOf(`http://127.0.0.1:${server.port}`)
  const outcome = model.complete(modelRequest({ timeoutMs: 170_000 })).catch((error: unknown) => error)
  await once(await connection, 'data')
  await model.close()
  expect(await outcome).toMatchObject({ code: 'configuration', message: expect.stringContaining('was closed') })
})

test.each([
  ['an endpoint', (port: number) => `url: 'https://127.0.0.1:${port}', env: {}`],
  ['a proxy', (port: number) => `url: 'https://api.minimax.invalid', env: { HTTPS_PROXY: 'http://127.0.0.1:${port}' }`],
])('a process ends by itself after a timeout with %s that stays silent', async (_name, options) => {
  await using server = await startTcpServer()
  const source = `
    import { minimax } from '${new URL('../../lib/minimax/minimax.ts', import.meta.url)}'
    const model = minimax({ token: 'x', retries: 0, ${options(server.port)} })
    const signal = new AbortController().signal
    const request = { messages: [{ role: 'user', json: '{"role":"user","content":"x"}' }], signal, timeoutMs: 100 }
    await model.complete(request).catch(({ code }) => { process.exitCode = code === 'timeout' ? 7 : 1 })`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], { stdio: 'inherit' })
  expect(await once(child, 'exit')).toEqual([7, null])
})
