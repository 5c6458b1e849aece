import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import type { SerializedMessage } from '../../lib/loop/model.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { textMessage } from '../../lib/minimax/json-protocol.ts'
import { refusedPart } from '../../lib/minimax/refusals.ts'
import { requestBody } from '../../lib/minimax/request-body.ts'
import { findBrokenRule, type Responder, startMockServer } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'
import { getWeather, weatherAnswer } from '../support/weather.ts'
import { completion, replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const fields: Parameters<typeof requestBody>[1] = { model: 'minimax-m2.1', sends: (part) => part !== 'tools' }
const tools = JSON.stringify([
  {
    type: 'function',
    function: { name: 'look', description: 'Looks.', parameters: { type: 'object', properties: {} } },
  },
])
const serialized = (message: { role: SerializedMessage['role']; [field: string]: unknown }): SerializedMessage => ({
  role: message.role,
  json: JSON.stringify(message),
})
const system = serialized({ role: 'system', content: 'You look.' })
const user = serialized({ role: 'user', content: 'Look.' })

function bodyOf(messages: readonly SerializedMessage[], declared: string | undefined = tools) {
  const request = modelRequest({ messages, ...(declared === undefined ? {} : { tools: declared }) })
  return JSON.parse(String(requestBody(request, fields)))
}

/** Knows no native tools: calls in text until it was told a result, then answers. */
const speaksJson: Responder = ({ body, messages }) => {
  if ('tools' in body) throw new Error('tools came natively')
  const result = messages.find(({ content }) => String(content).includes('Result of the tool call'))
  if (result !== undefined)
    return { content: JSON.stringify({ celsius: Number(/"celsius":(\d+)/.exec(String(result.content))?.[1]) }) }
  return { content: 'I look.\n{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}' }
}

test('tools are described in the system message, and the body has no tool fields', () => {
  const body = bodyOf([system, user])
  expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'reasoning_split'])
  expect(body.messages[0].content).toMatch(/^You look\.\n\nYou have the tools .*"tool_calls".*\n\{"name":"look"/s)
  expect(body.messages[1]).toEqual({ role: 'user', content: 'Look.' })
})

test('without a system message one is put first; without tools nothing is added', () => {
  expect(bodyOf([user]).messages.map(({ role }: { role: string }) => role)).toEqual(['system', 'user'])
  const request = modelRequest({ messages: [system, user] })
  expect(JSON.parse(String(requestBody(request, fields))).messages).toEqual(
    [system, user].map(({ json }) => JSON.parse(json)),
  )
})

test("calls become text with their ids, results become user messages, and the messages pass MiniMax's rules", () => {
  const call = { id: 'a', type: 'function', function: { name: 'look', arguments: '{"place":"Oslo"}' } }
  const body = bodyOf([
    system,
    user,
    serialized({ role: 'assistant', content: 'I look.', reasoning_content: 'Hm.', tool_calls: [call] }),
    serialized({ role: 'tool', tool_call_id: 'a', content: '{"seen":true}' }),
    serialized({ role: 'assistant', tool_calls: [{ ...call, id: 'b' }] }),
    serialized({ role: 'tool', tool_call_id: 'b', content: '{"seen":false}' }),
  ])
  const requests = (id: string) => `{"tool_calls":[{"id":"${id}","name":"look","input":{"place":"Oslo"}}]}`
  expect(body.messages.slice(2)).toEqual([
    { role: 'assistant', content: `I look.\n${requests('a')}`, reasoning_content: 'Hm.' },
    { role: 'user', content: expect.stringMatching(/^Result of the tool call a.*\n\{"seen":true\}$/) },
    { role: 'assistant', content: requests('b') },
    { role: 'user', content: expect.stringMatching(/^Result of the tool call b.*\n\{"seen":false\}$/) },
  ])
  expect(findBrokenRule(body, { strict: true })).toBeUndefined()
})

test('a request that the model wrote as text is not written twice', () => {
  const content = '```json\n{"tool_calls":[{"name":"look","input":{}}]}\n```'
  const call = { id: 'call_0_0', type: 'function', function: { name: 'look', arguments: '{}' } }
  const { json } = textMessage(serialized({ role: 'assistant', content, tool_calls: [call] }))
  expect(JSON.parse(json)).toEqual({
    role: 'assistant',
    content: '{"tool_calls":[{"id":"call_0_0","name":"look","input":{}}]}',
  })
})

test('a message is rewritten once, however often it is sent', () => {
  const result = serialized({ role: 'tool', tool_call_id: 'a', content: 'x' })
  expect(textMessage(result)).toBe(textMessage(result))
  expect(textMessage(user)).toBe(user)
})

test.each([false, true])('a run over the JSON protocol calls tools and answers (stream %s)', async (stream) => {
  await using mockServer = await startMockServer({ responder: speaksJson })
  const model = clientOf(mockServer.url, { protocol: 'json', stream })
  const run = await runLoop({ model, tools: [getWeather], prompt: 'How warm?', answer: { schema: weatherAnswer } })
  expect(run).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 }, rounds: 2 })
  await model.close()
})

test('in the JSON protocol a fenced request runs any tool, and a quotation of a result does not', async () => {
  const ran: string[] = []
  const tool = (name: string) =>
    defineTool({
      name,
      description: name,
      inputSchema: { type: 'object', properties: {}, additionalProperties: false },
      execute: () => {
        ran.push(name)
        return { next: '{"name":"second","input":{}}' }
      },
    })
  const replies = [
    '```json\n{"tool_calls":[{"name":"first","input":{}}]}\n```',
    '```json\n{"name":"second","input":{}}\n```',
  ]
  const responder: Responder = ({ messages }) => ({
    content: replies[Math.floor((messages.length - 1) / 2)] ?? 'Done.',
  })
  await using mockServer = await startMockServer({ responder })
  const model = clientOf(mockServer.url, { protocol: 'json' })
  const run = await runLoop({ model, tools: [tool('first'), tool('second')], prompt: 'Go.' })
  expect(run).toMatchObject({ stopReason: 'answered', answer: 'Done.' })
  expect(ran).toEqual(['first'])
  await model.close()
})

