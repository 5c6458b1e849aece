import { once } from 'node:events'
import { request } from 'undici'
import { expect, test } from 'vitest'
import { faults, type Responder, startMockServer } from '../../lib/testing/index.ts'
import { InvalidOptionError } from '../../router/errors.ts'
import { hello, post } from './support/post.ts'

const callsTwoTools: Responder = () => ({
  content: 'Let me look.',
  reasoning: 'Two places to look at.',
  toolCalls: [
    { name: 'look', input: { place: 'Zürich' } },
    { name: 'look', input: { place: 'Oslo' }, id: 'own_id' },
  ],
})

test.each(['/v1/chat/completions', '/v1/text/chatcompletion_v2'])('%s answers with a chat.completion', async (path) => {
  await using mockServer = await startMockServer({ responder: callsTwoTools })
  const { status, text } = await post(mockServer, hello, { path })
  expect(status).toBe(200)
  expect(JSON.parse(text)).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    object: 'chat.completion',
    model: 'MiniMax-M2.1',
    choices: [
      {
        index: 0,
        finish_reason: 'tool_calls',
        message: {
          role: 'assistant',
          content: '<think>\nTwo places to look at.\n</think>\nLet me look.',
          tool_calls: [
            {
              id: expect.stringMatching(/^call_function_[a-z0-9]{12}_1$/),
              type: 'function',
              function: { name: 'look', arguments: '{"place":"Zürich"}' },
              index: 0,
            },
            { id: 'own_id', function: { name: 'look', arguments: '{"place":"Oslo"}' }, index: 1 },
          ],
        },
      },
    ],
    base_resp: { status_code: 0 },
  })
})

test('usage adds up and counts the reasoning', async () => {
  await using mockServer = await startMockServer({ responder: callsTwoTools })
  const { usage } = JSON.parse((await post(mockServer, hello)).text)
  expect(usage.prompt_tokens).toBeGreaterThan(0)
  expect(usage.completion_tokens).toBeGreaterThan(usage.completion_tokens_details.reasoning_tokens)
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens)
})

test('reasoning_split moves the thinking out of the content', async () => {
  await using mockServer = await startMockServer({ responder: callsTwoTools })
  const { text } = await post(mockServer, { ...hello, reasoning_split: true })
  expect(JSON.parse(text).choices[0].message).toMatchObject({
    content: 'Let me look.',
    reasoning_content: 'Two places to look at.',
    reasoning_details: [{ type: 'reasoning.text', text: 'Two places to look at.' }],
  })
})

test('the same request gets the same bytes', async () => {
  await using mockServer = await startMockServer({ responder: callsTwoTools })
  expect(await post(mockServer, hello)).toEqual(await post(mockServer, hello))
})

test('call ids of different requests differ', async () => {
  await using mockServer = await startMockServer({ responder: callsTwoTools })
  const other = { ...hello, messages: [{ role: 'user', content: 'Good morning.' }] }
  const ids = (text: string) => JSON.parse(text).choices[0].message.tool_calls[0].id
  expect(ids((await post(mockServer, hello)).text)).not.toBe(ids((await post(mockServer, other)).text))
})

const refusals = [
  ['no token', undefined, 'login fail: Please carry the API secret key in the', '(1004)'],
  ['an empty token', 'Bearer ', 'login fail: Please carry the API secret key in the', '(1004)'],
  ['a wrong token', 'Bearer wrong', 'invalid api key', '(2049)'],
] as const

test.each(refusals)('%s is refused with 401', async (_name, authorization, beginning, end) => {
  await using mockServer = await startMockServer({ token: 'right' })
  const { status, text } = await post(mockServer, hello, { authorization })
  expect(status).toBe(401)
  const { error } = JSON.parse(text)
  expect(error).toMatchObject({ type: 'authorized_error', http_code: '401' })
  expect(error.message.startsWith(beginning) && error.message.endsWith(end)).toBe(true)
  expect(text).not.toContain('wrong')
})

test('a request without a token passes, as local servers need none, but not in strict mode', async () => {
  await using lenient = await startMockServer()
  await using strict = await startMockServer({ strict: true })
  await using broken = await startMockServer({ faults: [faults.errorReply('401')] })
  expect((await post(lenient, hello, { authorization: undefined })).status).toBe(200)
  expect((await post(strict, hello, { authorization: undefined })).status).toBe(401)
  expect((await post(broken, hello, { authorization: undefined })).status).toBe(401)
})

test('the expected token passes and is not recorded', async () => {
  await using mockServer = await startMockServer({ token: 'sk-secret' })
  expect((await post(mockServer, hello, { authorization: 'Bearer sk-secret' })).status).toBe(200)
  expect(mockServer.requests).toEqual([{ path: '/v1/chat/completions', body: hello, outcome: 'answered', status: 200 }])
})

test('an unknown path gets the page of the proxy', async () => {
  await using mockServer = await startMockServer()
  const { status, type, text } = await post(mockServer, hello, { path: '/anthropic' })
  expect({ status, type }).toEqual({ status: 404, type: 'text/html' })
  expect(text).toContain('<center>nginx</center>')
})

