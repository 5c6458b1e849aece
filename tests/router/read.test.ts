import { expect, test } from 'vitest'
import type { AssistantMessage } from '../../router/reading/assistant-message.ts'
import { createRouter } from '../../router/router.ts'
import { getWeather } from '../support/weather.ts'
import { minimaxRouter } from './support/exchange.ts'

const router = minimaxRouter([getWeather])
const assistant = (fields: object): AssistantMessage => ({ role: 'assistant', ...fields })
const native = (args: unknown, id: unknown = 'call_1') =>
  assistant({
    content: '<think>hm</think>',
    tool_calls: [{ id, type: 'function', function: { name: 'get_weather', arguments: args } }],
  })

test('a well-formed native call is read without a repair, and its message is sent back unchanged', () => {
  const message = native('{"city":"Oslo"}')
  const reading = router.read(message)
  expect(reading.calls).toEqual([{ id: 'call_1', name: 'get_weather', input: { city: 'Oslo' }, repairs: [] }])
  expect(reading.message).toBe(message)
  expect(reading.text).toBe('')
})

test.each([
  ['an object', { city: 'Oslo' }, 'object_arguments'],
  ['JSON inside a JSON string', JSON.stringify('{"city":"Oslo"}'), 'double_encoded'],
  ['unquoted keys', "{city: 'Oslo'}", 'json_repaired'],
  ['a trailing comma', '{"city":"Oslo",}', 'json_repaired'],
])('arguments as %s are read, recorded as a repair, and sent back as JSON text', (_, args, kind) => {
  const reading = router.read(native(args))
  expect(reading.calls[0]).toMatchObject({ input: { city: 'Oslo' }, repairs: [{ kind }] })
  expect(reading.message.tool_calls?.[0]?.function?.arguments).toBe('{"city":"Oslo"}')
})

test.each(['', '  ', 'null', '""', '[]', ' [ ] '])(
  'arguments %j, which mean nothing in some language, are an empty object',
  (args) => {
    expect(router.read(native(args)).calls[0]).toMatchObject({ input: {}, repairs: [{ kind: 'empty_arguments' }] })
  },
)

test.each([['"Oslo"'], ['[1]'], ['Oslo, please']])(
  'arguments %s are refused, and the message says how to write them',
  async (args) => {
    const reading = router.read(native(args))
    const [result] = await router.dispatch(reading.calls)
    expect(result).toMatchObject({ status: 'error', error: { kind: 'unreadable_call' } })
    expect(result?.content).toContain('one JSON object')
    expect(reading.message.tool_calls?.[0]?.function?.arguments).toBe('{}')
  },
)

test('an integer that would be rounded is refused, and the message says what to send', async () => {
  const [call] = router.read(native('{"city":"Oslo","days":12345678901234567890}')).calls
  const [result] = await router.dispatch(call === undefined ? [] : [call])
  expect(result).toMatchObject({ status: 'error', error: { kind: 'unreadable_call' } })
  expect(result?.content).toContain(
    'The integer 12345678901234567890 at /days in the arguments is too large to be exact.',
  )
  expect(result?.content).toContain('Send one JSON object with it as a string')
})

test('no call of a reply that was cut off is executed', async () => {
  const reading = router.read(native('{"city":"Oslo"}'), { truncated: true })
  expect(await router.dispatch(reading.calls)).toMatchObject([{ status: 'error', error: { kind: 'truncated_call' } }])
})

test('missing and duplicate ids are replaced, also in the message', () => {
  const call = native('{"city":"Oslo"}').tool_calls?.[0]
  const reading = router.read(assistant({ tool_calls: [call, call, { ...call, id: '' }] }), { idPrefix: 'r1' })
  expect(reading.calls.map(({ id }) => id)).toEqual(['call_1', 'r1_2', 'r1_3'])
  expect(reading.message.tool_calls?.map(({ id }) => id)).toEqual(['call_1', 'r1_2', 'r1_3'])
})

test.each([
  ['bare', '{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}'],
  ['fenced', 'Let me look.\n```json\n{"tool_calls":[{"name":"get_weather","input":{"city":"Oslo"}}]}\n```'],
  ['after thinking', '<think>{"tool_calls":[]}</think>{"name":"get_weather","arguments":{"city":"Oslo"}}'],
])('structured JSON in the text is read as a call: %s', (_, content) => {
  const reading = router.read(assistant({ content }), { protocol: 'json' })
  expect(reading.calls).toMatchObject([{ name: 'get_weather', input: { city: 'Oslo' } }])
  expect(reading.calls[0]).not.toHaveProperty('refusal')
  expect(reading.message.tool_calls).toHaveLength(1)
})

test('an object in the text that names no declared tool is not a call', () => {
  expect(router.read(assistant({ content: '{"name":"rm","arguments":{"path":"/"}}' })).calls).toEqual([])
})

test('without a text format, native calls and structured JSON are read, and markup and thinking are text', () => {
  const plain = createRouter([getWeather])
  const markup = '<think>hm</think><invoke name="get_weather"><parameter name="city">Oslo</parameter></invoke>'
  expect(plain.read(assistant({ content: markup }))).toMatchObject({ text: markup, calls: [] })
  expect(plain.read(native('{"city":"Oslo"}')).calls).toMatchObject([{ input: { city: 'Oslo' } }])
  expect(plain.read(assistant({ content: '{"name":"get_weather","input":{"city":"Oslo"}}' })).calls).toHaveLength(1)
})
