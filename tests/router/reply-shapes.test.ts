import { expect, test } from 'vitest'
import { assistant, exchange, router } from './support/exchange.ts'

/* The numbers are those of the list of failure shapes that MiniMax endpoints are known to send. */

const oslo = [{ tool: 'get_weather', input: { city: 'Oslo' } }]
const invoke = (city: string) => `<invoke name="get_weather">\n<parameter name="city">${city}</parameter>\n</invoke>`
const call = (fields: object = {}, target: object = {}) => ({
  id: 'call_function_a1nrtksph4pi_1',
  type: 'function',
  function: { name: 'get_weather', arguments: '{"city":"Oslo"}', ...target },
  ...fields,
})

test('shape 1, markup in the content and no tool_calls: the call is executed and sent back as a native one', async () => {
  const { ran, reading } = await exchange(`<minimax:tool_call>\n${invoke('Oslo')}\n</minimax:tool_call>`)
  expect(ran).toEqual(oslo)
  expect(reading.message.tool_calls).toMatchObject([{ function: { arguments: '{"city":"Oslo"}' } }])
  expect(reading.text).toBe('')
})

test('shape 2, two invokes in one block: both are executed, in order', async () => {
  const { ran } = await exchange(`<minimax:tool_call>\n${invoke('Oslo')}\n${invoke('Bergen')}\n</minimax:tool_call>`)
  expect(ran.map(({ input }) => input)).toEqual([{ city: 'Oslo' }, { city: 'Bergen' }])
})

test('shape 3, markup that ends at any character: no call runs with a part of its arguments', async () => {
  const whole = `Let me look.\n<minimax:tool_call>\n${invoke('Oslo')}\n</minimax:tool_call>`
  for (let length = 0; length <= whole.length; length++) {
    for (const { input } of (await exchange(whole.slice(0, length))).ran) expect(input).toEqual({ city: 'Oslo' })
  }
})

test('shape 4: a complete call in the text is executed although tool_calls is null', async () => {
  const content = `<minimax:tool_call>${invoke('Oslo')}</minimax:tool_call>`
  expect((await exchange(assistant({ content, tool_calls: null }))).ran).toEqual(oslo)
})

test('shape 5: a call in M3 markup that is not closed is refused', async () => {
  const token = ']<]minimax[>['
  const { ran, errors, reading } = await exchange(
    `Let me read it.${token}<tool_call>\n${token}<invoke name="get_weather">${token}<city>Oslo${token}</city>`,
  )
  expect(ran).toEqual([])
  expect(errors).toEqual(['unreadable_call'])
  expect(reading.text).toBe('Let me read it.')
})

test('shape 7: a call without angle brackets is executed', async () => {
  const content = 'invoke name="get_weather">\nparameter name="city">Osloparameter>\ninvoke>'
  expect((await exchange(content)).ran).toEqual(oslo)
  expect((await exchange(content.replaceAll('\n', ''))).ran).toEqual(oslo)
  expect((await exchange(`minimax:tool_call>\n${content}\nminimax:tool_call>`)).reading.text).toBe('')
})

const parameter = '<parameter name="city">Oslo</parameter>'
test.each([
  ['no end of the wrapper', `<minimax:tool_call>${invoke('Oslo')}`, 1, 0],
  [
    'no end of the invoke, but of the wrapper',
    `<minimax:tool_call><invoke name="get_weather">${parameter}</minimax:tool_call>`,
    1,
    0,
  ],
  ['no end of invoke and wrapper', `<minimax:tool_call><invoke name="get_weather">${parameter}`, 0, 1],
  ['no end of the parameter', '<minimax:tool_call><invoke name="get_weather"><parameter name="city">Os', 0, 1],
  ['the wrapper alone', 'Now:\n<minimax:tool_call>\n', 0, 1],
  ['cut off in a tag', `<minimax:tool_call>${invoke('Oslo')}<invoke name="get_wea`, 1, 1],
  ['no start of the wrapper', `${invoke('Oslo')}</minimax:tool_call>`, 1, 0],
  [
    'a bare invoke, then a wrapped one',
    `${invoke('Oslo')}<minimax:tool_call>${invoke('Oslo')}</minimax:tool_call>`,
    2,
    0,
  ],
  [
    'the next invoke begins before the end',
    `<minimax:tool_call><invoke name="get_weather">${parameter}${invoke('Oslo')}</minimax:tool_call>`,
    0,
    1,
  ],
  ['an orphan end', 'It is warm.\n</invoke>\n</minimax:tool_call>', 0, 0],
])('shape 10, a truncated block, %s', async (_, content, runs, refused) => {
  const { ran, errors, reading } = await exchange(content)
  expect(ran).toEqual(Array(runs).fill(oslo[0]))
  expect(errors).toEqual(Array(refused).fill('unreadable_call'))
  expect(reading.text).not.toMatch(/<\/?(?:minimax|invoke|parameter)/)
})

