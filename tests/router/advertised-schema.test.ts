import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { advertise } from '../../router/advertised-schema.ts'
import { defineTool } from '../../router/define-tool.ts'

/** The advertised parameters of a tool with these properties, and a function that says whether they allow an input. */
function shown(properties: object, more: object = {}) {
  const inputSchema = { type: 'object', properties, additionalProperties: false, ...more } as { type: 'object' }
  const tool = defineTool({ name: 'tried', description: 'Tried out.', inputSchema, execute: () => null })
  const parameters = advertise(tool).definition.function.parameters
  const validate = new Ajv2020({ strict: false }).compile(parameters)
  return { parameters, allows: (input: object) => validate(input) }
}

const reference = { $result: 'fetch#/a' }

test('a reference is allowed for every object and array, at any depth of the schema', () => {
  const text = { type: 'string' }
  const texts = { type: 'array', items: text }
  const point = { type: 'array', prefixItems: [texts, text], minItems: 2, items: false }
  const either = { anyOf: [{ type: 'null' }, { type: 'object', properties: { b: texts }, required: ['b'] }] }
  const { allows } = shown(
    { point, either, map: { type: 'object', unevaluatedProperties: texts }, list: { type: 'array', items: texts } },
    {
      patternProperties: { '^x': texts },
      dependentSchemas: { list: { properties: { point: { type: 'array', minItems: 1 } } } },
      if: { required: ['point'] },
      else: { properties: { list: { type: 'array', maxItems: 1 } } },
    },
  )
  expect(allows({ point: [reference, 'a'], list: reference })).toBe(true)
  expect(allows({ point: reference, list: [reference, ['b']] })).toBe(true)
  expect(allows({ list: reference })).toBe(true)
  expect(allows({ either: reference, map: { m: reference }, xy: reference })).toBe(true)
  expect(allows({ either: { b: reference } })).toBe(true)
  expect(allows({ point: [['a'], reference] })).toBe(false)
  expect(allows({ list: [['a'], ['b']] })).toBe(false)
  expect(allows({ either: { b: 1 } })).toBe(false)
})

test.each([
  ['a string', { type: 'string' }],
  ['a number that can be null', { type: ['number', 'null'] }],
  ['an enum', { enum: ['a', 1, null] }],
  ['a constant', { const: true }],
  ['a union of scalars', { anyOf: [{ type: 'string' }, { const: 1 }] }],
  ['a definition of a scalar', { $ref: '#/$defs/text' }],
  ['a value of several types with string', { type: ['string', 'array'] }],
  ['a union with a string', { anyOf: [{ $ref: '#/$defs/text' }, { type: 'object' }] }],
])('%s keeps its plain schema, because servers convert arguments by it', (_, schema) => {
  const more = { $defs: { text: { type: 'string' } } }
  const { parameters } = shown({ a: schema }, more)
  expect(parameters).toEqual({ type: 'object', properties: { a: schema }, additionalProperties: false, ...more })
})

test.each([
  ['a schema without a type', { description: 'Anything.' }],
  ['a definition that leads back to itself', { $ref: '#/$defs/tree' }],
  ['an enum with a list', { enum: [[1], 2] }],
])('%s can be given as a reference', (_, schema) => {
  const { allows } = shown(
    { a: schema },
    { $defs: { tree: { anyOf: [{ $ref: '#/$defs/leaf' }, { type: 'array' }] }, leaf: { type: 'null' } } },
  )
  expect(allows({ a: reference })).toBe(true)
})

test('a read-only document is advertised by type and description only, wherever it is defined', () => {
  const document = { type: 'object', readOnly: true, description: 'Of fetch.', properties: { secret: { const: 1 } } }
  const list = { type: 'array', readOnly: true, description: 'Of fetch.', items: { const: 'secret' } }
  const outline = { type: 'object', description: 'Of fetch.' }
  const { parameters, allows } = shown({ a: document, b: { $ref: '#/$defs/document' }, list }, { $defs: { document } })
  expect(JSON.stringify(parameters)).not.toContain('secret')
  expect(parameters).toMatchObject({ properties: { a: outline }, $defs: { document: outline } })
  expect(allows({ a: reference, b: reference, list: reference })).toBe(true)
  expect([{ list: 'a' }, { a: 'a' }].map(allows)).toEqual([false, false])
})

test('a tool that only takes read-only documents accepts references without a definition of them', () => {
  const properties = { a: { type: 'object', readOnly: true }, b: { type: 'array', readOnly: true } } as const
  const inputSchema = { type: 'object', additionalProperties: false, properties } as const
  const tool = defineTool({ name: 'tried', description: 'Tried out.', inputSchema, execute: () => null })
  expect(advertise(tool)).toMatchObject({ acceptsReferences: true })
  expect(advertise(tool).json).not.toContain('$defs')
})

test('a value that the model writes is advertised without references and without limits of size', () => {
  const env = { type: 'object', minProperties: 1, additionalProperties: { type: 'string', minLength: 1 } }
  const plan = {
    type: 'object',
    writeOnly: true,
    additionalProperties: false,
    required: ['env'],
    properties: { env, names: { type: 'array', minItems: 1, items: { enum: ['a', 'b'] } } },
  }
  const { parameters } = shown({ plan })
  expect(parameters).toEqual({
    type: 'object',
    additionalProperties: false,
    properties: {
      plan: {
        type: 'object',
        required: ['env'],
        properties: {
          env: { type: 'object', additionalProperties: { type: 'string' } },
          names: { type: 'array', items: { enum: ['a', 'b'] } },
        },
      },
    },
  })
})

test('a union with a discriminator is advertised as anyOf', () => {
  const [x, y] = ['x', 'y'].map((kind) => ({
    type: 'object',
    properties: { kind: { const: kind } },
    required: ['kind'],
  }))
  const union = { type: 'object', discriminator: { propertyName: 'kind' }, oneOf: [x, y] }
  const { parameters, allows } = shown({ union })
  expect(JSON.stringify(parameters)).not.toMatch(/discriminator|oneOf/)
  expect([{ union: { kind: 'y' } }, { union: { kind: 'z' } }].map(allows)).toEqual([true, false])
})

test('titles, defaults, dialect and id are kept', () => {
  const $schema = 'https://json-schema.org/draft/2020-12/schema'
  const { parameters } = shown({ a: { title: 'A', type: 'string', default: 'x' } }, { $schema, $id: 'https://a.b/c' })
  expect(parameters).toMatchObject({ $schema, $id: 'https://a.b/c', properties: { a: { title: 'A', default: 'x' } } })
})

test("the definition of references does not replace a tool's own definition of that name", () => {
  const { parameters, allows } = shown({ a: { $ref: '#/$defs/reference' } }, { $defs: { reference: { const: [1] } } })
  expect(parameters).toMatchObject({ $defs: { reference: { const: [1] }, reference_: {} } })
  expect([{ a: [1] }, { a: reference }, { a: 2 }].map(allows)).toEqual([true, true, false])
})
