import { expect, test } from 'vitest'
import { readArguments } from '../../router/arguments.ts'
import { assistant, exchange } from './support/exchange.ts'

test.each([
  [
    'Python constants and quotes',
    "{'a': True, 'b': False, 'c': None, 'd': 'it\\'s'}",
    { a: true, b: false, c: null, d: "it's" },
  ],
  ['unquoted keys', '{a: 1, b_c: "x"}', { a: 1, b_c: 'x' }],
  ['unquoted words', '{city: Oslo}', { city: 'Oslo' }],
  ['trailing commas', '{"a": [1, 2,], "b": {"c": 1,},}', { a: [1, 2], b: { c: 1 } }],
  ['line breaks in a string', '{"a": "x\ny\r\nz\t"}', { a: 'x\ny\r\nz\t' }],
  ['a code block around it', '```json\n{"a": 1}\n```', { a: 1 }],
  ['a code block around Python', "```\n{'a': 1}\n```", { a: 1 }],
  ['characters of all planes', "{'å': '🌍 日本'}", { å: '🌍 日本' }],
])('arguments with %s are read and recorded as repaired', (_, text, input) => {
  expect(readArguments(text)).toMatchObject({ kind: 'read', input, repairs: [{ kind: 'json_repaired' }] })
})

test.each([
  ['cut off in a string', '{"a": "x'],
  ['cut off after a value', '{"a": "x"'],
  ['cut off in a list', '{"a": [1, 2'],
  ['abbreviated', '{"a": [1, 2, ...]}'],
  ['two objects', '{"a": 1}{"a": 2}'],
  ['two objects and a comma', '{"a": 1},{"a": 2}'],
  ['a path with single backslashes', '{"a": "C:\\dir"}'],
  ['quotes that are not escaped', '{"a": "say "hi" now"}'],
  ['a missing comma', '{"a": 1 "b": 2}'],
  ['a missing value', '{"a": 1, "b"}'],
  ['several unquoted words', '{city: New York}'],
  ['a number with leading zeros', '{"a": 007}'],
  ['a value that JSON does not have', '{"a": undefined}'],
  ['a comment', '{"a": 1 /* or 2 */}'],
  ['a call', '{"a": f(1)}'],
  ['a bracket too many', '{"a": 1}}'],
  ['a bracket of the wrong kind', '{"a": [1}}'],
  ['prose', 'the city is Oslo'],
  ['a list', '[1]'],
  ['a number', '7'],
])('ambiguous arguments are refused: %s', (_, text) => {
  expect(readArguments(text)).toMatchObject({ kind: 'unreadable', message: expect.stringContaining('one JSON object') })
})

test.each([1, 2, 3])('arguments encoded %i more times are decoded', (times) => {
  let text = '{"a":1}'
  for (let time = 0; time < times; time++) text = JSON.stringify(text)
  expect(readArguments(text)).toMatchObject({ kind: 'read', input: { a: 1 } })
})

test('an encoded string that contains no object is refused', () => {
  expect(readArguments(JSON.stringify(JSON.stringify('Oslo')))).toMatchObject({ kind: 'unreadable' })
})

test('brackets and escapes within strings are not structure', () => {
  expect(readArguments("{'a': '{\"b\": [}', 'c': '\\u00e5\\n\\''}")).toMatchObject({
    kind: 'read',
    input: { a: '{"b": [}', c: "å\n'" },
  })
})

test('nesting is read up to a limit and refused after it', () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  expect(readArguments(nested(64)).kind).toBe('read')
  for (const depth of [65, 10_000, 500_000]) expect(readArguments(nested(depth)).kind).toBe('unreadable')
})

test('a call with other field names is read', async () => {
  const function_call = { name: 'get_weather', arguments: '{"city":"Oslo"}' }
  for (const message of [
    assistant({ content: null, function_call }),
    assistant({ tool_calls: [{ id: 'a', type: 'tool_use', name: 'get_weather', input: { city: 'Oslo' } }] }),
    assistant({ tool_calls: [{ id: 'a', function: { name: ' get_weather\n', arguments: { city: 'Oslo' } } }] }),
  ]) {
    expect((await exchange(message)).ran).toEqual([{ tool: 'get_weather', input: { city: 'Oslo' } }])
  }
})

test('JSON in strings is parsed as deep as the schema asks, and no deeper', async () => {
  const meta = JSON.stringify({ owner: '{"x":1}', sizes: JSON.stringify(['1', '2']), inner: "{'deep': True}" })
  const call = { id: 'a', type: 'function', function: { name: 'write_file', arguments: JSON.stringify({ meta }) } }
  const { ran, results } = await exchange(assistant({ tool_calls: [call] }))
  expect(ran[0]?.input).toEqual({ meta: { owner: '{"x":1}', sizes: [1, 2], inner: { deep: true } } })
  expect(results[0]?.repairs.map(({ path }) => path)).toEqual([
    '/meta',
    '/meta/sizes',
    '/meta/inner',
    '/meta/sizes/0',
    '/meta/sizes/1',
  ])
})

test('a value parsed from a string follows the same rules as the rest of an input', async () => {
  for (const [meta, kind] of [
    ['{"__proto__":{"owner":"x"}}', 'unreadable_call'],
    [`${'{"inner":'.repeat(70)}{}${'}'.repeat(70)}`, 'invalid_input'],
  ] as const) {
    const call = { id: 'a', type: 'function', function: { name: 'write_file', arguments: JSON.stringify({ meta }) } }
    expect((await exchange(assistant({ tool_calls: [call] }))).errors).toEqual([kind])
  }
})
