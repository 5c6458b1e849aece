import { expect, test } from 'vitest'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

test.each([
  ['a status', 401, { error: { message: 'no' } }],
  ['a code in a 200', 200, { base_resp: { status_code: 2049, status_msg: 'invalid api key' } }],
])('a refused token by %s names the variable and the host', async (_n, status, body) => {
  await using server = await startLocalServer((_request, response) => replyJson(response, status, body))
  const outcome = clientOf(server.url).complete(modelRequest())
  await expect(outcome).rejects.toMatchObject({
    code: 'authentication',
    message: expect.stringMatching(/ANTHROPIC_AUTH_TOKEN.*\bregion\b.*127\.0\.0\.1:\d+/),
  })
})

test('messages of other errors do not mention the token', async () => {
  await using server = await startLocalServer((_request, response) => replyJson(response, 500, {}))
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
    message: expect.not.stringContaining('ANTHROPIC_AUTH_TOKEN'),
  })
})

test.each([
  ['trace-id', { 'x-request-id': 'c', 'minimax-request-id': 'b', 'trace-id': 'a' }, 'a'],
  ['minimax-request-id', { 'x-request-id': 'c', 'minimax-request-id': 'b', 'trace-id': '' }, 'b'],
  ['x-request-id', { 'x-request-id': 'c' }, 'c'],
])('an error without an id in its body is known by the header %s', async (_name, headers, requestId) => {
  for (const [status, body] of [
    [502, '<h1>502</h1>'],
    [200, { base_resp: { status_code: 1008, status_msg: 'no' } }],
    [200, { choices: [] }],
  ] as const) {
    await using server = await startLocalServer((_request, response) => replyJson(response, status, body, headers))
    await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({ requestId })
  }
})

test('an id in the body is the one that counts', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 500, { error: { message: 'no' }, request_id: 'of the body' }, { 'trace-id': 'of the header' }),
  )
  await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({ requestId: 'of the body' })
})

test('a reply is not touched by these headers', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 200, completion, { 'trace-id': 'a' }),
  )
  expect(await clientOf(server.url).complete(modelRequest())).toMatchObject({ id: completion.id })
})
