import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { manualClock } from './support/manual-clock.ts'
import { clientOf, modelRequest } from './support/request.ts'

/** A server that answers the first request of each connection, and does something else with every further one. */
function onReuse(further: (socket: Socket) => unknown) {
  const sockets = new Set<Socket>()
  return startLocalServer(({ socket }, response) => {
    if (sockets.has(socket)) return further(socket)
    sockets.add(socket)
    return replyJson(response, 200, completion)
  })
}

/** A client whose clock does not move, so that every failure counts as immediate. */
const quickClient = (url: string, retries = 0) => clientOf(url, { retries }, { clock: manualClock(), random: () => 0 })

test('a connection that was closed while idle costs no retry, and onRetry is called', async () => {
  await using server = await onReuse((socket) => socket.resetAndDestroy())
  const model = quickClient(server.url)
  const retries: unknown[] = []
  const request = modelRequest({ onRetry: (retry) => retries.push(retry) })
  for (let count = 0; count < 3; count++) {
    expect(await model.complete(request)).toMatchObject({ message: { content: 'Warm.' } })
  }
  // Each second request of a connection was lost and came again over a new one.
  expect(server.bodies).toHaveLength(5)
  expect(retries).toEqual([1, 2].map(() => ({ attempt: 1, code: 'network', waitMs: 0 })))
  await model.close()
})

test('several connections that were closed while idle cost no retry', async () => {
  await using server = await onReuse((socket) => socket.resetAndDestroy())
  const model = quickClient(server.url)
  await Promise.all([0, 1, 2].map(() => model.complete(modelRequest())))
  expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  await model.close()
})

test('a new connection that breaks is not retried without retries', async () => {
  await using server = await startLocalServer(({ socket }) => socket.resetAndDestroy())
  await expect(quickClient(server.url).complete(modelRequest())).rejects.toMatchObject({ code: 'network' })
  expect(server.bodies).toHaveLength(1)
})

test('a request that the server may have worked on is not sent again at once', async () => {
  await using server = await onReuse((socket) => setTimeout(() => socket.resetAndDestroy(), 800))
  const model = clientOf(server.url)
  await model.complete(modelRequest())
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'network', retryable: true })
  expect(server.bodies).toHaveLength(2)
  await model.close()
})

test('a response that had begun when the connection broke is not requested again at once', async () => {
  await using server = await onReuse((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'))
  const model = quickClient(server.url)
  await model.complete(modelRequest())
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'network', retryable: true })
  expect(server.bodies).toHaveLength(2)
  await model.close()
})

test('a stale connection is recognised while another call opens one', async () => {
  let held: Socket | undefined
  await using server = await onReuse((socket) => {
    held = socket
  })
  const model = quickClient(server.url)
  await model.complete(modelRequest())
  const stale = model.complete(modelRequest())
  await expect.poll(() => held).toBeDefined()
  await model.complete(modelRequest()) // over a connection of its own
  held?.resetAndDestroy()
  expect(await stale).toMatchObject({ message: { content: 'Warm.' } })
  await model.close()
})

test('a server that breaks every second request is not asked forever', async () => {
  let isFirst = true
  await using server = await startLocalServer(({ socket }, response) => {
    if (!isFirst) return socket.resetAndDestroy()
    isFirst = false
    return replyJson(response, 200, completion)
  })
  const model = quickClient(server.url, 2)
  await model.complete(modelRequest())
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'network' })
  // The stale one, the one instead of it, and two retries.
  expect(server.bodies).toHaveLength(1 + 1 + 3)
  await model.close()
})
