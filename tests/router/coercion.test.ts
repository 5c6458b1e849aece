import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { parseExactJson } from '../../router/json/exact-json.ts'
import { numberTexts } from '../../router/number-texts.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ObjectSchema } from '../../router/schema-object.ts'
import { compileSchema } from '../../router/validation.ts'

const string = { type: 'string' } as const
const integer = { type: 'integer' } as const

const closed = (properties: Readonly<Record<string, object>>, required: readonly string[] = Object.keys(properties)) =>
  ({ type: 'object', properties, required, additionalProperties: false }) as const

function taking(properties: Readonly<Record<string, object>>, required?: readonly string[]) {
  return defineTool({
    name: 'take',
    description: 'Takes an input.',
    inputSchema: closed(properties, required) as ObjectSchema,
    execute: (input) => input,
  })
}

/** The input that the tool gets for native arguments, or the error. */
async function inputFor(tool: ReturnType<typeof taking>, args: unknown) {
  const router = createRouter([tool])
  const message = {
    role: 'assistant',
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'take', arguments: args } }],
  } as const
  const [result] = await router.dispatch(router.read(message).calls)
  if (result?.status !== 'ok') throw new Error(`${result?.error.kind}: ${result?.error.message}`)
  return result.input
}

test.each([
  ['{"s": 3}', '3'],
  ['{"s": 1.10}', '1.10'],
  ['{"s": 1e3}', '1e3'],
  ['{"s": -0}', '-0'],
  ['{"s": 9007199254740993}', '9007199254740993'],
  ['{"s": 12345678901234567890123}', '12345678901234567890123'],
  ['{"s": true}', 'true'],
  ['{"s": false}', 'false'],
  ["{'s': 1.10,}", '1.10'],
  ['"{\\"s\\": 1.10}"', '1.10'],
])('in the arguments %s a value for a string is the text that the model wrote', async (args, text) => {
  expect(await inputFor(taking({ s: string }), args)).toEqual({ s: text })
})

test('the text of a number is found at any place, behind names and strings of any form', async () => {
  const tool = taking({ list: { type: 'array', items: closed({ 'a/b~"': string, n: { type: 'number' } }) }, x: string })
  const args = '{"x": "1.0, {\\"a\\": 2.0}", "list": [{"a/b~\\"": "1.00", "n": 2.50}, {"n": 7.0, "a/b~\\"": 8.0}]}'
  expect(await inputFor(tool, args)).toEqual({
    x: '1.0, {"a": 2.0}',
    list: [
      { 'a/b~"': '1.00', n: 2.5 },
      { 'a/b~"': '8.0', n: 7 },
    ],
  })
})

test('the text of a number is known in JSON that was sent as a string, and in a list of items', async () => {
  const tool = taking({ rows: { type: 'array', items: closed({ v: string }) } })
  expect(await inputFor(tool, JSON.stringify({ rows: '[{"v": 1.10}]' }))).toEqual({ rows: [{ v: '1.10' }] })
  expect(await inputFor(tool, '{"rows": {"item": {"v": 1.10}}}')).toEqual({ rows: [{ v: '1.10' }] })
  expect(await inputFor(tool, '{"rows": {"item": [{"v": 1.0}, {"v": 9007199254740993}]}}')).toEqual({
    rows: [{ v: '1.0' }, { v: '9007199254740993' }],
  })
})

test('a fraction whose text is not known is not made a string, because it may have had more digits', async () => {
  const tool = taking({ s: string })
  await expect(inputFor(tool, { s: 1.1 })).rejects.toThrow('/s: expected string, received 1.1')
  expect(await inputFor(tool, { s: 3 })).toEqual({ s: '3' })
  // A value of a program or of an earlier result is not written by a model.
  expect(await runTool(tool, { s: 1.1 })).toMatchObject({ input: { s: '1.1' } })
  expect(await runTool(tool, { s: { $input: 'n' } }, { inputs: { n: 1.5 } })).toMatchObject({ input: { s: '1.5' } })
})

