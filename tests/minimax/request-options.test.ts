import type { IncomingHttpHeaders } from 'node:http'
import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import type { MinimaxOptions } from '../../lib/minimax/options.ts'
import type { RequestOptions } from '../../lib/minimax/request-options.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

/** A server that keeps the headers of its requests. */
async function startRecorder() {
  const headers: IncomingHttpHeaders[] = []
  const server = await startLocalServer((request, response) => {
    headers.push(request.headers)
    replyJson(response, 200, completion)
  })
  return Object.assign(server, { headers })
}

const bodyOf = (server: { readonly bodies: readonly string[] }, index = -1) => JSON.parse(server.bodies.at(index) ?? '')

test('temperature, topP, maxOutputTokens, headers and further fields are part of each request', async () => {
  await using server = await startRecorder()
  const model = clientOf(server.url, {
    temperature: 0,
    topP: 0.5,
    maxOutputTokens: 100,
    headers: { 'X-Team': 'search' },
    body: { top_k: 40, thinking: { type: 'disabled' }, 'a"b': [] },
  })
  await model.complete(modelRequest())
  expect(bodyOf(server)).toMatchObject({
    temperature: 0,
    top_p: 0.5,
    max_completion_tokens: 100,
    top_k: 40,
    thinking: { type: 'disabled' },
    'a"b': [],
    reasoning_split: true,
  })
  expect(server.headers[0]).toMatchObject({ 'x-team': 'search', authorization: 'Bearer plain-test-token' })
  await model.close()
})

test('with() changes the requests of one run only, and shares the connections', async () => {
  await using server = await startRecorder()
  const model = clientOf(server.url, {
    temperature: 1,
    headers: { 'x-a': '1', 'x-b': '1' },
    body: { top_k: 1, seed: 1 },
  })
  const other = model.with({ temperature: 0, headers: { 'X-A': '2', 'x-b': undefined }, body: { seed: undefined } })
  await runLoop({ model: other, prompt: 'How warm?' })
  await runLoop({ model, prompt: 'How warm?' })
  expect(bodyOf(server, 0)).toMatchObject({ temperature: 0, top_k: 1 })
  expect(bodyOf(server, 0)).not.toHaveProperty('seed')
  expect(server.headers[0]).toMatchObject({ 'x-a': '2' })
  expect(server.headers[0]).not.toHaveProperty('x-b')
  expect(bodyOf(server, 1)).toMatchObject({ temperature: 1, top_k: 1, seed: 1 })
  expect(server.headers[1]).toMatchObject({ 'x-a': '1', 'x-b': '1' })
  expect(server.openConnections).toBe(1)
  expect(other).toMatchObject({ name: model.name, url: model.url })
  await other.close()
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'configuration' })
})

test('options are copied, so that a later change of the object changes nothing', async () => {
  await using server = await startRecorder()
  const body = { thinking: { type: 'disabled' } }
  const model = clientOf(server.url, { body })
  body.thinking.type = 'changed'
  await model.complete(modelRequest())
  expect(bodyOf(server)).toMatchObject({ thinking: { type: 'disabled' } })
  await model.close()
})

test('tool_choice and parallel_tool_calls are sent only with tools', async () => {
  await using server = await startRecorder()
  const model = clientOf(server.url, { body: { tool_choice: 'auto', parallel_tool_calls: false } })
  const tools = '[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{}}}}]'
  await model.complete(modelRequest({ tools }))
  await model.complete(modelRequest())
  expect(bodyOf(server, 0)).toMatchObject({ tool_choice: 'auto', parallel_tool_calls: false })
  expect(bodyOf(server, 1)).not.toHaveProperty('tool_choice')
  expect(bodyOf(server, 1)).not.toHaveProperty('parallel_tool_calls')
  await model.close()
})

