import { expect, test } from 'vitest'
import { findBrokenRule, startMockServer } from '../../lib/testing/index.ts'
import { hello, post } from './support/post.ts'

const user = { role: 'user', content: 'Hello.' }
const system = { role: 'system', content: 'You help.' }
const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }

function call(id: string, text: unknown = '{}', name = 'look') {
  return { id, type: 'function', function: { name, arguments: text } }
}

function asks(...calls: object[]) {
  return { role: 'assistant', content: '<think>\nI look.\n</think>\n', tool_calls: calls }
}

function result(id: string) {
  return { role: 'tool', tool_call_id: id, content: '{"seen":true}' }
}

function bodyOf(...messages: unknown[]) {
  return { model: 'MiniMax-M2.1', messages }
}

const refused: readonly [name: string, body: object, message: string][] = [
  ['no model', { messages: [user] }, 'binding: expr_path=model, cause=missing required parameter'],
  ['no messages', { model: 'MiniMax-M2.1' }, 'binding: expr_path=messages, cause=missing required parameter'],
  ['an unknown model', { ...hello, model: 'gpt-5.5' }, "unknown model 'gpt-5.5'"],
  ['a vendor prefix', { ...hello, model: 'minimax/MiniMax-M2.1' }, "unknown model 'minimax/minimax-m2.1'"],
  [
    'too many output tokens',
    { ...hello, model: 'MiniMax-M3', max_completion_tokens: 524_289 },
    'model[MiniMax-M3] does not support max tokens > 524288',
  ],
  [
    'thinking as a boolean',
    { ...hello, thinking: false },
    'Mismatch type open_platform_oai.ThinkingConfig with value bool',
  ],
  ['thinking of type enabled', { ...hello, thinking: { type: 'enabled' } }, 'invalid thinking type: enabled'],
  ['reasoning_split as a number', { ...hello, reasoning_split: 1 }, 'Mismatch type bool with value number'],
  ['stream as text', { ...hello, stream: 'yes' }, 'Mismatch type bool with value string'],
  [
    'stream options that are not an object',
    { ...hello, stream_options: true },
    'Mismatch type open_platform_oai.StreamOptions with value bool',
  ],
  ['an unknown stream option', { ...hello, stream_options: { usage: true } }, 'json: unknown field "usage"'],
  ['a temperature that is not a number', { ...hello, temperature: 'hot' }, 'Mismatch type float64 with value string'],
  ['a temperature of 5', { ...hello, temperature: 5 }, 'temperature must be in (0, 1]'],
  ['a temperature of 0, which older models refuse', { ...hello, temperature: 0 }, 'temperature must be in (0, 1]'],
  ['a top_p above 1', { ...hello, top_p: 1.1 }, 'top_p must be in (0, 1]'],
  ['no output tokens', { ...hello, max_completion_tokens: 0 }, 'max_completion_tokens must be at least 1'],
  ['output tokens as text', { ...hello, max_completion_tokens: 'x' }, 'Mismatch type int64 with value string'],
  ['half an output token in the older field', { ...hello, max_tokens: 0.5 }, 'Mismatch type int64 with value number'],
  [
    'a tool choice that is not documented',
    { ...hello, tools: [tool], tool_choice: 'required' },
    'invalid tool_choice: required',
  ],
  [
    'a tool choice of one function',
    { ...hello, tools: [tool], tool_choice: { type: 'function' } },
    'invalid tool_choice: {"type":"function"}',
  ],
  ['an unknown service tier', { ...hello, service_tier: 'fast' }, 'invalid service_tier: fast'],
  [
    'a response format, except for one older model',
    { ...hello, response_format: { type: 'json_object' } },
    'json: unknown field "response_format"',
  ],
  ['a field of null', { ...hello, temperature: null }, 'invalid chat setting'],
  ...['extra_body', 'user', 'stop', 'n', 'seed', 'parallel_tool_calls', 'reasoning_effort'].map(
    (field): [string, object, string] => [
      `the field ${field}`,
      { ...hello, [field]: 1 },
      `json: unknown field "${field}"`,
    ],
  ),
  ['an empty list of tools', { ...hello, tools: [] }, 'Failed to fetch tools: Not yet implemented'],
  ['tools of null', { ...hello, tools: null }, 'invalid chat setting'],
  [
    'a tool with strict',
    { ...hello, tools: [{ ...tool, function: { ...tool.function, strict: null } }] },
    'json: unknown field "strict"',
  ],
  [
    'a tool whose description is not a string',
    { ...hello, tools: [{ ...tool, function: { ...tool.function, description: 7 } }] },
    'Mismatch type string with value number',
  ],
  ['a message that is not an object', bodyOf('hello'), 'Mismatch type open_platform_oai.Message with value string'],
  ['a tool in another shape', { ...hello, tools: [{ name: 'look', input_schema: {} }] }, 'invalid tool type:'],
  [
    'a tool without a name',
    { ...hello, tools: [{ type: 'function', function: { parameters: {} } }] },
    'function name or parameters is empty',
  ],
  [
    'a tool without parameters',
    { ...hello, tools: [{ type: 'function', function: { name: 'look' } }] },
    'function parameters is empty',
  ],
  ['an empty list of messages', bodyOf(), 'chat content is empty'],
  ['two system messages', bodyOf(system, system, user), 'invalid chat setting'],
  ['a system message that is not first', bodyOf(user, system), 'chat content has invalid message role: system'],
  ['an unknown role', bodyOf({ role: 'developer', content: 'x' }), 'chat content has invalid message role: developer'],
  ['an empty user message', bodyOf({ role: 'user', content: '' }), 'chat content is empty'],
  ['a message with no text part', bodyOf({ role: 'user', content: [] }), 'chat content is empty'],
  ['an empty assistant message', bodyOf(user, { role: 'assistant', content: '' }), 'chat content is empty'],
  [
    'a null content beside calls',
    bodyOf(user, { ...asks(call('a')), content: null }, result('a')),
    'invalid chat setting',
  ],
  [
    'an empty content beside calls',
    bodyOf(user, { ...asks(call('a')), content: '' }, result('a')),
    'tool call result does not follow tool call',
  ],
  ['a call of no type', bodyOf(user, asks({ ...call('a'), type: '' }), result('a')), 'invalid tool type:'],
  [
    'a call without a name',
    bodyOf(user, asks(call('a', '{}', '')), result('a')),
    'function name or parameters is empty',
  ],
  ...(['', '{"a":', '{}{}', '[1]', { a: 1 }] as const).map((text): [string, object, string] => [
    `the arguments ${JSON.stringify(text)}`,
    bodyOf(user, asks(call('a', text)), result('a')),
    'invalid function arguments json string, tool_call_id: a',
  ]),
  [
    'a call with an empty id',
    bodyOf(user, asks(call('')), result('')),
    'invalid function arguments json string, tool_call_id: ',
  ],
  ['a result without its call', bodyOf(user, result('gone')), "tool result's tool id(gone) not found"],
  [
    'a message between call and result',
    bodyOf(user, asks(call('a')), user, result('a')),
    'tool call result does not follow tool call',
  ],
  [
    'a message between two results',
    bodyOf(user, asks(call('a'), call('b')), result('a'), user, result('b')),
    'tool call result does not follow tool call',
  ],
  ['a call without its result', bodyOf(user, asks(call('a'))), 'tool call result does not follow tool call'],
  [
    'a second result for a call',
    bodyOf(user, asks(call('a')), result('a'), result('a')),
    'tool call result does not follow tool call',
  ],
  [
    'two calls with one id',
    bodyOf(user, asks(call('a'), call('a')), result('a'), result('a')),
    'duplicate tool call id: a',
  ],
  [
    'results in another order than their calls',
    bodyOf(user, asks(call('a'), call('b')), result('b'), result('a')),
    'tool call result does not follow tool call',
  ],
  [
    'a prompt larger than the context window',
    bodyOf({ role: 'user', content: 'word '.repeat(200_000) }),
    'context window exceeds limit',
  ],
]