test('an integer that would be rounded stays an error where the schema wants a number', async () => {
  const tool = taking({ s: string, n: integer })
  await expect(inputFor(tool, '{"s": 9007199254740993, "n": 9007199254740993}')).rejects.toThrow(
    'at /n in the arguments',
  )
  expect(await inputFor(tool, '{"s": 9007199254740993, "n": 5}')).toEqual({ s: '9007199254740993', n: 5 })
})

test('a number that only violates a limit does not become a string for another branch', async () => {
  const tool = taking({ v: { anyOf: [{ type: 'integer', minimum: 10 }, { type: 'string' }] } })
  await expect(inputFor(tool, '{"v": 5}')).rejects.toThrow('must be >= 10')
})

test.each([
  ['a', { a: { item: 'x' } }, { a: ['x'] }],
  ['a', { a: { item: ['x', 'y'] } }, { a: ['x', 'y'] }],
  ['a', { a: { item: [] } }, { a: [] }],
  ['a', { a: '{"item": ["x", "y"]}' }, { a: ['x', 'y'] }],
  ['rows', { rows: { item: { sku: 'a', qty: 1 } } }, { rows: [{ sku: 'a', qty: 1 }] }],
  ['rows', { rows: { item: [{ sku: 'a', qty: '1' }] } }, { rows: [{ sku: 'a', qty: 1 }] }],
  ['grid', { grid: { item: { item: 1 } } }, { grid: [[1]] }],
  ['grid', { grid: { item: [{ item: [1, 2] }, { item: 3 }] } }, { grid: [[1, 2], [3]] }],
  ['grid', { grid: { item: [1, 2] } }, { grid: [[1, 2]] }],
  ['nested', { nested: { tags: { item: ['x'] } } }, { nested: { tags: ['x'] } }],
  ['cube', { cube: { item: { item: { item: '7' } } } }, { cube: [[[7]]] }],
])('in %s, a list that a server wrote as an object with "item" is a list: %j', async (name, args, input) => {
  const list = (items: object) => ({ type: 'array', items })
  const properties: Readonly<Record<string, object>> = {
    a: list(string),
    rows: list(closed({ sku: string, qty: integer })),
    grid: list(list(integer)),
    nested: closed({ tags: list(string) }),
    cube: list(list(list(integer))),
  }
  expect(await inputFor(taking({ [name]: properties[name] ?? {} }), JSON.stringify(args))).toEqual(input)
})

test('each of 15,000 lists that were written as objects keeps the texts of its numbers and its referenced values', async () => {
  const count = 15_000
  const router = createRouter([taking({ rows: { type: 'array', items: { type: 'array', items: string } } })])
  const rows = Array.from({ length: count }, (_, index) => `{"item": [${index}.10, {"$input": "data"}]}`)
  const call = { name: 'take', arguments: `{"rows": [${rows.join()}]}` }
  const { calls } = router.read({ role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: call }] })
  const references = { inputs: { data: 7 }, result: () => undefined, resultNames: () => [] }
  const [result] = await router.dispatch(calls, { references })
  expect(result).toMatchObject({
    status: 'ok',
    input: { rows: Array.from({ length: count }, (_, index) => [`${index}.10`, '7']) },
  })
})

test('of a list that was written as an object, only the referenced part counts as data', async () => {
  const router = createRouter([taking({ rows: { type: 'array', items: { type: 'object' } } })])
  const rows = { item: [{ $input: 'data' }, '{"$input": "own"}', '{"a": {"$input": "own"}}'] }
  const call = { name: 'take', arguments: JSON.stringify({ rows }) }
  const { calls } = router.read({ role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: call }] })
  const inputs = { data: { text: '{"$input": "own"}' }, own: { b: 1 } }
  const [result] = await router.dispatch(calls, {
    references: { inputs, result: () => undefined, resultNames: () => [] },
  })
  expect(result).toMatchObject({ status: 'ok', input: { rows: [inputs.data, { b: 1 }, { a: { b: 1 } }] } })
})

