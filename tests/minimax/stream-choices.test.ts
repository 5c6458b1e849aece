import { expect, test } from 'vitest'
import { wireUsage as usage } from '../support/factories.ts'
import { chunk, done, readStream, stop } from './support/event-stream.ts'
import { completion } from './support/local-server.ts'

const counted = { inputTokens: 10, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 }
const at = (index: unknown, content: string, rest: object = {}) => ({ index, delta: { content }, ...rest })

test.each([
  [
    'comes between the chunks of the first one',
    [chunk({ content: 'Wa' }), { choices: [at(1, 'No')] }, chunk({ content: 'rm.' }), { choices: [at(1, '!', stop)] }],
  ],
  ['comes before the first one', [{ choices: [at(1, 'No!'), at(0, 'Warm.')] }]],
  [
    'has its index as text',
    [{ choices: [at('0', 'Wa'), at('1', 'No')] }, { choices: [at('1', '!')] }, chunk({ content: 'rm.' })],
  ],
  ['is null', [{ choices: [null, at(0, 'Warm.')] }]],
])('another choice that %s is ignored', async (_name, frames) => {
  expect((await readStream([...frames, chunk({}, stop), done])).message.content).toBe('Warm.')
})

test('choices that have no index, or another one than 0, are read', async () => {
  expect((await readStream([{ choices: [at(undefined, 'Warm.', stop)] }])).message.content).toBe('Warm.')
  expect((await readStream([{ choices: [at(3, 'Wa')] }, { choices: [at(3, 'rm.', stop)] }])).message.content).toBe(
    'Warm.',
  )
})

test('calls whose index is text are different calls', async () => {
  const call = (index: string, rest: object) => ({ index, ...rest })
  const { message } = await readStream([
    chunk({
      tool_calls: [
        call('0', { id: 'a', function: { name: 'look', arguments: '{"n":' } }),
        call('1', { id: 'b', function: { name: 'wait', arguments: '{"s":' } }),
      ],
    }),
    chunk({ tool_calls: [call('0', { function: { arguments: '1}' } }), call('1', { function: { arguments: '2}' } })] }),
    chunk({}, { finish_reason: 'tool_calls' }),
  ])
  expect(message.tool_calls?.map(({ function: called }) => called?.arguments)).toEqual(['{"n":1}', '{"s":2}'])
})

test('a usage that has only a total does not replace a complete usage', async () => {
  const total = { total_tokens: 12, total_characters: 0 }
  const reply = await readStream([chunk({ content: 'Warm.' }, stop, { usage }), chunk({}, {}, { usage: total }), done])
  expect(reply.usage).toEqual(counted)
})

test.each([
  [['length', 'stop'], 'length'],
  [['max_tokens', 'stop'], 'length'],
  [['tool_calls', 'stop'], 'tool_calls'],
  [['tool_calls', 'tool_calls', 'length'], 'length'],
  [['stop', 'content_filter'], 'content_filter'],
  [['stop', 'unheard_of'], 'other'],
  [['STOP', ''], 'stop'],
])('of the finish reasons %j the most important one counts', async (reasons, expected) => {
  const frames = reasons.map((finish_reason) => chunk({ content: 'x' }, { finish_reason }))
  expect((await readStream(frames)).finishReason).toBe(expected)
})

test('a last frame with the whole completion does not undo an earlier reason', async () => {
  const reply = await readStream([chunk({ content: 'Warm.' }, { finish_reason: 'length' }), completion, done])
  expect(reply).toMatchObject({ finishReason: 'length', usage: counted })
})

test.each([
  ['an error in the choice', { error: { code: 502, message: 'Minimax midstream error: x' } }, 'server', true],
  ['one whose code says more', { error: { message: 'insufficient balance (1008)' } }, 'quota', false],
  ['the finish reason alone', { finish_reason: 'error' }, 'server', true],
  ['the same in capitals', { finish_reason: 'ERROR', error: {} }, 'server', true],
])('a stream that ends with %s failed', async (_name, choice, code, retryable) => {
  const outcome = readStream([chunk({ content: 'War' }), chunk({}, choice), done])
  await expect(outcome).rejects.toMatchObject({ name: 'ModelError', code, retryable })
})

test.each([
  ['the error itself', '{"code":1008,"message":"insufficient balance"}', 'quota'],
  ['base_resp', '{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}', 'quota'],
  ['the error as text', '{"error":"insufficient balance (1008)"}', 'quota'],
  ['text', 'insufficient balance (1008)', 'quota'],
  ['nothing', '{}', 'server'],
  ['a number', '7', 'server'],
])('an event named "error" fails the call with any data: %s', async (_name, data, code) => {
  const outcome = readStream([chunk({ content: 'War' }), `event: error\ndata: ${data}\n\n`, chunk({}, stop), done])
  await expect(outcome).rejects.toMatchObject({ name: 'ModelError', code })
})

test('an event with type "error" fails the call', async () => {
  const outcome = readStream([{ type: 'error', message: 'insufficient balance (1008)' }, done])
  await expect(outcome).rejects.toMatchObject({ code: 'quota', providerCode: '1008' })
})
