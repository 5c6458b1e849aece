import { expect, test } from 'vitest'
import { type ReferenceTargets, resolveReferences } from '../../router/references.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import { defineTool } from '../../router/tool.ts'

const values: Readonly<Record<string, unknown>> = {
  fetch_config: { args: { a: [1, { 'b/c': '~' }] }, items: ['x', 'y'], nothing: null },
  call_7: 'earlier',
}
const scope: ReferenceTargets = {
  result: (name) => (Object.hasOwn(values, name) ? { value: values[name] } : undefined),
  resultNames: () => Object.keys(values),
  inputs: { units: { temperature: 'C' }, constructor: 'own' },
}
const resolve = (input: unknown) => resolveReferences(input, scope)

test.each([
  [{ $result: 'fetch_config' }, values['fetch_config']],
  [{ $result: 'fetch_config#' }, values['fetch_config']],
  [{ $result: 'fetch_config#/args/a/1/b~1c' }, '~'],
  [{ $result: 'fetch_config#/nothing' }, null],
  [{ $result: 'call_7' }, 'earlier'],
  [{ $input: 'units#/temperature' }, 'C'],
  [{ $input: 'constructor' }, 'own'],
])('%j is replaced by the value it names, wherever it stands', (reference, value) => {
  expect(resolve(reference)).toEqual({ ok: true, value, brought: [''] })
  expect(resolve({ a: [1, reference], b: { c: reference } })).toEqual({
    ok: true,
    value: { a: [1, value], b: { c: value } },
    brought: ['/a/1', '/b/c'],
  })
})

test.each([
  [{ $result: 'fetch_confg' }, 'no result of "fetch_confg"'],
  [{ $result: 'toString' }, 'no result of "toString"'],
  [{ $input: 'toString' }, 'no input named "toString"'],
  [{ $input: 'units#/hasOwnProperty' }, 'no member "hasOwnProperty"; it has temperature'],
  [{ $result: 'fetch_config#/items/2' }, 'no member "2"; it is an array of 2'],
  [{ $result: 'fetch_config#/items/01' }, 'no member "01"'],
  [{ $result: 'fetch_config#/items/length' }, 'no member "length"'],
  [{ $result: 'fetch_config#/items/-' }, 'no member "-"'],
  [{ $result: 'fetch_config#items' }, 'is no JSON Pointer; write "/a/0/b"'],
  [{ $result: 'fetch_config#/a~2' }, 'is no JSON Pointer'],
  [{ $result: 'fetch_config#/nothing/x' }, 'no member "x"; it is null'],
])('%j leads nowhere: what there is is listed', (reference, message) => {
  const resolution = resolve({ config: reference })
  expect(resolution).toMatchObject({ ok: false, kind: 'unresolved_reference' })
  if (resolution.ok) return
  expect(resolution.message).toContain(`- /config: {"${Object.keys(reference)[0]}"`)
  expect(resolution.message).toContain(message)
  expect(resolution.message).toContain(
    '"$result" can name: fetch_config, call_7. "$input" can name: units, constructor.',
  )
})

test('all references that lead nowhere are told at once', () => {
  const resolution = resolve({ a: { $input: 'x' }, b: [{ $input: 'y' }] })
  expect(resolution.ok ? '' : resolution.message).toMatch(/- \/a: .*\n- \/b\/0: /)
})

test.each([
  [{ $result: 'call_7', path: '/a' }, '$result'],
  [{ $result: 7 }, '$result'],
  [{ $input: { a: 1 } }, '$input'],
  [{ $results: 'call_7' }, '$result'],
  [{ '$input:units': '/temperature' }, '$input'],
])('%j, a reference in a wrong form, is answered with the right one', (input, kind) => {
  const resolution = resolve({ input })
  expect(resolution.ok ? '' : resolution.message).toContain(`points at nothing: write {"${kind}":"<name>#/a/0"}`)
})

test('a name that is nearly right is told what was probably meant', () => {
  const resolution = resolve({ $result: 'fetch_confg' })
  expect(resolution.ok ? '' : resolution.message).toContain('did you mean "fetch_config"?')
})