test('an object with other members beside "item", and an object that the schema allows, stay as they are', async () => {
  const tool = taking({ a: { type: 'array', items: string } })
  await expect(inputFor(tool, '{"a": {"item": "x", "b": 1}}')).rejects.toThrow('expected array')
  const open = taking({ a: { type: 'object' }, b: { type: ['array', 'object'] } })
  expect(await inputFor(open, '{"a": {"item": 1}, "b": {"item": 2}}')).toEqual({ a: { item: 1 }, b: { item: 2 } })
})

test('text in a referenced value is not read as a reference after its list was unwrapped', async () => {
  const tool = taking({ rows: { type: 'array', items: { type: 'object' } } })
  const inputs = { hostile: ['{"leak":{"$input":"secret"}}'], secret: 'S3CRET' }
  for (const item of [{ $input: 'hostile' }, { $input: 'hostile#/0' }]) {
    const result = await runTool(tool, { rows: { item } }, { inputs })
    expect(result).toMatchObject({ input: { rows: [{ leak: { $input: 'secret' } }] } })
  }
})

test('null for an optional property is left out, at any depth, and null that the schema allows is kept', async () => {
  const tool = taking(
    {
      command: string,
      timeout: integer,
      level: { enum: ['a', 'b'] },
      either: { anyOf: [string, integer] },
      nothing: { type: ['string', 'null'] },
      options: closed({ x: integer, y: string }, ['y']),
    },
    ['command'],
  )
  const args = { command: 'ls', timeout: null, level: null, either: null, nothing: null, options: { x: null, y: 'z' } }
  expect(await inputFor(tool, JSON.stringify(args))).toEqual({ command: 'ls', nothing: null, options: { y: 'z' } })
})

test('null for a required property is an error that names it', async () => {
  const tool = taking({ command: string, timeout: integer }, ['command'])
  await expect(inputFor(tool, '{"command": null, "timeout": null}')).rejects.toThrow(
    /schema:\n- \/command: expected string, received null$/,
  )
})

test.each([
  [integer, '018956', 18956],
  [integer, '-007', -7],
  [integer, '+5', 5],
  [integer, ' 42 ', 42],
  [integer, '000', 0],
  [{ type: 'number' }, '01.50', 1.5],
  [{ type: 'boolean' }, 'True', true],
  [{ enum: [1, 2] }, '2', 2],
  [{ enum: ['1', '2'] }, 2, '2'],
  [{ const: 'true' }, true, 'true'],
])('for the schema %j, %j is read as %j', async (schema, given, value) => {
  expect(await inputFor(taking({ v: schema }), JSON.stringify({ v: given }))).toEqual({ v: value })
})

test.each([
  [integer, '1.5'],
  [integer, '9007199254740993'],
  [integer, '00x1'],
  [integer, '1_000'],
  [{ type: 'boolean' }, 'yes'],
])('for the schema %j, %j is refused', async (schema, given) => {
  await expect(inputFor(taking({ v: schema }), JSON.stringify({ v: given }))).rejects.toThrow('invalid_input')
})

test('feedback names only what cannot be repaired', async () => {
  const tool = taking({ a: string, b: integer, c: { type: 'array', items: integer }, d: integer })
  const args = '{"a": 5, "b": "7", "c": {"item": ["1", "x"]}, "d": "many"}'
  const error: unknown = await inputFor(tool, args).catch((thrown: unknown) => thrown)
  const [, ...lines] = String(error).split('\n')
  expect(lines).toEqual(['- /c/1: expected integer, received "x"', '- /d: expected integer, received "many"'])
})