test.each([
  ['{"model":', 9, 'eof'],
  ['{"model": MiniMax}', 10, 'invalid char'],
  ['', 0, 'eof'],
])('the body %j is refused with the position of its syntax error', async (body, index, reason) => {
  await using mockServer = await startMockServer()
  const { status, text } = await post(mockServer, body)
  expect(status).toBe(400)
  const { message } = JSON.parse(text).error
  expect(message).toContain(`invalid params, "Syntax error at index ${index}: ${reason}\\n\\n\\t`)
  expect(message).toMatch(/\^\\n" \(2013\)$/)
  expect(mockServer.requests[0]?.body).toBe(body)
})

test('a body over 64 MB is refused before it is read', async () => {
  await using mockServer = await startMockServer()
  const { status } = await post(mockServer, 'x'.repeat(64 * 1024 * 1024 + 1))
  expect(status).toBe(413)
  expect(mockServer.requests[0]?.body).toBeUndefined()
})

test('a failing responder is a retryable server error', async () => {
  await using mockServer = await startMockServer({
    responder: () => {
      throw new Error('out of order')
    },
  })
  const { status, text } = await post(mockServer, hello)
  expect(status).toBe(500)
  expect(JSON.parse(text).error.message).toBe("the mock server's responder failed: out of order (1000)")
})

test('without recording no request is kept', async () => {
  await using mockServer = await startMockServer({ record: false })
  expect((await post(mockServer, hello)).status).toBe(200)
  expect(mockServer.requests).toEqual([])
})

test('a request whose client disconnects is recorded as abandoned, and its responder is aborted', async () => {
  const asked = new AbortController()
  const aborted = new AbortController()
  await using mockServer = await startMockServer({
    responder: ({ signal }) => {
      signal.addEventListener('abort', () => aborted.abort())
      asked.abort()
      return new Promise(() => {})
    },
  })
  const client = new AbortController()
  asked.signal.addEventListener('abort', () => client.abort())
  const pending = request(`${mockServer.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer test' },
    body: JSON.stringify(hello),
    signal: client.signal,
  })
  await expect(pending).rejects.toThrow()
  if (!aborted.signal.aborted) await once(aborted.signal, 'abort')
  expect(mockServer.requests).toMatchObject([{ body: hello, outcome: 'abandoned' }])
})

test('close ends an open request and frees the port', async () => {
  const asked = new AbortController()
  const mockServer = await startMockServer({
    responder: () => {
      asked.abort()
      return new Promise(() => {})
    },
  })
  const pending = post(mockServer, hello)
  const failure = expect(pending).rejects.toThrow()
  await once(asked.signal, 'abort')
  await mockServer.close()
  await failure
  expect(mockServer.requests).toMatchObject([{ outcome: 'open' }])
  await using next = await startMockServer({ port: Number(new URL(mockServer.url).port) })
  expect(next.url).toBe(mockServer.url)
  await mockServer.close()
})

test('a taken port rejects', async () => {
  await using mockServer = await startMockServer()
  await expect(startMockServer({ port: Number(new URL(mockServer.url).port) })).rejects.toThrow(/EADDRINUSE/)
})

test.each<[unknown, string]>([
  [{ fault: ['529'] }, 'startMockServer() has no option "fault". Did you mean "faults"?'],
  [
    { url: 'x' },
    'has no option "url". Its options are responder, token, strict, port, latencyMs, chunkDelayMs, faults, record.',
  ],
  [{ strict: 'yes' }, 'The option "strict" is "yes"; it must be true or false.'],
  [{ faults: '529' }, 'The option "faults" is "529"; it must be an array of faults'],
  [{ responder: { content: 'Hi' } }, 'The option "responder" is {"content":"Hi"}; it must be a function.'],
  [{ port: '80' }, 'The option "port" is "80"; it must be a whole number from 0 to 65535.'],
  [{ latencyMs: -1 }, 'The option "latencyMs" is -1;'],
  [{ record: 'no' }, 'The option "record" is "no"; it must be true or false.'],
  [{ token: 5 }, 'The option "token" is of type number; it must be a string.'],
  [null, 'startMockServer() was called with null; it takes an object of options.'],
])('the options %j are refused by name and value', async (options, message) => {
  const started = startMockServer(options as never)
  await expect(started).rejects.toThrow(message)
  await expect(started).rejects.toBeInstanceOf(InvalidOptionError)
})

test('GET /v1/models lists the models, for a client with a token', async () => {
  await using mockServer = await startMockServer({ token: 'right' })
  const get = (token: string) => fetch(`${mockServer.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
  expect((await get('wrong')).status).toBe(401)
  const response = await get('right')
  expect(response.status).toBe(200)
  const list = (await response.json()) as { readonly data: readonly { readonly id: string }[] }
  expect(list).toMatchObject({
    object: 'list',
    data: expect.arrayContaining([expect.objectContaining({ object: 'model' })]),
  })
  for (const { id } of list.data) {
    expect((await post(mockServer, { ...hello, model: id }, { authorization: 'Bearer right' })).status).toBe(200)
  }
})
