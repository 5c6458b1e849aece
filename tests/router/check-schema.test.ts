import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advertise } from '../../router/advertised-schema.ts'
import { defineTool } from '../../router/tool.ts'
import { compileSchema } from '../../router/validation.ts'
import { objectSchema } from './support/arbitrary-schemas.ts'
import { numberOfCases } from './support/runs.ts'

const define = (inputSchema: object) =>
  defineTool({
    name: 'tried',
    description: 'Tried out.',
    inputSchema: inputSchema as { type: 'object' },
    execute: () => null,
  })

/** The schema of an input with one property, and what else belongs to it. */
const withA = (a: unknown, more: object = {}) => ({ type: 'object', properties: { a }, ...more })

const cyclic: Record<string, unknown> = { type: 'object' }
cyclic['properties'] = { a: cyclic }
let deep: object = { type: 'string' }
for (let depth = 0; depth < 10_000; depth++) deep = { anyOf: [deep] }

const circle = { $defs: { x: { allOf: [{ $ref: '#/$defs/x' }] } } }
const tree = {
  $defs: { tree: { type: 'object', properties: { parts: { type: 'array', items: { $ref: '#/$defs/tree' } } } } },
}

test.each([
  ['a misspelt keyword', { type: 'object', propertis: {} }, ': "propertis" is not a JSON Schema keyword.'],
  ['a type that is none', withA({ type: 'text' }), '/properties/a/type'],
  [
    'a pattern that is none',
    withA({ type: 'string', pattern: '(' }),
    '/properties/a/pattern must match format "regex"',
  ],
  [
    'a pattern of properties that is none',
    { type: 'object', patternProperties: { '(': {} } },
    '/patternProperties must',
  ],
  ['a list of names that is none', { type: 'object', required: 'a' }, '/required must be array; it is "a".'],
  [
    'null as OpenAPI writes it',
    withA({ type: 'string', nullable: true }),
    '/properties/a: "nullable" is not a keyword of',
  ],
  ['a tuple as draft 7 writes it', withA({ type: 'array', items: [{}] }), '/properties/a/items must be object,boolean'],
  ['dependencies as draft 7 writes them', { type: 'object', dependencies: {} }, ': "dependencies" is not a keyword of'],
  ['an anchor', withA({ $anchor: 'b', type: 'string' }), '/properties/a: "$anchor" is not a keyword of'],
  [
    'another dialect',
    { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
    '/$schema is "http://json',
  ],
  ['an id inside', withA({ $id: 'b', type: 'string' }), '/properties/a/$id is "b": only the root may have an "$id".'],
  ['an id that is none', { type: 'object', $id: 'http://[' }, '/$id must match format "uri-reference"'],
  [
    'a reference to nothing',
    withA({ $ref: '#/$defs/b' }, { $defs: { c: {} } }),
    '/properties/a/$ref is "#/$defs/b": the',
  ],
  [
    'a reference to another schema',
    withA({ $ref: 'https://example.com/b' }),
    '/properties/a/$ref is "https://example.com',
  ],
  [
    'a reference to an anchor',
    withA({ $ref: '#nope' }),
    '/properties/a/$ref is "#nope"; it has to be "#" or "#/$defs/',
  ],
  [
    'a reference to a member',
    withA({ $ref: '#/properties/a' }),
    '/properties/a/$ref is "#/properties/a"; it has to be',
  ],
  ['a format without a type', withA({ format: 'date' }), '/properties/a: "format" is ignored without a type; it needs'],
  [
    'properties without a type',
    withA({ properties: { b: {} } }),
    '/properties/a: "properties" is ignored without a type',
  ],
  ['a keyword of another type', withA({ type: 'string', minimum: 1 }), '/properties/a: "minimum" is ignored where the'],
  [
    'a branch of another type',
    withA({ type: 'string', anyOf: [{ type: 'null' }] }),
    '/properties/a/anyOf/0/type is "null"',
  ],
  [
    'if without then',
    withA({ type: 'string', if: { minLength: 1 } }),
    '/properties/a: "if" does nothing without "then"',
  ],
  ['minContains alone', withA({ type: 'array', minContains: 1 }), '/properties/a: "minContains" does nothing without'],
  [
    'contains of nothing',
    withA({ type: 'array', contains: {}, minContains: 0 }),
    '/properties/a: "contains" does nothing',
  ],
  [
    'contains of less than it needs',
    withA({ type: 'array', contains: {}, maxContains: 0 }),
    '/properties/a/maxContains is 0',
  ],
  ['an open tuple', withA({ type: 'array', prefixItems: [{}] }), '/properties/a: "prefixItems" has 1 schemas; add'],
  [
    'a required name that is misspelt',
    withA({}, { required: ['A'], additionalProperties: false }),
    '/required/0 is "A"',
  ],
  ['a BigInt', withA({ const: 1n }), '/properties/a/const is a bigint, which JSON cannot carry.'],
  ['a number that is none', withA({ const: Number.NaN }), '/properties/a/const is NaN, which JSON cannot carry.'],
  ['a schema that holds itself', cyclic, '/properties/a holds an object that holds itself: point at it with "$ref"'],
  [
    'a definition that is only itself',
    withA({ $ref: '#/$defs/x' }, circle),
    '/properties/a: this leads in a circle by "$ref"',
  ],
  ['a whole that is only itself', withA({}, { $ref: '#' }), ': this leads in a circle by "$ref"'],
  [
    'a circle through a condition',
    withA({}, { dependentSchemas: { a: { $ref: '#/$defs/y' } }, $defs: { y: { not: { $ref: '#/$defs/y' } } } }),
    ': this leads in a circle by "$ref"',
  ],
  ['a schema too deep to walk', withA(deep), '/properties/a/anyOf/0/anyOf'],
])('%s fails at definition and names tool and path', (_, schema, message) => {
  expect(() => define(schema)).toThrow(`Tool "tried": inputSchema${message}`)
})

const shared = { type: 'string', minLength: 1 }

test.each([
  [
    'what looks like a reference in a value',
    withA({ default: { $ref: '#/x' }, enum: [{ $ref: 'y' }], examples: [{ $id: '#' }] }),
  ],
  ['a property called like a keyword', { type: 'object', properties: { $ref: shared, $id: shared, nullable: shared } }],
  ['one object in two places', { type: 'object', properties: { a: shared, b: { type: 'array', items: shared } } }],
  ['a tree', withA({ $ref: '#/$defs/tree' }, tree)],
  ['a reference to the whole', withA({ type: 'array', items: { $ref: '#' } })],
  ['a name that has to be escaped', withA({ $ref: '#/$defs/a~1b%20%25' }, { $defs: { 'a/b %': { type: 'string' } } })],
  [
    'its own dialect',
    { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'https://a.b/c', type: 'object' },
  ],
  ['a closed tuple', withA({ type: 'array', prefixItems: [shared, {}], minItems: 2, items: false })],
  [
    'required names of which one is a pattern',
    { type: 'object', required: ['a1'], patternProperties: { '^a': {} }, additionalProperties: false },
  ],
  ['a property that matches a pattern, too', withA(shared, { patternProperties: { '^a': { type: 'string' } } })],
  ['required names in branches', withA({}, { anyOf: [{ required: ['a'] }, { required: ['b'] }] })],
  [
    'an integer among numbers',
    withA({ type: ['number', 'null'], anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] }),
  ],
])('%s is allowed', (_, schema) => {
  const tool = define(schema)
  expect(() => compileSchema(tool.inputSchema)).not.toThrow()
  expect(() => strict().compile(advertise(tool).function.parameters)).not.toThrow()
})

function strict(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allowMatchingProperties: true })
  ajvFormats.default(ajv)
  return ajv
}

test('what passes the definition can be compiled, and so can what the model is shown of it', () => {
  let valid = 0
  const cases = Math.min(numberOfCases(500), 5_000) // each compiles two schemas
  const property = fc.property(objectSchema, (schema) => {
    const tool = defined(schema)
    if (tool === undefined) return
    valid++
    compileSchema(tool.inputSchema)({ a: {}, b: [] })
    strict().compile(advertise(tool).function.parameters)
  })
  fc.assert(property, { numRuns: cases })
  expect(valid).toBeGreaterThan(cases / 5)
}, 600_000)

function defined(schema: object): ReturnType<typeof define> | undefined {
  try {
    return define(schema)
  } catch (error) {
    expect((error as Error).message).toMatch(/^Tool "tried": inputSchema[/:]/)
    return undefined
  }
}