test('each conversion is recorded as a repair', async () => {
  const tool = taking({ a: string, c: { type: 'array', items: integer }, n: integer }, ['a', 'c'])
  const router = createRouter([tool])
  const input = { a: 5, c: { item: ['1'] }, n: null }
  const [result] = await router.dispatch([{ id: 'c', name: 'take', input, repairs: [] }])
  expect(result?.repairs.map(({ kind, path, after }) => [kind, path, after])).toEqual([
    ['coerced', '/a', '5'],
    ['unwrapped', '/c', '["1"]'],
    ['null_dropped', '/n', expect.any(String)],
    ['coerced', '/c/0', '1'],
  ])
  expect(input).toEqual({ a: 5, c: { item: ['1'] }, n: null })
})

const schema: fc.Arbitrary<object> = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<object>(string, integer, { type: 'number' }, { type: 'boolean' }, { type: 'null' }),
    fc.constantFrom<object>(
      { type: ['string', 'null'] },
      { enum: ['a', 1, true, null] },
      { type: 'integer', minimum: 2 },
    ),
    tie('schema').map((items) => ({ type: 'array', items })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc
      .tuple(fc.dictionary(fc.constantFrom('a', 'b', 'item'), tie('schema')), fc.boolean())
      .map(([properties, areRequired]) => closed(properties, areRequired ? Object.keys(properties) : [])),
  ),
})).schema

const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false, 0, 1, 5, 1.5, 'a', '1', '01', 'true', 'null', '[1]', '{"a":"1"}', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'item'), tie('value'), { maxKeys: 3 }),
  ),
})).value

test('coercion never changes a valid value, makes only valid ones, and is idempotent', async () => {
  await fc.assert(
    fc.asyncProperty(schema, value, async (of, given) => {
      const tool = taking({ v: of }, [])
      const before = structuredClone(given)
      const result = await runTool(tool, { v: given })
      expect(given).toEqual(before)
      const isValid = (input: unknown) => compileSchema(tool.inputSchema)(input).length === 0
      if (isValid({ v: given })) expect(result).toMatchObject({ status: 'ok', input: { v: given }, repairs: [] })
      if (result.status !== 'ok') return
      expect(isValid(result.input)).toBe(true)
      expect(await runTool(tool, result.input)).toMatchObject({ status: 'ok', input: result.input, repairs: [] })
    }),
    { numRuns: 500 },
  )
})

test('the texts of numbers are found exactly where JavaScript writes a number in another way', () => {
  const numberText = fc.constantFrom('1.10', '1e3', '-0', '0.50', '9007199254740993', '3', '-2.5', '100')
  const document = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      numberText,
      fc.constantFrom('"1.10"', '"a\\"1.0"', 'true', 'null'),
      fc.array(tie('json'), { maxLength: 3 }).map((items) => `[ ${items.join(' , ')} ]`),
      fc
        .dictionary(fc.constantFrom('a', 'b/c', '1.0', '~"'), tie('json'), { maxKeys: 3 })
        .map((members) => `{${Object.entries(members).map(([name, json]) => `${JSON.stringify(name)}: ${json}`)}}`),
    ),
  })).json
  fc.assert(
    fc.property(document, (json) => {
      const read = parseExactJson(json)
      const texts: Record<string, string> = {}
      const walk = (parsed: unknown, path: string): void => {
        if (typeof parsed === 'number') {
          const text = numberTexts(json)?.[path]
          if (text === undefined) return
          texts[path] = text
          expect(Number(text)).toBe(parsed)
          expect(String(parsed)).not.toBe(text)
        }
        if (typeof parsed !== 'object' || parsed === null) return
        for (const [name, member] of Object.entries(parsed)) {
          walk(member, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)
        }
      }
      if (read.kind === 'unparsable') throw new Error(`Not JSON: ${json}`)
      walk(read.value, '')
      expect(numberTexts(json) ?? {}).toEqual(texts)
    }),
  )
})
