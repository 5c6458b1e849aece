import { expect, test } from 'vitest'
import { errorInBody } from '../../lib/minimax/errors/classify-error.ts'
import { createMinimaxModel } from '../../lib/minimax/minimax.ts'
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
    message: expect.stringMatching(/\. Check ANTHROPIC_AUTH_TOKEN\. The request was sent to 127\.0\.0\.1:\d+\.$/),
  })
})

test.each([
  ['2049', 401, { error: { message: 'invalid api key (2049)' } }],
  ['2049 in a 200', 200, { base_resp: { status_code: 2049, status_msg: 'invalid api key' } }],
  ['1004', 401, { error: { message: 'login fail (1004)' } }],
])('the error %s of a server elsewhere says that a key is bound to a region', (_name, status, body) => {
  const context = { secrets: [], host: 'api.minimax.chat', requestId: undefined }
  expect(errorInBody(body, status)?.masked(context).message).toMatch(
    /region, api\.minimax\.io or api\.minimaxi\.com; this one was sent to api\.minimax\.chat\.$/,
  )
})

test.each([
  ['1008', 200, { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }],
  [
    '2061 without choices',
    200,
    { choices: null, base_resp: { status_code: 2061, status_msg: 'your current token plan not support model (2061)' } },
  ],
  ['2061', 500, { error: { message: 'your current token plan not support model (2061)' } }],
  ['404', 404, '<center>nginx</center>'],
  ['404 in JSON', 404, { error: { message: 'Not Found' } }],
  ['an unknown model', 400, { error: { message: "invalid params, unknown model 'x' (2013)" } }],
])('the error %s names the host of the request and both hosts of MiniMax', async (_name, status, body) => {
  await using server = await startLocalServer((_request, response) => replyJson(response, status, body))
  const error: unknown = await clientOf(server.url)
    .complete(modelRequest())
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    retryable: false,
    message: expect.stringMatching(
      /api\.minimax\.io or api\.minimaxi\.com; this (?:one|request) was sent to 127\.0\.0\.1:\d+\.$/,
    ),
  })
})

test.each([
  ['the option "token"', { token: 'a b' }, 'The option "token" contains characters'],
  ['the variable', { env: { ANTHROPIC_AUTH_TOKEN: 'a b' } }, 'The token in ANTHROPIC_AUTH_TOKEN contains characters'],
])('a token with a blank in it is reported with its source: %s', (_, options, message) => {
  expect(() => createMinimaxModel({ env: {}, ...options })).toThrow(message)
})

test('no token is needed on loopback, and then no authorization is sent', async () => {
  const sent: unknown[] = []
  await using server = await startLocalServer((request, response) => {
    sent.push(request.headers.authorization)
    replyJson(response, 200, completion)
  })
  for (const options of [{ url: server.url }, { env: { MINIMAX_BASE_URL: server.url } }]) {
    const model = createMinimaxModel({ env: {}, ...options })
    await model.complete(modelRequest())
    await model.close()
  }
  expect(sent).toEqual([undefined, undefined])
  expect(() => createMinimaxModel({ env: {}, url: 'https://127.0.0.1.example' })).toThrow('No token: set')
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