test('of many references that lead nowhere as many are told as fit, and how many more there are', () => {
  const resolution = resolve(Array(100).fill({ $input: 'x'.repeat(60) }))
  const message = resolution.ok ? '' : resolution.message
  expect(message).toMatch(/… and 9\d more\n"\$result" can name/)
  expect(message.length).toBeLessThan(1000)
})

test('an input without references is not copied, and one with references is not changed', () => {
  const input = { a: { b: [1, 2] }, c: { $input: 'units' } }
  const before = structuredClone(input)
  resolve(input)
  expect(input).toEqual(before)
  const plain = { a: { b: [1] } }
  const resolution = resolve(plain)
  expect(resolution.ok && resolution.value).toBe(plain)
})

test('a value that is passed on is not read for references itself', () => {
  const given = { note: { $input: 'secret' } }
  const resolution = resolveReferences({ $input: 'data' }, { ...scope, inputs: { data: given, secret: 1 } })
  expect(resolution).toMatchObject({ ok: true, value: given })
})

test('a text that a reference brought points at nothing, though the schema has it read as JSON', async () => {
  const open = defineTool({
    name: 'open',
    description: 'Takes an object.',
    inputSchema: { type: 'object', properties: { cfg: { type: 'object' } }, required: ['cfg'] },
    execute: (input) => input,
  })
  const inputs = { hostile: '{"leak":{"$input":"secret"}}', secret: 'S3CRET' }
  expect(await runTool(open, { cfg: { $input: 'hostile' } }, { inputs })).toMatchObject({
    input: { cfg: { leak: { $input: 'secret' } } },
  })
  // One that the model wrote itself as text does point, and is told where it may.
  expect(await runTool(open, { cfg: '{"leak":{"$input":"secret"}}' }, { inputs })).toMatchObject({
    input: { cfg: { leak: 'S3CRET' } },
  })
  expect(await runTool(open, { cfg: '{"leak":{"$input":"secrets"}}' }, { inputs })).toMatchObject({
    error: { kind: 'unresolved_reference' },
  })
})

test('what a tool changes in its input changes no earlier result and no given', async () => {
  const spoil = defineTool({
    name: 'spoil',
    description: 'Changes what it gets.',
    inputSchema: {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'integer' } } },
      required: ['list'],
    },
    execute: ({ list }) => list.push(9),
  })
  const inputs = { doc: { list: [1] } }
  expect(await runTool(spoil, { list: { $input: 'doc#/list' } }, { inputs })).toMatchObject({ value: 2 })
  expect(inputs).toEqual({ doc: { list: [1] } })
})

const tool = defineTool({
  name: 'take',
  description: 'Takes a document.',
  inputSchema: {
    type: 'object',
    properties: { document: { $ref: '#/$defs/reference' }, size: { type: 'integer', minimum: 2 } },
    required: ['document'],
    additionalProperties: false,
    $defs: { reference: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] } },
  } as { type: 'object' },
  execute: (input) => input,
})

test('a reference is checked as the value that it stands for', async () => {
  const inputs = { good: { a: 1 }, bad: { a: 'x' }, text: '3', one: '1' }
  expect((await runTool(tool, { document: { $input: 'good' } }, { inputs })).status).toBe('ok')
  expect(await runTool(tool, { document: { $input: 'bad' } }, { inputs })).toMatchObject({
    error: { kind: 'invalid_input' },
  })
  // Exact coercion reaches what a reference brought, and changes a copy.
  expect(await runTool(tool, { document: { $input: 'good' }, size: { $input: 'text' } }, { inputs })).toMatchObject({
    input: { size: 3 },
  })
  expect(inputs.text).toBe('3')
})

test('the schema that is shown allows a reference in the place of any value, and keeps the definitions of the tool', async () => {
  const [shown] = createRouter([tool]).definitions
  const { Ajv2020 } = await import('ajv/dist/2020.js')
  const allows = new Ajv2020({ strict: false }).compile(shown?.function.parameters ?? {})
  for (const input of [
    { document: { a: 1 } },
    { document: { $input: 'x' }, size: { $result: 'y#/z' } },
    { document: { a: { $result: 'q' } } },
  ]) {
    expect(allows(input), JSON.stringify(input)).toBe(true)
  }
  expect(allows({ document: { a: 'x' } })).toBe(false)
  expect(allows({})).toBe(false)
})
