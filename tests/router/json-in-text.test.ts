import { expect, test } from 'vitest'
import { jsonSpans } from '../../router/json/json-scan.ts'
import { exchange } from './support/exchange.ts'

const request = '{"name":"get_weather","arguments":{"city":"Oslo"}}'
const envelope = `{"tool_calls":[${request}]}`
const oslo = { tool: 'get_weather', input: { city: 'Oslo' } }

test.each([
  ['bare', envelope],
  ['after prose', `I look it up. ${envelope}`],
  ['after prose with brackets and quotes', `I "look [it" up {now: ${envelope}`],
  ['as a bare call', request],
  ['as a list of calls', `[${request}]`],
  ['with the API’s nesting', `{"tool_calls":[{"type":"function","function":${request}}]}`],
  ['as one call', `{"tool_call":${request}}`],
  ['in the API’s older form', `{"function_call":${request}}`],
  ['in the words of another API', '{"tool":"get_weather","args":{"city":"Oslo"}}'],
  ['in the tags of other models', `<tool_call>\n${request}\n</tool_call>`],
  ['in Python’s notation', "{'tool_calls': [{'name': 'get_weather', 'input': {'city': 'Oslo'}}]}"],
])('a JSON call in the text is executed: %s', async (_, content) => {
  expect((await exchange(content)).ran).toEqual([oslo])
})

test.each([
  ['after prose', `Look:\n\`\`\`json\n${envelope}\n\`\`\``],
  ['with Windows line ends', `Look:\r\n\`\`\`json\r\n${envelope}\r\n\`\`\`\r\n`],
  ['with a trailing comma', `Look:\n\`\`\`json\n{"tool_calls":[${request},]}\n\`\`\``],
  ['in Python’s notation', "```python\n{'name': 'get_weather', 'input': {'city': 'Oslo'}}\n```"],
])(
  'a fenced JSON call is executed in the JSON protocol, and it is a quotation in the native one: %s',
  async (_, content) => {
    expect((await exchange(content, { protocol: 'json' })).ran).toEqual([oslo])
    expect(await exchange(content)).toMatchObject({ ran: [], errors: ['unreadable_call'] })
  },
)

test('several objects are several calls', async () => {
  const fenced = `\`\`\`json\n${request}\n\`\`\`\n\`\`\`json\n${request}\n\`\`\``
  for (const content of [`${request}\n${request}`, fenced]) {
    expect((await exchange(content, { protocol: 'json' })).ran).toEqual([oslo, oslo])
  }
})

test('an example with prose after it is not executed; an envelope, which can only be a call, gets feedback', async () => {
  expect((await exchange(`For example ${request} would do.`)).reading.calls).toEqual([])
  const { ran, errors, results } = await exchange(`For example:\n\`\`\`json\n${envelope}\n\`\`\`\nShall I?`)
  expect({ ran, errors }).toEqual({ ran: [], errors: ['unreadable_call'] })
  expect(results[0]?.content).toContain('natively')
})

test('a call inside an object that is broken or cut off is not executed', async () => {
  for (const content of [
    `{"tool_calls":[${request}`,
    `{"tool_calls":[${request},`,
    `{"note": "x", "then": ${request}`,
    `{"name":"write_file","arguments":{"meta":${request}`,
  ]) {
    expect((await exchange(content)).ran).toEqual([])
  }
})

test('an object with only a name, or with an undeclared name, is an answer', async () => {
  for (const content of ['{"name":"get_weather"}', '{"name":"rm","arguments":{}}', '{"answer":{"name":"ping"}}']) {
    expect((await exchange(content)).reading.calls).toEqual([])
  }
})

test('an entry of an envelope that is not a call gets feedback, and the others are executed', async () => {
  const { ran, errors } = await exchange(`{"tool_calls":[5,{"name":"rm"},{"name":"ping"},${request}]}`)
  expect(ran).toEqual([{ tool: 'ping', input: {} }, oslo])
  expect(errors).toEqual(['unreadable_call', 'unknown_tool'])
})

test('a list with anything but calls in it is an answer', async () => {
  for (const content of [`[${request},{"city":"Oslo"}]`, `[1,${request}]`]) {
    expect((await exchange(content)).reading).toMatchObject({ calls: [], text: content })
  }
})

test('the text of a reply does not contain the calls that were read from it', async () => {
  expect((await exchange(`I look it up.\n\n\`\`\`json\n${envelope}\n\`\`\``)).reading.text).toBe('I look it up.')
  expect((await exchange(`I look it up. ${request},\n${request}`)).reading.text).toBe('I look it up.')
  const mixed = `{"celsius":4,"tool_calls":[${request}]}`
  expect((await exchange(mixed)).reading.text).toBe(mixed)
})

test('a JSON call in thinking is not executed', async () => {
  expect((await exchange(`<think>${envelope}</think>It is warm.`)).reading.calls).toEqual([])
})

test('all outermost JSON values of a text are found, with their positions', () => {
  const text = 'a [1] {"b": [{}]} [not {"c": "}"} "{" {"d": "\\u00e5\\"]"}'
  expect(jsonSpans(text).map(({ start, end }) => text.slice(start, end))).toEqual([
    '[1]',
    '{"b": [{}]}',
    '{"c": "}"}',
    '{"d": "\\u00e5\\"]"}',
  ])
})

test('text that is not strict JSON is not found', () => {
  for (const text of [
    '{"a":01}',
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a" 1}',
    '[1 2]',
    '[}',
    '{]',
  ]) {
    expect(jsonSpans(text)).toEqual([])
  }
})
