import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest, token } from './support/request.ts'

test('a request goes to the endpoint as JSON with the bearer token', async () => {
  const seen: unknown[] = []
  await using server = await startLocalServer(({ method, url, headers }, response) => {
    seen.push([method, url, headers.authorization, headers['content-type']])
    replyJson(response, 200, completion)
  })
  await clientOf(`${server.url}/anthropic`).complete(modelRequest())
  expect(seen).toEqual([['POST', '/v1/chat/completions', `Bearer ${token}`, 'application/json']])
})

test('a refused connection is a network error that names the host and asks whether the server is up', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await expect(clientOf(`http://127.0.0.1:${port}`).complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    retryable: true,
    message: expect.stringMatching(`^127.0.0.1:${port} refuses connections.*ECONNREFUSED`),
  })
})

test('a connection that is reset is a network error', async () => {
  await using server = await startLocalServer((request) => request.socket.resetAndDestroy())
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    retryable: true,
    message: expect.stringContaining('broke the connection'),
  })
})

test('a response that breaks off in its body is a network error', async () => {
  await using server = await startLocalServer((request, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"id":', () => request.socket.destroy())
  })
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    code: 'network',
    retryable: true,
  })
})

test.each([
  ['before the reply', false],
  ['in the middle of the reply', true],
])('an abort %s closes the socket', async (_name, midway) => {
  const controller = new AbortController()
  let closed: Promise<unknown> | undefined
  await using server = await startLocalServer((request, response) => {
    closed = closeOf(request)
    if (midway) response.writeHead(200, { 'content-length': '1000' }).write('{"id":')
    setImmediate(() => controller.abort(new Error('user left')))
  })
  const model = clientOf(server.url)
  await expect(model.complete(modelRequest({ signal: controller.signal }))).rejects.toMatchObject({
    code: 'aborted',
    retryable: false,
  })
  await closed
})

test('an aborted signal sends nothing', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const outcome = clientOf(server.url).complete(modelRequest({ signal: AbortSignal.abort() }))
  await expect(outcome).rejects.toMatchObject({ code: 'aborted' })
  expect(server.bodies).toEqual([])
})

test.each([
  ['before the reply', false],
  ['in the middle of the reply', true],
])('a server that hangs %s is left when the time is over', async (_name, midway) => {
  let closed: Promise<unknown> | undefined
  await using server = await startLocalServer((request, response) => {
    closed = closeOf(request)
    if (midway) response.writeHead(200, { 'content-length': '1000' }).write('{"id":')
  })
  await expect(clientOf(server.url).complete(modelRequest({ timeoutMs: 50 }))).rejects.toMatchObject({
    code: 'timeout',
    retryable: true,
  })
  await closed
})

test.each([301, 302, 307, 308])('a redirect with %i is not followed: the token goes nowhere else', async (status) => {
  await using elsewhere = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  await using server = await startLocalServer((_request, response) =>
    response.writeHead(status, { location: `${elsewhere.url}/v1/chat/completions` }).end(),
  )
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    code: 'configuration',
    retryable: false,
    status,
    message: expect.stringContaining('redirects'),
  })
  expect(elsewhere.bodies).toEqual([])
})

test.each([
  ['with a length', true],
  ['in chunks', false],
])('a response %s that is larger than the cap is refused', async (_name, announced) => {
  const text = JSON.stringify({ ...completion, padding: 'x'.repeat(100_000) })
  await using server = await startLocalServer((_request, response) => {
    if (announced) response.setHeader('content-length', text.length)
    response.writeHead(200).end(text)
  })
  const outcome = clientOf(server.url, { maxResponseBytes: 10_000 }).complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({
    code: 'protocol',
    retryable: false,
    message: expect.stringContaining('maxResponseBytes'),
  })
})

test('a reply that is not JSON is a protocol error that mentions the URL', async () => {
  await using server = await startLocalServer((_request, response) => response.end('<html>Welcome</html>'))
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    code: 'protocol',
    status: 200,
    message: expect.stringContaining('Check that the URL'),
  })
})

test.each([
  ['an error', (quoted: string) => JSON.stringify({ error: { message: `Incorrect API key provided: ${quoted}` } })],
  ['a page', (quoted: string) => `<html>Who is ${quoted}?</html>`],
])('the token that a server quotes in %s does not reach the message', async (_name, body) => {
  await using server = await startLocalServer((_request, response) => response.writeHead(401).end(body(token)))
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    code: 'authentication',
    message: expect.not.stringContaining(token),
  })
})

test('connections are kept for later calls', async () => {
  const ports = new Set<number | undefined>()
  await using server = await startLocalServer((request, response) => {
    ports.add(request.socket.remotePort)
    replyJson(response, 200, completion)
  })
  const model = clientOf(server.url)
  for (let count = 0; count < 8; count++) await model.complete(modelRequest())
  await model.close()
  expect(server.bodies).toHaveLength(8)
  // A call that is made before the last one has quite left its connection opens a second one, and no more.
  expect(ports.size).toBeLessThanOrEqual(2)
})

/** Resolves when the server sees the connection end, in whatever way. */
function closeOf({ socket }: IncomingMessage): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve))
}