const wrong: readonly (readonly [options: unknown, message: string])[] = [
  [{ temperature: -0.1 }, 'The option "temperature" is -0.1; it must be a number from 0 to 2.'],
  [{ temperature: '0' }, 'The option "temperature" is "0"; it must be a number from 0 to 2.'],
  [{ temperature: Number.NaN }, 'The option "temperature" is NaN;'],
  [{ topP: 1.1 }, 'The option "topP" is 1.1; it must be a number from 0 to 1.'],
  [{ topP: null }, 'The option "topP" is null;'],
  [{ topP: [0.5] }, 'The option "topP" is an array;'],
  [{ maxOutputTokens: 0 }, 'The option "maxOutputTokens" is 0; it must be a whole number of at least 1.'],
  [{ maxOutputTokens: 1.5 }, 'The option "maxOutputTokens" is 1.5;'],
  [{ maxOutputTokens: '100' }, 'The option "maxOutputTokens" is "100";'],
  [{ headers: 'x-a: 1' }, 'The option "headers" is "x-a: 1"; it must be an object of texts'],
  [{ headers: new Headers() }, 'The option "headers" is an object of the class Headers; it must be an object of texts'],
  [
    { headers: new Map([['x-a', '1']]) },
    'The option "headers" is an object of the class Map; it must be an object of texts',
  ],
  [{ headers: [['x-a', '1']] }, 'The option "headers" is an array;'],
  [{ headers: { 'x a': '1' } }, 'The option "headers" has the header "x a"; that is not a name of an HTTP header.'],
  [{ headers: { 'x-a\r\nx-b': '1' } }, 'The option "headers" has the header "x-a'],
  [{ headers: { '': '1' } }, 'The option "headers" has the header "";'],
  [
    { headers: { 'x-a': '1\r\nx-b: 2' } },
    'The option "headers" has a value for "x-a" with characters that are not allowed',
  ],
  [{ headers: { 'x-a': 'ü' } }, 'with characters that are not allowed in an HTTP header'],
  [
    { headers: { 'x-a': 1 } },
    'The option "headers" has a value for "x-a" that is of type number; it must be a string.',
  ],
  [{ headers: { 'x-a': null } }, 'The option "headers" has a value for "x-a" that is null;'],
  [{ headers: { 'x-a': '1', 'X-A': '2' } }, 'The option "headers" has the header "X-A" twice;'],
  [
    { headers: { Authorization: 'Basic eA==' } },
    'has the header "Authorization", which the client sets itself. Pass the option "token"',
  ],
  [
    { headers: { 'Content-Length': '1' } },
    'has the header "Content-Length", which the client sets itself. Leave it out.',
  ],
  [{ headers: { host: 'a' } }, 'has the header "host", which the client sets itself.'],
  [{ body: '{}' }, 'The option "body" is "{}"; it must be an object of JSON values'],
  [{ body: [] }, 'The option "body" is an array;'],
  [{ body: null }, 'The option "body" is null;'],
  ...['messages', 'tools', 'model', 'stream'].map(
    (name) =>
      [{ body: { [name]: 1 } }, `The option "body" has the field "${name}"; the client sets it itself.`] as const,
  ),
  [{ body: { temperature: 1 } }, 'The option "body" has the field "temperature"; use the option "temperature".'],
  [{ body: { top_p: 1 } }, 'The option "body" has the field "top_p"; use the option "topP".'],
  [{ body: { max_tokens: 1 } }, 'has the field "max_tokens"; use the option "maxOutputTokens".'],
  [{ body: { max_completion_tokens: 1 } }, 'use the option "maxOutputTokens".'],
  [
    { body: { extra_body: {} } },
    'The option "body" has the field "extra_body"; write its fields directly into "body".',
  ],
  [{ body: { seed: 1n } }, 'The option "body" has a bigint at /seed, which JSON cannot represent.'],
  [{ body: { a: { b: Number.NaN } } }, 'The option "body" has NaN at /a/b, which JSON cannot represent.'],
  [{ body: { a: { toJSON: () => undefined } } }, 'The option "body" has the field "a" with a value that JSON cannot'],
  [
    {
      body: {
        a: {
          toJSON: () => {
            throw new Error('Not now.')
          },
        },
      },
    },
    'with a value that JSON cannot represent: Not now.',
  ],
  [{ body: { a: () => 1 } }, 'The option "body" has a function at /a, which JSON cannot represent.'],
]

test.each(wrong)('%o is refused before any request, for a client and for one run', async (options, message) => {
  await using server = await startRecorder()
  const error = expect.objectContaining({ name: 'ModelError', code: 'configuration', retryable: false })
  for (const attempt of [
    () => clientOf(server.url, options as MinimaxOptions),
    () => clientOf(server.url).with(options as RequestOptions),
  ]) {
    expect(attempt).toThrow(error)
    expect(attempt).toThrow(message)
  }
  expect(server.bodies).toEqual([])
})

test.each([
  [[], 'with() was called with an array; it takes an object of options.'],
  [new Map([['temperature', 0]]), 'with() was called with an object of the class Map;'],
  [undefined, 'with() was called with undefined; it takes an object of options.'],
  [null, 'with() was called with null; it takes an object of options.'],
  [{ url: 'https://api.minimax.io' }, 'with() has no option "url". Its options are temperature, topP,'],
  [{ temprature: 0 }, 'with() has no option "temprature". Did you mean "temperature"?'],
])('with(%o) is refused', (options, message) => {
  expect(() => clientOf('http://127.0.0.1:9').with(options as RequestOptions)).toThrow(message)
})

test('a secret in a header or in a field of the body is masked in errors, whole and without its scheme', async () => {
  const secrets = {
    whole: 'gateway value 12345',
    part: 'Zm9vYmFyYmF6',
    field: 'plainfieldvalue',
    inner: 'innerfieldvalue',
  }
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 401, { error: { message: Object.values(secrets).join(' and '), code: secrets.part } }),
  )
  const model = clientOf(server.url).with({
    headers: { 'x-gateway': secrets.whole, 'X-Authorization': `Basic ${secrets.part}` },
    body: { api_key: secrets.field, gateway: [{ credentials: { value: secrets.inner } }] },
  })
  const error: unknown = await model.complete(modelRequest()).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ message: expect.stringContaining('[redacted] and [redacted] and [redacted]') })
  for (const secret of Object.values(secrets)) expect(JSON.stringify(error)).not.toContain(secret)
  await model.close()
})

test('a body that nests too deep is refused', () => {
  let deep: unknown = 1
  for (let level = 0; level < 100_000; level++) deep = [deep]
  const message = 'The option "body" nests deeper than 64 levels.'
  expect(() => clientOf('http://127.0.0.1:9', { body: { deep } })).toThrow(message)
})

test('a wrong value is not shown if it may be a secret', () => {
  const secret = 'a-token-that-no-pattern-knows'
  for (const options of [{ headers: { 'x-a': `${secret}\n` } }, { headers: secret }, { body: secret }]) {
    expect(() => clientOf('http://127.0.0.1:9', options as never)).not.toThrow(secret)
    expect(() => clientOf('http://127.0.0.1:9', options as never)).toThrow('The option')
  }
})
