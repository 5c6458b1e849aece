import { expect, test } from 'vitest'
import type { MinimaxOptions } from '../../lib/minimax/options.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const wordings: readonly (readonly [who: string, status: number, body: (field: string) => unknown])[] = [
  ['OpenAI', 400, (field) => ({ error: { message: `Unrecognized request argument supplied: ${field}` } })],
  ['OpenAI, newer', 400, (field) => ({ error: { message: `Unknown parameter: '${field}'.`, param: field } })],
  ['only in param', 400, (field) => ({ error: { message: 'Unknown parameter.', param: field } })],
  ['Groq', 400, (field) => ({ error: { message: `property '${field}' is unsupported` } })],
  [
    'Mistral',
    422,
    (field) => ({
      object: 'error',
      message: [{ type: 'extra_forbidden', loc: ['body', field], msg: 'Extra inputs are not permitted', input: true }],
      type: 'invalid_request_message_error',
    }),
  ],
  ['FastAPI', 422, (field) => ({ detail: [{ loc: ['body', field], msg: 'Extra inputs are not permitted' }] })],
  [
    'vLLM',
    400,
    (field) => ({
      object: 'error',
      message: `[{'type': 'extra_forbidden', 'loc': ('body', '${field}'), 'msg': 'Extra inputs are not permitted', 'input': True}]`,
      type: 'BadRequestError',
      code: 400,
    }),
  ],
  [
    'Google',
    400,
    (field) => ({ error: { message: `Invalid JSON payload received. Unknown name "${field}": Cannot find field.` } }),
  ],
  [
    'serde',
    400,
    (field) => ({ error: `unknown field \`${field}\`, expected one of \`messages\`, \`model\`, \`tools\`` }),
  ],
  ['Python', 500, (field) => ({ error: { message: `create() got an unexpected keyword argument '${field}'` } })],
  ['a proxy', 400, (field) => ({ error: { message: `Extraneous key [${field}] is not permitted` } })],
  ['Zod', 400, (field) => ({ error: { message: `Unrecognized key(s) in object: '${field}'` } })],
  [
    'NestJS',
    400,
    (field) => ({ message: [`property ${field} should not exist`], error: 'Bad Request', statusCode: 400 }),
  ],
  ['MiniMax', 400, (field) => ({ error: { message: `invalid params, json: unknown field "${field}" (2013)` } })],
]

const toolsJson = JSON.stringify([
  { type: 'function', function: { name: 'look', description: '', parameters: { type: 'object', anyOf: [{}] } } },
])
const plainJson = JSON.stringify([
  { type: 'function', function: { name: 'look', description: '', parameters: { type: 'object', properties: {} } } },
])

/** A server that refuses every request for which `refuses` is true, with the same reply. */
async function startPicky(refuses: (body: Record<string, unknown>) => boolean, status: number, reply: unknown) {
  const bodies: Record<string, unknown>[] = []
  const server = await startLocalServer((_request, response, number) => {
    const body = JSON.parse(server.bodies[number] ?? '')
    bodies.push(body)
    if (refuses(body)) replyJson(response, status, reply)
    else replyJson(response, 200, completion)
  })
  return Object.assign(server, { received: bodies })
}

const fields: readonly (readonly [field: string, options: MinimaxOptions])[] = [
  ['reasoning_split', {}],
  ['stream_options', { stream: true }],
  ['tools', {}],
]

test.each(fields.flatMap(([field, options]) => wordings.map((wording) => [field, ...wording, options] as const)))(
  '%s is left out once and from then on, when %s refuses it',
  async (field, _who, status, body, options) => {
    await using server = await startPicky((received) => field in received, status, body(field))
    const model = clientOf(server.url, options)
    const request = modelRequest({ tools: toolsJson })
    await expect(model.complete(request)).resolves.toMatchObject({ finishReason: 'stop' })
    await model.complete(request)
    await model.with({ temperature: 0 }).complete(request)
    expect(server.received.map((received) => field in received)).toEqual([true, false, false, false])
    await model.close()
  },
)

test('several refused fields are left out one after the other, and nothing else', async () => {
  const order = ['stream_options', 'reasoning_split']
  await using server = await startLocalServer((_request, response, number) => {
    const received = JSON.parse(server.bodies[number] ?? '')
    const refused = order.find((field) => field in received)
    if (refused === undefined) replyJson(response, 200, completion)
    else replyJson(response, 400, { error: { message: `Unknown parameter: '${refused}'.` } })
  })
  const model = clientOf(server.url, { stream: true })
  await model.complete(modelRequest({ tools: toolsJson }))
  expect(server.bodies).toHaveLength(3)
  expect(Object.keys(JSON.parse(server.bodies.at(-1) ?? '')).sort()).toEqual(['messages', 'model', 'stream', 'tools'])
  await model.close()
})

test('concurrent requests that are refused for the same field are all sent again', async () => {
  await using server = await startPicky((received) => 'reasoning_split' in received, 400, {
    error: { message: "property 'reasoning_split' is unsupported" },
  })
  const model = clientOf(server.url)
  await Promise.all(Array.from({ length: 5 }, () => model.complete(modelRequest())))
  expect(server.bodies.length).toBeLessThanOrEqual(10)
  await model.close()
})

