import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const refusal = '{"error":{"message":"invalid api key (2049)"}}'

test.each<[string, (response: ServerResponse) => unknown]>([
  ['breaks off', (response) => response.write('{"error"', () => response.socket?.destroy())],
  ['breaks off before it begins', (response) => response.write('', () => response.socket?.destroySoon())],
  ['is larger than the cap', (response) => response.end('x'.repeat(200_000))],
  ['hangs until the deadline', (response) => response.write('{"error":')],
])('an error whose body %s is known by its status', async (_name, write) => {
  await using server = await startLocalServer((_request, response) =>
    write(response.writeHead(401, { 'content-length': '200000', 'trace-id': '066b' })),
  )
  const model = clientOf(server.url, { maxResponseBytes: 10_000 })
  await expect(model.complete(modelRequest({ timeoutMs: 1_500 }))).rejects.toMatchObject({
    code: 'authentication',
    retryable: false,
    status: 401,
    requestId: '066b',
  })
  await model.close()
})

test('an error whose body never ends is reported long before the deadline, with the text so far', async () => {
  await using server = await startLocalServer((_request, response) => response.writeHead(500).write(refusal))
  const model = clientOf(server.url)
  await expect(model.complete(modelRequest({ timeoutMs: 600_000 }))).rejects.toMatchObject({
    code: 'authentication',
    status: 500,
    providerCode: '2049',
  })
  await model.close()
})

test('an error page without end is read no further than it is of use', async () => {
  let closed: Promise<unknown> | undefined
  await using server = await startLocalServer((_request, response) => {
    closed = new Promise((resolve) => response.once('close', resolve))
    response.writeHead(502)
    const write = () => {
      while (!response.destroyed && response.write('<p>sorry</p>'.repeat(1000)));
      response.once('drain', write)
    }
    write()
  })
  const model = clientOf(server.url)
  await expect(model.complete(modelRequest({ timeoutMs: 600_000 }))).rejects.toMatchObject({
    code: 'server',
    status: 502,
    message: expect.stringContaining('sorry'),
  })
  await closed
  await model.close()
})

test('an abort within the body of an error is an abort', async () => {
  const controller = new AbortController()
  await using server = await startLocalServer((_request, response) =>
    response.writeHead(401).write(refusal, () => setImmediate(() => controller.abort())),
  )
  const model = clientOf(server.url)
  await expect(model.complete(modelRequest({ signal: controller.signal }))).rejects.toMatchObject({ code: 'aborted' })
  await model.close()
})

test('an error that was read whole leaves its connection to the next call', async () => {
  const ports = new Set<number | undefined>()
  await using server = await startLocalServer(({ socket }, response) => {
    ports.add(socket.remotePort)
    response.writeHead(400).end('{"error":{"message":"no (2013)"}}')
  })
  const model = clientOf(server.url)
  for (let count = 0; count < 4; count++) {
    await expect(model.complete(modelRequest())).rejects.toMatchObject({ providerCode: '2013' })
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(ports.size).toBeLessThanOrEqual(2)
  await model.close()
})
