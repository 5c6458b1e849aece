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
  ['line breaks in a text', '{"a": "x\ny\r\nz\t"}', { a: 'x\ny\r\nz\t' }],
  ['a code block around it', '```json\n{"a": 1}\n```', { a: 1 }],
  ['a code block around Python', "```\n{'a': 1}\n```", { a: 1 }],
  ['characters of all planes', "{'å': '🌍 日本'}", { å: '🌍 日本' }],
])('arguments with %s are mended', (_, text, input) => {
  expect(readArguments(text)).toMatchObject({ ok: true, input, repairs: [{ kind: 'json_repaired' }] })
})

test.each([
  ['cut off in a text', '{"a": "x'],
  ['cut off behind a value', '{"a": "x"'],
  ['cut off in a list', '{"a": [1, 2'],
  ['abbreviated', '{"a": [1, 2, ...]}'],
  ['two objects', '{"a": 1}{"a": 2}'],
  ['two objects and a comma', '{"a": 1},{"a": 2}'],
  ['a path with single backslashes', '{"a": "C:\\dir"}'],
  ['quotes that are not escaped', '{"a": "say "hi" now"}'],
  ['a missing comma', '{"a": 1 "b": 2}'],
  ['a missing value', '{"a": 1, "b"}'],
  ['several unquoted words', '{city: New York}'],
  ['a number that JSON does not write so', '{"a": 007}'],
  ['a word that is no value', '{"a": undefined}'],
  ['a comment', '{"a": 1 /* or 2 */}'],
  ['a call', '{"a": f(1)}'],
  ['a bracket too many', '{"a": 1}}'],
  ['a bracket of the wrong kind', '{"a": [1}}'],
  ['prose', 'the city is Oslo'],
  ['a list', '[1]'],
  ['a number', '7'],
])('arguments that would have to be guessed are refused: %s', (_, text) => {
  expect(readArguments(text)).toMatchObject({ ok: false, message: expect.stringContaining('one JSON object') })
})

test.each([1, 2, 3])('arguments encoded %i times more are unpacked', (times) => {
  let text = '{"a":1}'
  for (let time = 0; time < times; time++) text = JSON.stringify(text)
  expect(readArguments(text)).toMatchObject({ ok: true, input: { a: 1 } })
})

test('a text that holds no object is no object however often it is encoded', () => {
  expect(readArguments(JSON.stringify(JSON.stringify('Oslo')))).toMatchObject({ ok: false })
})

test('two objects, escapes and brackets inside of texts are no structure', () => {
  expect(readArguments("{'a': '{\"b\": [}', 'c': '\\u00e5\\n\\''}")).toMatchObject({
    ok: true,
    input: { a: '{"b": [}', c: "å\n'" },
  })
})

test('nesting is read up to a limit and refused behind it', () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  expect(readArguments(nested(64)).ok).toBe(true)
  for (const depth of [65, 10_000, 500_000]) expect(readArguments(nested(depth)).ok).toBe(false)
})

test('a call under other field names is read', async () => {
  const function_call = { name: 'get_weather', arguments: '{"city":"Oslo"}' }
  for (const message of [
    assistant({ content: null, function_call }),
    assistant({ tool_calls: [{ id: 'a', type: 'tool_use', name: 'get_weather', input: { city: 'Oslo' } }] }),
    assistant({ tool_calls: [{ id: 'a', function: { name: ' get_weather\n', arguments: { city: 'Oslo' } } }] }),
  ]) {
    expect((await exchange(message)).ran).toEqual([{ tool: 'get_weather', input: { city: 'Oslo' } }])
  }
})

test('values in strings are unpacked as deep as the schema asks, and no further', async () => {
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

test('what is unpacked from a string is held to the same rules as the rest of an input', async () => {
  for (const [meta, kind] of [
    ['{"__proto__":{"owner":"x"}}', 'unreadable_call'],
    [`${'{"inner":'.repeat(70)}{}${'}'.repeat(70)}`, 'invalid_input'],
  ] as const) {
    const call = { id: 'a', type: 'function', function: { name: 'write_file', arguments: JSON.stringify({ meta }) } }
    expect((await exchange(assistant({ tool_calls: [call] }))).errors).toEqual([kind])
  }
})
