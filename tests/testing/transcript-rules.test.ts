import { expect, test } from 'vitest'
import { findBrokenRule, startStandIn } from '../../lib/testing/index.ts'
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

function transcript(...messages: unknown[]) {
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
  ['a message that is no object', transcript('hello'), 'Mismatch type open_platform_oai.Message with value string'],
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
  ['an empty transcript', transcript(), 'chat content is empty'],
  ['two system messages', transcript(system, system, user), 'invalid chat setting'],
  ['a system message that is not first', transcript(user, system), 'chat content has invalid message role: system'],
  [
    'an unknown role',
    transcript({ role: 'developer', content: 'x' }),
    'chat content has invalid message role: developer',
  ],
  ['an empty user message', transcript({ role: 'user', content: '' }), 'chat content is empty'],
  ['a message with no text part', transcript({ role: 'user', content: [] }), 'chat content is empty'],
  ['an empty assistant message', transcript(user, { role: 'assistant', content: '' }), 'chat content is empty'],
  [
    'a null content beside calls',
    transcript(user, { ...asks(call('a')), content: null }, result('a')),
    'invalid chat setting',
  ],
  [
    'an empty content beside calls',
    transcript(user, { ...asks(call('a')), content: '' }, result('a')),
    'tool call result does not follow tool call',
  ],
  ['a call of no type', transcript(user, asks({ ...call('a'), type: '' }), result('a')), 'invalid tool type:'],
  [
    'a call without a name',
    transcript(user, asks(call('a', '{}', '')), result('a')),
    'function name or parameters is empty',
  ],
  ...(['', '{"a":', '{}{}', '[1]', { a: 1 }] as const).map((text): [string, object, string] => [
    `the arguments ${JSON.stringify(text)}`,
    transcript(user, asks(call('a', text)), result('a')),
    'invalid function arguments json string, tool_call_id: a',
  ]),
  [
    'a call with an empty id',
    transcript(user, asks(call('')), result('')),
    'invalid function arguments json string, tool_call_id: ',
  ],
  ['a result without its call', transcript(user, result('gone')), "tool result's tool id(gone) not found"],
  [
    'a message between call and result',
    transcript(user, asks(call('a')), user, result('a')),
    'tool call result does not follow tool call',
  ],
  [
    'a message between two results',
    transcript(user, asks(call('a'), call('b')), result('a'), user, result('b')),
    'tool call result does not follow tool call',
  ],
  ['a call without its result', transcript(user, asks(call('a'))), 'tool call result does not follow tool call'],
  [
    'a second result for a call',
    transcript(user, asks(call('a')), result('a'), result('a')),
    'tool call result does not follow tool call',
  ],
  [
    'a prompt larger than the context window',
    transcript({ role: 'user', content: 'word '.repeat(200_000) }),
    'context window exceeds limit',
  ],
]

test.each(refused)('MiniMax refuses %s', (_name, body, message) => {
  expect(findBrokenRule(body)?.message).toBe(`invalid params, ${message} (2013)`)
})

const accepted: readonly [name: string, body: object][] = [
  ['one user message', hello],
  ['a lower-case model name', { ...hello, model: 'minimax-m2.1' }],
  ['tools with parameters', { ...hello, tools: [tool] }],
  ['parts of text', transcript({ role: 'user', content: [{ type: 'text', text: 'Hello.' }] })],
  [
    'a whole conversation',
    transcript(system, user, asks(call('a'), call('b')), result('a'), result('b'), asks(call('c')), result('c'), user),
  ],
  ['calls in a message without content', transcript(user, { role: 'assistant', tool_calls: [call('a')] }, result('a'))],
]

test.each(accepted)('MiniMax accepts %s', (_name, body) => {
  expect(findBrokenRule(body)).toBeUndefined()
})

test('a broken rule reaches the client in the error envelope, with http_code as a string', async () => {
  await using standIn = await startStandIn()
  const answer = await post(standIn, transcript(user, result('gone')))
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
  expect(standIn.requests[0]).toMatchObject({ outcome: 'refused', status: 400 })
})
