import { expect, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { type ReferenceTargets, type Resolution, resolveReferences } from '../../router/references.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'

const values: Readonly<Record<string, unknown>> = {
  fetch_config: { args: { a: [1, { 'b/c': '~' }] }, items: ['x', 'y'], nothing: null },
  call_7: 'earlier',
}
const targets: ReferenceTargets = {
  result: (name) => (Object.hasOwn(values, name) ? { value: values[name] } : undefined),
  resultNames: () => Object.keys(values),
  inputs: { units: { temperature: 'C' }, constructor: 'own' },
}
const resolve = (input: unknown) => resolveReferences(input, targets)
const messageOf = (resolution: Resolution) => (resolution.kind === 'refused' ? resolution.error.message : '')

test.each([
  [{ $result: 'fetch_config' }, values['fetch_config']],
  [{ $result: 'fetch_config#' }, values['fetch_config']],
  [{ $result: 'fetch_config#/args/a/1/b~1c' }, '~'],
  [{ $result: 'fetch_config#/nothing' }, null],
  [{ $result: 'call_7' }, 'earlier'],
  [{ $input: 'units#/temperature' }, 'C'],
  [{ $input: 'constructor' }, 'own'],
])('%j is replaced by its value, at any place of an input', (reference, value) => {
  expect(resolve(reference)).toEqual({ kind: 'resolved', value, referencedPaths: [''] })
  expect(resolve({ a: [1, reference], b: { c: reference } })).toEqual({
    kind: 'resolved',
    value: { a: [1, value], b: { c: value } },
    referencedPaths: ['/a/1', '/b/c'],
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
  [{ $result: 'fetch_config#items' }, 'is not a JSON Pointer; write "/a/0/b"'],
  [{ $result: 'fetch_config#/a~2' }, 'is not a JSON Pointer'],
  [{ $result: 'fetch_config#/nothing/x' }, 'no member "x"; it is null'],
])('%j has no target: the message lists the targets that exist', (reference, message) => {
  const resolution = resolve({ config: reference })
  expect(resolution).toMatchObject({ kind: 'refused', error: { kind: 'unresolved_reference' } })
  expect(messageOf(resolution)).toContain(`- /config: {"${Object.keys(reference)[0]}"`)
  expect(messageOf(resolution)).toContain(message)
  expect(messageOf(resolution)).toContain(
    '"$result" can name: fetch_config, call_7. "$input" can name: units, constructor.',
  )
})

test('all references without a target are reported at once', () => {
  const resolution = resolve({ a: { $input: 'x' }, b: [{ $input: 'y' }] })
  expect(messageOf(resolution)).toMatch(/- \/a: .*\n- \/b\/0: /)
})

test.each([
  [{ $result: 'call_7', path: '/a' }, '$result'],
  [{ $result: 7 }, '$result'],
  [{ $input: { a: 1 } }, '$input'],
  [{ $results: 'call_7' }, '$result'],
  [{ '$input:units': '/temperature' }, '$input'],
])('%j, a malformed reference, is answered with the right form', (input, kind) => {
  const resolution = resolve({ input })
  expect(messageOf(resolution)).toContain(`is not a reference: write {"${kind}":"<name>#/a/0"}`)
})

test('a misspelt name gets a suggestion', () => {
  const resolution = resolve({ $result: 'fetch_confg' })
  expect(messageOf(resolution)).toContain('did you mean "fetch_config"?')
})

test('of many references without a target, those that fit are listed and the others are counted', () => {
  const resolution = resolve(Array(100).fill({ $input: 'x'.repeat(60) }))
  const message = messageOf(resolution)
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
  expect(resolution.kind === 'resolved' && resolution.value).toBe(plain)
})

test('references within a referenced value are not resolved', () => {
  const given = { note: { $input: 'secret' } }
  const resolution = resolveReferences({ $input: 'data' }, { ...targets, inputs: { data: given, secret: 1 } })
  expect(resolution).toMatchObject({ kind: 'resolved', value: given })
})

test('a referenced string that is parsed as JSON is not searched for references', async () => {
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
  // Text that the model wrote itself is searched for references.
  expect(await runTool(open, { cfg: '{"leak":{"$input":"secret"}}' }, { inputs })).toMatchObject({
    input: { cfg: { leak: 'S3CRET' } },
  })
  expect(await runTool(open, { cfg: '{"leak":{"$input":"secrets"}}' }, { inputs })).toMatchObject({
    error: { kind: 'unresolved_reference' },
  })
})

test('a tool that changes its input does not change earlier results or inputs of the run', async () => {
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

test('the referenced value is validated', async () => {
  const inputs = { good: { a: 1 }, bad: { a: 'x' }, text: '3', one: '1' }
  expect((await runTool(tool, { document: { $input: 'good' } }, { inputs })).status).toBe('ok')
  expect(await runTool(tool, { document: { $input: 'bad' } }, { inputs })).toMatchObject({
    error: { kind: 'invalid_input' },
  })
  // Coercion applies to referenced values, too, and changes a copy.
  expect(await runTool(tool, { document: { $input: 'good' }, size: { $input: 'text' } }, { inputs })).toMatchObject({
    input: { size: 3 },
  })
  expect(inputs.text).toBe('3')
})

test('the advertised schema allows a reference for an object and keeps the definitions of the tool', async () => {
  const [shown] = createRouter([tool]).definitions
  const { Ajv2020 } = await import('ajv/dist/2020.js')
  const allows = new Ajv2020({ strict: false }).compile(shown?.function.parameters ?? {})
  for (const input of [{ document: { a: 1 } }, { document: { $input: 'x' } }, { document: { $result: 'y#/z' } }]) {
    expect(allows(input), JSON.stringify(input)).toBe(true)
  }
  expect(allows({ document: { a: 'x' } })).toBe(false)
  expect(allows({})).toBe(false)
})

test('of thousands of wrong references only those in the message are explained', () => {
  let explained = 0
  const targets = {
    inputs: {},
    result: () => undefined,
    resultNames: () => {
      explained++
      return ['get_user']
    },
  }
  const list = Array.from({ length: 5_000 }, (_, index) => ({ $result: `get_usr_${index}` }))
  const resolved = resolveReferences({ list }, targets)
  expect(resolved).toMatchObject({ kind: 'refused', error: { message: expect.stringMatching(/and 49\d\d more/) } })
  expect(explained).toBeLessThan(20)
})

test('of thousands of references that are given as text only the first ones are recorded as repairs', () => {
  const targets = { inputs: { unit: 'C' }, result: () => undefined, resultNames: () => [] }
  const list = Array.from({ length: 5_000 }, () => '{"$input": "unit"}')
  const resolved = resolveReferences({ list }, targets)
  expect(resolved).toMatchObject({ kind: 'resolved', value: { list: list.map(() => 'C') } })
  expect(resolved.kind === 'resolved' && resolved.repairs).toHaveLength(50)
})