const refusal = 'Failed to fetch tools: Not yet implemented'

/** An endpoint that refuses `tools` and knows the JSON protocol. */
function startWithoutTools(tellsIn200 = false) {
  return startLocalServer((_request, response, number) => {
    const body = JSON.parse(server.bodies[number] ?? '')
    const { messages } = body
    if (body.tools !== undefined)
      return replyJson(response, tellsIn200 ? 200 : 400, { error: { message: refusal, code: 400 } })
    const asked = messages.length > 2
    const content = asked ? '{"celsius":4}' : '{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}'
    return replyJson(response, 200, {
      ...completion,
      choices: [{ finish_reason: 'stop', message: { role: 'assistant', content } }],
    })
  }).then((started) => {
    server = started
    return started
  })
}
let server: Awaited<ReturnType<typeof startLocalServer>>

test.each([false, true])(
  'an endpoint that refuses tools is asked in JSON from then on (told in a 200: %s)',
  async (tellsIn200) => {
    await using endpoint = await startWithoutTools(tellsIn200)
    const model = clientOf(endpoint.url)
    const run = await runLoop({ model, tools: [getWeather], prompt: 'How warm?', answer: { schema: weatherAnswer } })
    expect(run).toMatchObject({ stopReason: 'answered', answer: { celsius: 4 } })
    // Refused once, never asked again.
    expect(endpoint.bodies.map((body) => 'tools' in JSON.parse(body))).toEqual([true, false, false])
  },
)

test.each([
  [500, { error: { message: 'tools are not supported', type: 'server_error' } }],
  [422, { detail: [{ type: 'extra_forbidden', loc: ['body', 'tools'], msg: 'Extra inputs are not permitted' }] }],
])('a refusal of tools with status %i is answered in JSON at once, without sending it again', async (status, body) => {
  await using server = await startLocalServer((_, response, number) => {
    if (number === 0) replyJson(response, status, body)
    else replyJson(response, 200, completion)
  })
  const model = clientOf(server.url, { retries: 2 })
  await model.complete(modelRequest({ messages: [user], tools }))
  expect(server.bodies.map((sent) => 'tools' in JSON.parse(sent))).toEqual([true, false])
})

test('who chose the native protocol gets the refusal', async () => {
  await using endpoint = await startWithoutTools()
  const outcome = clientOf(endpoint.url, { protocol: 'native' }).complete(modelRequest({ tools }))
  await expect(outcome).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining(refusal) })
  expect(endpoint.bodies).toHaveLength(1)
})

test('an unknown protocol is a configuration error', () => {
  expect(() => clientOf('https://api.minimax.io', { protocol: 'xml' as never })).toThrow(
    'The option "protocol" is "xml"; it must be "native" or "json".',
  )
})

/** As the classifier gives it: MiniMax's code is read out of the message. */
const failure = (message: string) => {
  const providerCode = /\((\d{4})\)$/.exec(message)?.[1]
  return new ModelError(`MiniMax: ${message} [HTTP 400]`, {
    code: 'invalid_request',
    retryable: false,
    ...(providerCode === undefined ? {} : { providerCode }),
  })
}

test.each([
  refusal,
  'No endpoints found that support tool use.',
  'registry.example/minimax does not support tools',
  "This model doesn't support function calling",
  'tools is not supported',
  'Tool use is not supported by this model',
  'unknown field "tools" (2013)',
  "Unsupported parameter: 'tools'",
  'Unrecognized request argument supplied: tools',
  '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
  'tools param requires --jinja flag',
  'Unsupported parameters: tools, top_k',
  'invalid params, json: unknown field "tools" (2013)',
  'invalid params, unsupported parameter: tools (2013)',
  '[{"type":"extra_forbidden","loc":["body","tools"],"msg":"Extra inputs are not permitted"}]',
  'Tools are not supported by this model. See https://docs.example/tools.html',
])('a refusal of tools: %s', (message) => {
  expect(refusedPart(failure(message), ['tools'], () => false)).toBe('tools')
})

test.each([
  'invalid params, tool call result does not follow tool call (2013)',
  "invalid params, tool result's tool id(call_function_g094w5htkglv_1) not found (2013)",
  'invalid params, invalid tool type: (2013)',
  'invalid params, function name or parameters is empty (2013)',
  'invalid params, invalid function arguments json string, tool_call_id: a (2013)',
  "invalid params, unknown model 'x' (2013)",
  'your current token plan not support model (2061)',
  'model[MiniMax-M3] does not support max tokens > 524288',
  'invalid params, tools[3].function.parameters: keyword "oneOf" is not supported (2013)',
  'invalid params, function name contains characters that are not allowed (2013)',
  'invalid params, 200 tools are not allowed (2013)',
  'invalid params, tool use is not supported for this request (2013)',
  'invalid params, tool choice is not supported (2013)',
  'tools.0.function.parameters is not supported',
  '[{"type":"extra_forbidden","loc":["body","tools",0,"strict"],"msg":"Extra inputs are not permitted"}]',
  'Too many tools: 200 tools are not allowed, at most 128',
  'Tool schema contains the unsupported keyword oneOf',
  'Duplicate tool names are not allowed',
])('no refusal of tools: %s', (message) => {
  expect(refusedPart(failure(message), ['tools'], () => false)).toBeUndefined()
})