test.each([
  ['JSON', '[TOOL_CALL]\n{"tool":"get_weather","args":{"city":"Oslo"}}\n[/TOOL_CALL]'],
  ['arrows', '[TOOL_CALL]\n{tool => "get_weather", args => {\n  --city "Oslo"\n}}\n[/TOOL_CALL]'],
])('shape 12, a [TOOL_CALL] block with %s: the call is executed', async (_, content) => {
  expect((await exchange(content)).ran).toEqual(oslo)
})

test('shape 14, thinking in the content of every answer: it is not in the text but is sent back', async () => {
  const { reading } = await exchange('<think>\nThey want JSON.\n</think>\n\n{"celsius":4}')
  expect(reading.text).toBe('{"celsius":4}')
  expect(reading.message.content).toContain('They want JSON.')
})

test('shape 15, thinking that is never closed: the text is empty', async () => {
  expect((await exchange('<think>\nThe user wants', { truncated: true })).reading.text).toBe('')
})

test('shape 17, the tail of thinking beside native calls: they are executed once', async () => {
  expect((await exchange(assistant({ content: '\n<think>\n', tool_calls: [call()] }))).ran).toEqual(oslo)
})

test('shapes 18 and 19, an empty answer with reasoning: no call, and a message that can be sent back', async () => {
  for (const content of ['', null, undefined]) {
    const { reading } = await exchange(assistant({ content, reasoning_content: 'Hm.' }), { truncated: true })
    expect(reading).toMatchObject({ text: '', calls: [] })
  }
})

test('shape 20, an empty role: the message is sent back as the assistant’s', async () => {
  const { reading, ran } = await exchange(assistant({ role: '', content: 'x', tool_calls: [call()] }))
  expect(reading.message.role).toBe('assistant')
  expect(ran).toEqual(oslo)
})

test('shape 21, everything twice: each call has a result of its own', async () => {
  const { results } = await exchange(assistant({ content: 'xx', tool_calls: [call(), call()] }))
  expect(results).toHaveLength(2)
})

test('shape 22, a choice without a message: nothing is read and nothing is thrown', () => {
  for (const message of [undefined, null, 7, []]) expect(router.read(message as never).calls).toEqual([])
})

test('shape 23, cumulative deltas joined: thinking stays hidden', async () => {
  expect((await exchange('<think>hi<think>hi there</think>Hello.')).reading.text).toBe('Hello.')
})

test('shape 25, arguments of two calls concatenated: refused, because they are not one object', async () => {
  const { ran, errors } = await exchange(
    assistant({ tool_calls: [call({}, { arguments: '{"city":"Oslo"}{"city":"Bergen"}' })] }),
  )
  expect(ran).toEqual([])
  expect(errors).toEqual(['unreadable_call'])
})

test('shape 28, a continuation with an empty id: not executed, because it names no tool', async () => {
  const { errors } = await exchange(
    assistant({
      tool_calls: [
        { id: '1', function: { name: 'ping' } },
        { id: '', function: { arguments: '[1]' } },
      ],
    }),
  )
  expect(errors).toEqual(['unreadable_call'])
})

test('shape 30, a call whose index begins at one: it is executed', async () => {
  expect((await exchange(assistant({ tool_calls: [call({ index: 1 })] }))).ran).toEqual(oslo)
})

test('shape 31, arguments as an object: executed, and sent back as text', async () => {
  const { ran, reading } = await exchange(assistant({ tool_calls: [call({}, { arguments: { city: 'Oslo' } })] }))
  expect(ran).toEqual(oslo)
  expect(reading.message.tool_calls?.[0]?.function?.arguments).toBe('{"city":"Oslo"}')
})

test('shape 33, unquoted keys are read, and arguments that end in the middle are refused', async () => {
  const withArguments = (text: string) => exchange(assistant({ tool_calls: [call({}, { arguments: text })] }))
  expect((await withArguments('{city:"Oslo"}')).ran).toEqual(oslo)
  for (const text of ['{"city":"Os', '{"city":"Oslo"', '{"city":"Oslo",', '{"city":', '{']) {
    const { ran, errors, reading } = await withArguments(text)
    expect(ran).toEqual([])
    expect(errors).toEqual(['unreadable_call'])
    expect(reading.message.tool_calls?.[0]?.function?.arguments).toBe('{}')
  }
})

test('shape 34, empty arguments of a call without parameters: executed with an empty object', async () => {
  const { ran } = await exchange(assistant({ tool_calls: [call({}, { name: 'ping', arguments: '' })] }))
  expect(ran).toEqual([{ tool: 'ping', input: {} }])
})

test('shape 35: no call of a reply that was cut off is executed', async () => {
  for (const content of [`<minimax:tool_call>${invoke('Oslo')}`, '{"tool_calls":[{"name":"ping","input":{}}]}']) {
    const { ran, errors } = await exchange(content, { truncated: true })
    expect(ran).toEqual([])
    expect(errors).toEqual(['truncated_call'])
  }
})

test('prose about a call is an answer', async () => {
  expect((await exchange('I would call get_weather for Oslo.')).reading.calls).toEqual([])
})

test('a call with invented arguments gets validation errors', async () => {
  const { errors } = await exchange(assistant({ tool_calls: [call({}, { arguments: '{"town":"Oslo"}' })] }))
  expect(errors).toEqual(['invalid_input'])
})