test.each(refused)('strict rules refuse %s', (_name, body, message) => {
  expect(findBrokenRule(body, { strict: true })?.message).toBe(`invalid params, ${message} (2013)`)
})

const contested: readonly [name: string, body: object][] = [
  ['a temperature of 0', { ...hello, temperature: 0 }],
  ['a temperature above 1', { ...hello, temperature: 1.5 }],
  ['a top_p of 0', { ...hello, top_p: 0 }],
  ...['required', { type: 'function', function: { name: 'look' } }].map((choice): [string, object] => [
    `the tool choice ${JSON.stringify(choice)}`,
    { ...hello, tools: [tool], tool_choice: choice },
  ]),
  ['stop', { ...hello, stop: ['\n'] }],
  ['a response format', { ...hello, response_format: { type: 'json_object' } }],
  ['seed, n and penalties', { ...hello, seed: 1, n: 1, presence_penalty: 0, frequency_penalty: 0 }],
  ['an unknown field', { ...hello, user: 'u' }],
  ['a field of null', { ...hello, temperature: null }],
  ['an empty list of tools', { ...hello, tools: [] }],
  ['a tool with strict', { ...hello, tools: [{ ...tool, function: { ...tool.function, strict: true } }] }],
  ['a null content beside calls', bodyOf(user, { ...asks(call('a')), content: null }, result('a'))],
  ['an empty content beside calls', bodyOf(user, { ...asks(call('a')), content: '' }, result('a'))],
]

