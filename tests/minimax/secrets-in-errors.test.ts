import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { getWeather } from '../support/weather.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'
import { startTcpServer } from './support/tcp-server.ts'

const token = 'AbCd/EfGh+1234567890=='
const json = (value: unknown) => JSON.stringify(value)

test.each([
  ['as it is', json({ error: { message: `Incorrect key: ${token}` } })],
  ['with an escaped slash', `{"error":{"message":"Incorrect key: ${token.replace('/', '\\/')}"}}`],
  ['with a character by its number', `{"error":{"message":"Incorrect key: ${token.replace('+', '\\u002b')}"}}`],
  ['in JSON in a text', json({ error: { message: json({ error: { message: token } }).replaceAll('/', '\\/') } })],
  ['in JSON that breaks off', `{"error":{"message":"Incorrect key: ${token.replace('/', '\\/')}`],
  ['in JSON in JSON that breaks off', json(`{"message":"${token.replace('/', '\\/')}`).slice(0, -1)],
  ['in a URL', json({ error: { message: `No route to /v1?key=${encodeURIComponent(token)}` } })],
  ['in other letters', json({ error: { message: token.toLowerCase() } })],
  ['as the code', json({ error: { message: 'Who?', code: token } })],
  ['as the id of the request', json({ error: { message: 'Who?' }, request_id: token })],
  ['where the message is cut', json({ error: { message: `${'x'.repeat(260)}${token}${'x'.repeat(200)}` } })],
  ['where a long message is cut', json({ error: { message: `${'x '.repeat(190)}${token}${'x'.repeat(5000)}` } })],
  ['in a page', `<html>Who is ${token}?</html>`],
])('a token that a server quotes %s is masked in the error', async (_name, body) => {
  await using server = await startLocalServer((_request, response) => response.writeHead(401).end(body))
  const error = await failureOf(clientOf(server.url, { token }))
  expect(error).toMatchObject({ code: 'authentication', status: 401 })
  const shown = inspect(error, { showHidden: true, depth: 9 }) + json(error)
  for (const part of [token, token.toLowerCase(), 'AbCd', '1234567890', 'EfGh']) expect(shown).not.toContain(part)
})

test('a token in the headers is masked, too', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 500, {}, { 'trace-id': `t-${token}` }),
  )
  expect(await failureOf(clientOf(server.url, { token }))).toMatchObject({ requestId: 't-[redacted]' })
})

test.each([true, false])('a token in an error within a reply is masked (stream %s)', async (stream) => {
  await using server = await startLocalServer((_request, response) => {
    const error = json({ error: { message: `bad key ${token}` } })
    response.end(stream ? `data: ${error}\n\n` : error)
  })
  const error = await failureOf(clientOf(server.url, { token, stream }))
  expect(error).toMatchObject({ message: 'MiniMax: bad key [redacted] [HTTP 200]' })
})

test('a token that a broken response quotes goes no further', async () => {
  await using server = await startTcpServer((socket) => socket.end(`HTTP/1.1 200 OK\r\nx y: ${token}\r\n\r\n`))
  const error = await failureOf(clientOf(`http://127.0.0.1:${server.port}`, { token }))
  expect(error).toMatchObject({ code: 'network' })
  expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(token)
})

test.each(['x', 'test', 'content'])(
  'a token with fewer than 8 characters is not masked: %j may be a word',
  async (short) => {
    await using server = await startLocalServer((_request, response) =>
      replyJson(response, 400, { error: { message: `Is "${short}" your key? Next.`, code: `k-${short}` } }),
    )
    const error = await failureOf(clientOf(server.url, { token: short }))
    expect(error).toMatchObject({ providerCode: `k-${short}` })
    expect(String(error)).toContain(`Is "${short}" your key? Next.`)
  },
)

test.each(['test', '1', 'content', 'e', '"'])(
  'a reply is left alone, although the token %j is part of it',
  async (short) => {
    const message = { role: 'assistant', content: 'Run the tests "1".' }
    await using server = await startLocalServer((_request, response) =>
      replyJson(response, 200, { ...completion, choices: [{ index: 0, finish_reason: 'stop', message }] }),
    )
    expect(await clientOf(server.url, { token: short }).complete(modelRequest())).toMatchObject({ message })
  },
)

test.each([true, false])('a tool gets its input as the model wrote it, token or not (stream %s)', async (stream) => {
  await using mockServer = await startMockServer({
    responder: ({ messages }) =>
      messages.some(({ role }) => role === 'tool')
        ? { content: 'Warm.' }
        : { toolCalls: [{ name: 'get_weather', input: { city: 'test' } }] },
  })
  const model = clientOf(mockServer.url, { token: 'test', stream })
  const run = await runLoop({ model, tools: [getWeather], prompt: 'How warm?' })
  expect(run).toMatchObject({ stopReason: 'answered', results: [{ input: { city: 'test' } }] })
  await model.close()
})

test('what moves a cursor or turns a text does not come into a message', async () => {
  const message = 'bad\u001b[2J\u001b]0;pwned\u0007\r\n\u0085line\u202e\u2066 (2013)'
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 400, { error: { message, code: 'x\u001b[2J' }, request_id: '7\u0000\n' }),
  )
  expect(await failureOf(clientOf(server.url))).toMatchObject({
    message: 'MiniMax: bad [2J ]0;pwned line (2013) [HTTP 400]',
    providerCode: '2013',
    requestId: '7',
  })
})

async function failureOf(model: ReturnType<typeof clientOf>): Promise<unknown> {
  const error = await model.complete(modelRequest()).catch((thrown: unknown) => thrown)
  await model.close()
  return error
}
