import { expect, test } from 'vitest'
import { errorInBody } from '../../lib/minimax/errors/classify-error.ts'
import { completion, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const plan = 'your current token plan not support model (2061)'
const openRouter = (raw: unknown) => ({
  error: { message: 'Provider returned error', code: 502, metadata: { raw, provider_name: 'Minimax' } },
})

test.each<[string, unknown]>([
  ['followed by a request id', { error: { message: `${plan} (request id: 20260515aBc)` } }],
  ['as the raw text of OpenRouter', openRouter(plan)],
  ['as raw JSON of OpenRouter', openRouter(JSON.stringify({ message: plan }))],
  ['as a raw error of OpenRouter', openRouter(JSON.stringify({ type: 'error', error: { message: plan } }))],
  ['as a raw base_resp of OpenRouter', openRouter({ base_resp: { status_code: 2061, status_msg: 'no plan' } })],
  ['as a flat error of vLLM', { object: 'error', message: plan, type: 'X', code: 500 }],
  ['as a flat error', { code: 500, msg: plan }],
  ['as the detail of FastAPI', { detail: plan }],
  ['as an object in the detail', { detail: { error: { message: plan } } }],
  ['as a list of details', { detail: [{ loc: ['body'], msg: plan, type: 'value_error' }] }],
  ['in a list', [{ error: { message: plan } }]],
  ['in a list of errors', { errors: [{ message: plan }] }],
  ['beside a title', { error: 'Internal Server Error', message: plan }],
  [
    'as a text of Python',
    { error: { message: `Error code: 400 - {'error': {'message': '${plan}', 'http_code': '400'}}`, code: '500' } },
  ],
  ['after braces', { error: { message: `Call {m} failed: ${JSON.stringify({ error: { message: plan } })}` } }],
  ['after a list', { error: `[req-7] [a] ${JSON.stringify([{ error: { message: plan } }])}` }],
  ['in a text in a text', { error: JSON.stringify({ message: JSON.stringify({ detail: plan }) }) }],
  ['as a base_resp with a text for a code', { base_resp: { status_code: '2061', status_msg: 'no plan' } }],
  ['as a base_resp without its envelope', { status_code: 2061, status_msg: 'no plan' }],
  [
    'as a base_resp beside an error',
    { error: { message: 'upstream error' }, base_resp: { status_code: 2061, status_msg: 'no plan' } },
  ],
])('a code is found %s', async (_name, body) => {
  expect(await failureOf(500, JSON.stringify(body))).toMatchObject({
    code: 'quota',
    retryable: false,
    providerCode: '2061',
  })
})

test.each([
  ['an event', `event: error\ndata: {"error":{"message":"${plan}"}}\n\n`],
  ['an event after others', `: hi\n\ndata: {"id":"1","choices":[]}\n\ndata: {"error":{"message":"${plan}"}}\n\n`],
  ['a page', `<html><h1>Sorry</h1><p>${plan}</p></html>`],
  ['JSON that breaks off', `{"error":{"message":"${plan}","ty`],
  ['a JSON text', JSON.stringify(plan)],
])('a code is found in the body of an error status that is %s', async (_name, body) => {
  expect(await failureOf(500, body)).toMatchObject({ code: 'quota', retryable: false, providerCode: '2061' })
})

test.each<[string, unknown, object]>([
  [
    'the innermost error',
    { error: { message: 'x', code: 2013, error: { message: 'no (1008)' } } },
    { providerCode: '1008' },
  ],
  [
    'a code at the end before one in the middle',
    { error: { message: 'was (1002), now (1008)' } },
    { providerCode: '1008' },
  ],
  [
    'a field before a number in the text',
    { error: { message: 'only (1024) of it', code: 2013 } },
    { providerCode: '2013' },
  ],
])('%s counts', async (_name, body, expected) => {
  expect(await failureOf(500, JSON.stringify(body))).toMatchObject(expected)
})

test.each<[number, string, object]>([
  [400, 'The batch of (1024) is too large.', { code: 'invalid_request', retryable: false }],
  [429, 'At most (1000) requests per day.', { code: 'rate_limit', retryable: true }],
  [429, 'Plan used up (2056), see your account.', { code: 'quota', retryable: false }],
  [500, 'Slow down (1002), please.', { code: 'rate_limit', retryable: true }],
])('HTTP %i with "%s": a number in the text turns no refusal into a retry', async (status, message, expected) => {
  expect(await failureOf(status, JSON.stringify({ message }))).toMatchObject(expected)
})

test.each<[string, object]>([
  ['vLLM', { object: 'error', message: 'insufficient balance (1008)', code: 400 }],
  ['Anthropic', { type: 'error', message: 'insufficient balance (1008)' }],
  ['MiniMax', { status_code: 1008, status_msg: 'insufficient balance' }],
])('a 200 that calls itself an error in the manner of %s is one', (_name, body) => {
  expect(errorInBody(body, 200)).toMatchObject({ code: 'quota', providerCode: '1008' })
})

test.each([
  ['an empty text', ''],
  ['blanks', ' '],
  ['an empty object', {}],
  ['an empty list', []],
  ['false', false],
  ['an object of empty fields', { message: '', type: '', param: null, code: 0 }],
])('%s as the error of a reply is not an error', async (_name, error) => {
  const body = JSON.stringify({ ...completion, error, status_code: 1 })
  await using server = await startLocalServer((_request, response) => response.end(body))
  const model = clientOf(server.url)
  expect(await model.complete(modelRequest())).toMatchObject({ message: { content: 'Warm.' } })
  await model.close()
})

test.each(['[', '{"a":'])('an error that nests endlessly is an error like any other', async (opening) => {
  const deep = `{"error":{"message":"no (2013)","param":${opening.repeat(20_000)}0${(opening === '[' ? ']' : '}').repeat(20_000)}}}`
  expect(await failureOf(400, deep.replace('"error"', '"detail":[1],"error"'))).toMatchObject({ providerCode: '2013' })
  expect(errorInBody(JSON.parse(deep), 200)).toMatchObject({ providerCode: '2013' })
})

async function failureOf(status: number, body: string): Promise<unknown> {
  await using server = await startLocalServer((_request, response) => response.writeHead(status).end(body))
  const model = clientOf(server.url)
  try {
    return await model.complete(modelRequest()).catch((error: unknown) => error)
  } finally {
    await model.close()
  }
}