test.each(contested)('%s is accepted, as it was measured', (_name, body) => {
  expect(findBrokenRule(body)).toBeUndefined()
})

/** Messages of strict rules that are about what sources disagree on. */
const onlyStrict =
  /in \(0, 1\]|invalid tool_choice|unknown field|invalid chat setting|Not yet implemented|follow tool call/

test.each(refused.filter(([, , message]) => !onlyStrict.test(message)))(
  'rules that are not strict refuse %s, too',
  (_name, body, message) => {
    expect(findBrokenRule(body)?.message).toBe(`invalid params, ${message} (2013)`)
  },
)

test.each([
  ['a temperature of 5', { ...hello, temperature: 5 }, 'temperature must be in [0, 2]'],
  ['an unknown tool choice', { ...hello, tools: [tool], tool_choice: 'any' }, 'invalid tool_choice: any'],
  ['two system messages', bodyOf(system, system, user), 'invalid chat setting'],
  ['a call without its result', bodyOf(user, asks(call('a'))), 'tool call result does not follow tool call'],
])('rules that are not strict refuse %s', (_name, body, message) => {
  expect(findBrokenRule(body)?.message).toBe(`invalid params, ${message} (2013)`)
})

const accepted: readonly [name: string, body: object][] = [
  ['one user message', hello],
  ['a lower-case model name', { ...hello, model: 'minimax-m2.1' }],
  ['tools with parameters', { ...hello, tools: [tool] }],
  [
    'every documented field',
    {
      ...hello,
      tools: [tool],
      tool_choice: 'auto',
      max_completion_tokens: 1000,
      temperature: 1,
      top_p: 0.95,
      stream: true,
      stream_options: { include_usage: true },
      reasoning_split: true,
      thinking: { type: 'adaptive' },
      service_tier: 'standard',
    },
  ],
  [
    'a response format of the older model',
    { ...hello, model: 'MiniMax-Text-01', response_format: { type: 'json_schema' } },
  ],
  ['one id in two messages', bodyOf(user, asks(call('a')), result('a'), asks(call('a')), result('a'), user)],
  ['parts of text', bodyOf({ role: 'user', content: [{ type: 'text', text: 'Hello.' }] })],
  [
    'a whole conversation',
    bodyOf(system, user, asks(call('a'), call('b')), result('a'), result('b'), asks(call('c')), result('c'), user),
  ],
  ['calls in a message without content', bodyOf(user, { role: 'assistant', tool_calls: [call('a')] }, result('a'))],
]

test.each(accepted)('MiniMax accepts %s', (_name, body) => {
  expect(findBrokenRule(body)).toBeUndefined()
  expect(findBrokenRule(body, { strict: true })).toBeUndefined()
})

test.each(contested)('a strict mock server refuses %s, and another one answers', async (_name, body) => {
  await using strict = await startMockServer({ strict: true })
  await using other = await startMockServer()
  expect((await post(strict, body)).status).toBe(400)
  expect((await post(other, body)).status).toBe(200)
})

test('a field that is not known gets a warning in a successful reply', async () => {
  await using mockServer = await startMockServer()
  const { text } = await post(mockServer, { ...hello, user: 'u' })
  expect(JSON.parse(text).base_resp).toEqual({
    status_code: 0,
    status_msg: 'Invalid parameters detected, json: unknown field "user"',
  })
})

test('with the tool choice "none" the responder gets no tools', async () => {
  let seen: unknown
  await using mockServer = await startMockServer({
    responder: ({ tools }) => {
      seen = tools
      return {}
    },
  })
  await post(mockServer, { ...hello, tools: [tool], tool_choice: 'none' })
  expect(seen).toEqual([])
})

test('a broken rule is reported in the error envelope, with http_code as a string', async () => {
  await using mockServer = await startMockServer()
  const answer = await post(mockServer, bodyOf(user, result('gone')))
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.text)).toEqual({
    type: 'error',
    error: {
      type: 'bad_request_error',
      message: "invalid params, tool result's tool id(gone) not found (2013)",
      http_code: '400',
    },
    request_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  })
  expect(mockServer.requests[0]).toMatchObject({ outcome: 'refused', status: 400 })
})
