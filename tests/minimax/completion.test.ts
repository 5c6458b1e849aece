import { expect, test } from 'vitest'
import { readCompletion } from '../../lib/minimax/reply/completion.ts'
import { completion } from './support/local-server.ts'

const withUsage = (usage: unknown) => readCompletion({ ...completion, usage }, 200).usage
const withChoice = (choice: object) => readCompletion({ ...completion, choices: [choice] }, 200)

test('a completion is read into message, finish reason, usage, id and model', () => {
  expect(readCompletion(completion, 200)).toEqual({
    message: { role: 'assistant', content: 'Warm.' },
    finishReason: 'stop',
    usage: { inputTokens: 10, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 },
    id: '066b13237d4accbb697b81f696876915',
    model: 'MiniMax-M2.1',
  })
})

test.each(['cached_tokens', 'cache_read_input_tokens'])('cached tokens are counted under the name %s', (name) => {
  expect(
    withUsage({
      prompt_tokens: 418,
      completion_tokens: 55,
      prompt_tokens_details: { [name]: 114 },
      completion_tokens_details: { reasoning_tokens: 28 },
    }),
  ).toEqual({ inputTokens: 418, outputTokens: 55, cachedInputTokens: 114, reasoningTokens: 28 })
})

test.each([[undefined], [null], [{ total_tokens: 7 }], [{ prompt_tokens: '9', completion_tokens: -1 }], ['none']])(
  'usage that is not given counts as 0: %j',
  (usage) => {
    expect(withUsage(usage)).toEqual({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 })
  },
)

test('the message is kept whole, because it is sent back', () => {
  const message = {
    role: '',
    content: '',
    name: 'MiniMax AI',
    reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }],
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{}' }, index: 0 }],
  }
  expect(withChoice({ finish_reason: 'tool_calls', message }).message).toEqual({ ...message, role: 'assistant' })
})

test.each([
  ['stop', undefined, 'stop'],
  ['length', undefined, 'length'],
  ['tool_calls', undefined, 'tool_calls'],
  ['content_filter', undefined, 'content_filter'],
  [undefined, [{}], 'tool_calls'],
  ['end_turn', undefined, 'other'],
  ['max_tokens', [{}], 'length'],
  ['MAX_TOKENS', undefined, 'length'],
  ['model_length', undefined, 'length'],
  ['max_output_tokens', undefined, 'length'],
  ['LENGTH', undefined, 'length'],
  [null, [], 'other'],
])('finish reason %j with tool calls %j is %s', (finish_reason, tool_calls, expected) => {
  const message = { role: 'assistant', content: 'x', tool_calls }
  expect(withChoice({ finish_reason, message }).finishReason).toBe(expected)
})

test('a warning beside code 0 is not an error', () => {
  const base_resp = { status_code: 0, status_msg: 'Invalid parameters detected, json: unknown field "user"' }
  expect(readCompletion({ ...completion, base_resp }, 200).message.content).toBe('Warm.')
})

test('an error in base_resp fails the call in spite of status 200 and a choice', () => {
  const base_resp = { status_code: 1008, status_msg: 'insufficient balance' }
  expect(() => readCompletion({ ...completion, base_resp }, 200)).toThrow(
    expect.objectContaining({
      code: 'quota',
      retryable: false,
      providerCode: '1008',
      status: 200,
      message: expect.stringContaining('insufficient balance'),
    }),
  )
})

test('an error object fails the call in spite of status 200', () => {
  const body = { error: { message: 'High traffic detected. (2064) (529)' }, request_id: 'r1' }
  expect(() => readCompletion(body, 200)).toThrow(
    expect.objectContaining({ code: 'overloaded', retryable: true, providerCode: '2064', requestId: 'r1' }),
  )
})

test.each([
  ['an error', { error: { code: 502, message: 'Minimax midstream error: x' } }, 'server', true],
  ['one whose code says more', { error: { message: 'output new_sensitive (1027)' } }, 'content_filter', false],
  ['the finish reason "error"', { finish_reason: 'error' }, 'server', true],
])('a choice with %s is a failure', (_name, choice, code, retryable) => {
  const message = { role: 'assistant', content: 'War' }
  expect(() => withChoice({ message, ...choice })).toThrow(expect.objectContaining({ code, retryable, status: 200 }))
})

test('of several choices the first one by index is read, and null is skipped', () => {
  const [choice] = completion.choices
  const other = { index: 1, finish_reason: 'stop', message: { role: 'assistant', content: 'No.' } }
  for (const choices of [
    [null, choice],
    [other, choice],
    [choice, other],
    [other, { ...choice, index: '0' }],
  ]) {
    expect(readCompletion({ ...completion, choices }, 200).message.content).toBe('Warm.')
  }
})

test.each([[{}], [[]], ['text'], [null], [{ choices: [] }], [{ choices: [{}] }], [{ choices: [{ message: 'x' }] }]])(
  'JSON that is not a completion is a protocol error: %j',
  (body) => {
    expect(() => readCompletion(body, 200)).toThrow(expect.objectContaining({ code: 'protocol', status: 200 }))
  },
)