test('an endpoint that knows only max_tokens gets the output limit under that name', async () => {
  await using server = await startPicky((received) => 'max_completion_tokens' in received, 400, {
    error: { message: "Unsupported parameter: 'max_completion_tokens'. Use 'max_tokens' instead." },
  })
  const model = clientOf(server.url, { maxOutputTokens: 100 })
  await model.complete(modelRequest())
  expect(server.received[1]).toMatchObject({ max_tokens: 100 })
  await model.close()
})

test.each([
  ["Error from provider: Invalid tool schema: unsupported_keyword 'minimum' at tools[3].function.parameters", 400],
  ['invalid params, invalid tool types (2013)', 400],
  ['invalid params, invalid tool type: (2013)', 400],
  ["Invalid schema for function 'look': schema must have a 'type' key", 400],
  ['The provided JSON schema contains features not supported by xgrammar.', 400],
  ['JSON schema conversion failed: error resolving ref #/$defs/reference', 500],
  ['Invalid JSON payload received. Unknown name "anyOf" at \'tools[0].function_declarations[0].parameters\'', 400],
])('a refusal of a schema is answered with the plain schemas: %s', async (message, status) => {
  await using server = await startPicky((received) => JSON.stringify(received['tools']).includes('anyOf'), status, {
    error: { message, code: 'unsupported_keyword' },
  })
  const model = clientOf(server.url, { retries: 1 })
  const request = modelRequest({ tools: toolsJson, plainTools: () => plainJson })
  await model.complete(request)
  await model.complete(request)
  expect(server.received.map(({ tools }) => JSON.stringify(tools))).toEqual([toolsJson, plainJson, plainJson])
  await model.close()
})

test('a schema that is refused in its plain form too is an error, and so is one without a plain form', async () => {
  await using server = await startPicky(() => true, 400, {
    error: { message: "unsupported_keyword 'type' in a schema" },
  })
  const model = clientOf(server.url)
  const error = { code: 'invalid_request', message: expect.stringContaining('unsupported_keyword') }
  await expect(model.complete(modelRequest({ tools: toolsJson }))).rejects.toMatchObject(error)
  expect(server.bodies).toHaveLength(1)
  const request = modelRequest({ tools: toolsJson, plainTools: () => plainJson })
  await expect(model.complete(request)).rejects.toMatchObject(error)
  expect(server.bodies).toHaveLength(3)
  await model.close()
})

test.each([
  [
    'the field is only among those that the server knows',
    'unknown field `x`, expected one of `messages`, `reasoning_split`',
  ],
  ['another field is refused', "Unknown parameter: 'temperature'."],
  ['a value is too large', 'max_completion_tokens must be at most 8192'],
])('nothing is left out if %s', async (_why, message) => {
  await using server = await startPicky(() => true, 400, { error: { message } })
  const model = clientOf(server.url, { maxOutputTokens: 10_000 })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'invalid_request' })
  expect(server.bodies).toHaveLength(1)
  await model.close()
})

test('a field that the caller sets itself is never left out', async () => {
  await using server = await startPicky(() => true, 400, {
    error: { message: "Unknown parameter: 'reasoning_split'." },
  })
  const model = clientOf(server.url, { body: { reasoning_split: false } })
  await expect(model.complete(modelRequest())).rejects.toMatchObject({ code: 'invalid_request' })
  expect(server.received).toEqual([expect.objectContaining({ reasoning_split: false })])
  await model.close()
})

test.each([
  [400, { error: { message: "'messages.1' : property 'reasoning_content' is unsupported" } }],
  [
    422,
    {
      object: 'error',
      message: [
        {
          type: 'extra_forbidden',
          loc: ['body', 'messages', 1, 'assistant', 'reasoning_content'],
          msg: 'Extra inputs',
        },
      ],
    },
  ],
  [
    400,
    { error: { message: "Additional properties are not allowed ('reasoning_content' was unexpected) - 'messages.1'" } },
  ],
])('thinking in earlier replies is left out, when an endpoint refuses it with %i', async (status, reply) => {
  await using server = await startPicky((received) => JSON.stringify(received).includes('Hm.'), status, reply)
  const messages = [
    { role: 'user', content: 'How warm?' },
    { role: 'assistant', content: 'Cold.', reasoning_content: 'Hm.' },
    { role: 'user', content: 'Sure?' },
  ] as const
  const request = modelRequest({ messages: messages.map((one) => ({ role: one.role, json: JSON.stringify(one) })) })
  const model = clientOf(server.url)
  await model.complete(request)
  await model.complete(request)
  expect(server.received).toHaveLength(3)
  expect(server.received[2]).toMatchObject({
    messages: [messages[0], { role: 'assistant', content: 'Cold.' }, messages[2]],
  })
  await model.close()
})

test.each([
  'tool call validation failed: parameters for tool look did not match schema: errors: [missing properties]',
  'response_format: invalid schema',
])('schemas are not left out for another reason: %s', async (message) => {
  await using server = await startPicky(() => true, 400, { error: { message } })
  const model = clientOf(server.url)
  const request = modelRequest({ tools: toolsJson, plainTools: () => plainJson })
  await expect(model.complete(request)).rejects.toMatchObject({ code: 'invalid_request' })
  expect(server.bodies).toHaveLength(1)
  await model.close()
})
