import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advertise } from '../../router/advertised-schema.ts'
import { defineTool } from '../../router/define-tool.ts'
import { InvalidToolError } from '../../router/errors.ts'
import { createRouter } from '../../router/router.ts'
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

/** The schema of an input with one property, and more keywords. */
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
  [
    'a misspelt keyword',
    { type: 'object', propertis: {} },
    ': "propertis" is not a JSON Schema keyword; did you mean "properties"?',
  ],
  [
    'null as OpenAPI writes it',
    withA({ type: 'string', nullable: true }),
    '/properties/a: "nullable" is not a keyword of JSON Schema 2020-12: add "null" to "type".',
  ],
  [
    'an optional property as TypeScript has it',
    withA({ type: 'string', optional: true }),
    '/properties/a: "optional" is not a keyword of JSON Schema 2020-12: leave the property out of "required".',
  ],
  ['dependencies of draft 7', { type: 'object', dependencies: {} }, ': "dependencies" is not a keyword of'],
  ['an anchor', withA({ $anchor: 'b', type: 'string' }), '/properties/a: "$anchor" is not a keyword of'],
  [
    'a nested id',
    withA({ $id: 'b', type: 'string' }),
    '/properties/a/$id: only the root of a schema can have an "$id".',
  ],
  ['a BigInt', withA({ const: 1n }), '/properties/a/const is a bigint, which JSON cannot represent.'],
  ['NaN', withA({ const: Number.NaN }), '/properties/a/const is NaN, which JSON cannot represent.'],
  ['a schema that contains itself', cyclic, '/properties/a contains itself; point at it with "$ref" instead.'],
  ['a schema that is nested too deep', withA(deep), '/properties/a/anyOf/0/anyOf'],
])('defineTool refuses %s and names tool and path', (_, schema, message) => {
  expect(() => define(schema)).toThrow(`Tool "tried": inputSchema${message}`)
  expect(() => define(schema)).toThrow(InvalidToolError)
})

test.each([
  [
    'an unknown type',
    withA({ type: 'text' }),
    '/properties/a/type: expected one of "array", "boolean", "integer", "null"',
  ],
  ['an invalid pattern', withA({ type: 'string', pattern: '(' }), '/properties/a/pattern: must match format "regex"'],
  [
    'an invalid pattern of properties',
    { type: 'object', patternProperties: { '(': {} } },
    '/patternProperties: property',
  ],
  ['a single required name', { type: 'object', required: 'a' }, '/required: expected array, received "a".'],
  ['a tuple of draft 7', withA({ type: 'array', items: [{}] }), '/properties/a/items: expected object or boolean'],
  [
    'a negative length',
    withA({ type: 'string', minLength: -1 }),
    '/properties/a/minLength: must be >= 0, received -1.',
  ],
  [
    'another dialect',
    { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
    '/$schema: expected "http',
  ],
  [
    'an invalid id',
    { type: 'object', $id: 'http://[' },
    '/$id: must match format "uri-reference", received "http://[".',
  ],
  [
    'a reference without a target',
    withA({ $ref: '#/$defs/b' }, { $defs: { c: {} } }),
    '/properties/a/$ref is "#/$defs/b", which the schema does not have.',
  ],
  [
    'a reference to another schema',
    withA({ $ref: 'https://example.com/b' }),
    '/properties/a/$ref is "https://example.com/b"; it must be "#" or "#/$defs/<name>", within the same schema.',
  ],
  ['a reference to an anchor', withA({ $ref: '#nope' }), '/properties/a/$ref is "#nope"; it must be "#" or "#/$defs/'],
  [
    'a reference to a property',
    withA({ $ref: '#/properties/a' }),
    '/properties/a/$ref is "#/properties/a"; it must be "#"',
  ],
  [
    'a reference that only Ajv cannot resolve',
    withA({ $ref: '#/$defs/\ud800' }, { $defs: { '\ud800': true } }),
    ": can't resolve reference",
  ],
  [
    'a format without a type',
    withA({ format: 'date' }),
    '/properties/a: "format" needs "type": "number,string", in {"format":"date"}.',
  ],
  [
    'properties without a type',
    withA({ properties: { b: {} } }),
    '/properties/a: "properties" needs "type": "object", in',
  ],
  [
    'a keyword of another type',
    withA({ type: 'string', minimum: 1 }),
    '/properties/a: "minimum" needs "type": "number"',
  ],
  [
    'a branch of another type',
    withA({ type: 'string', anyOf: [{ type: 'null' }] }),
    '/properties/a/anyOf/0: type "null" contradicts type "string" of the schema around it, in {"type":"null"}.',
  ],
  [
    'if without then',
    withA({ type: 'string', if: { minLength: 1 } }),
    '/properties/a: "if" without "then" and "else" is ignored, in {"type":"string","if":{"minLength":1}}.',
  ],
  [
    'a mistake in a definition',
    withA({ $ref: '#/$defs/b' }, { $defs: { b: { type: 'string', if: { minLength: 1 } } } }),
    '/$defs/b: "if" without "then" and "else" is ignored',
  ],
  [
    'a mistake in a recursive definition',
    withA(
      { $ref: '#/$defs/b' },
      { $defs: { b: { type: 'array', items: { anyOf: [{ $ref: '#/$defs/b' }, { type: 'string', minimum: 1 }] } } } },
    ),
    '/$defs/b/items/anyOf/1: "minimum" needs "type": "number", in {"type":"string","minimum":1}.',
  ],
  ['minContains alone', withA({ type: 'array', minContains: 1 }), '/properties/a: "minContains" without "contains" is'],
  [
    'contains that needs no item',
    withA({ type: 'array', contains: {}, minContains: 0 }),
    '/properties/a: "minContains" == 0',
  ],
  [
    'contains that allows fewer items than it needs',
    withA({ type: 'array', contains: {}, maxContains: 0 }),
    '/properties/a: "minContains" > "maxContains" is always invalid',
  ],
  [
    'an open tuple',
    withA({ type: 'array', prefixItems: [{}] }),
    '/properties/a: "prefixItems" has 1 schemas; add "minItems": 1 and "items": false, in',
  ],
  [
    'an impossible required name in a branch',
    withA({}, { anyOf: [{ required: ['b'], properties: {}, additionalProperties: false }] }),
    '/anyOf/0/required: "b" is not one of the properties, and no others are allowed.',
  ],
  [
    'a definition that only refers to itself',
    withA({ $ref: '#/$defs/x' }, circle),
    '/properties/a: "$ref" leads back here for the same value',
  ],
  ['a schema that only refers to itself', withA({}, { $ref: '#' }), ': "$ref" leads back here for the same value'],
  [
    'a circle through a condition',
    withA({}, { dependentSchemas: { a: { $ref: '#/$defs/y' } }, $defs: { y: { not: { $ref: '#/$defs/y' } } } }),
    ': "$ref" leads back here for the same value',
  ],
  [
    'a discriminator without const or enum',
    withA({
      type: 'object',
      discriminator: { propertyName: 'k' },
      required: ['k'],
      oneOf: [{ properties: { k: { type: 'string' } } }],
    }),
    '/properties/a: discriminator: "properties/k" must have "const" or "enum", in',
  ],
])('createRouter refuses %s and names tool and path', (_, schema, message) => {
  const tool = define(schema)
  expect(() => createRouter([tool])).toThrow(`Tool "tried": inputSchema${message}`)
  expect(() => createRouter([tool])).toThrow(InvalidToolError)
})

const shared = { type: 'string', minLength: 1 }

test.each([
  [
    'a value that looks like a reference',
    withA({ default: { $ref: '#/x' }, enum: [{ $ref: 'y' }], examples: [{ $id: '#' }] }),
  ],
  [
    'a property with the name of a keyword',
    { type: 'object', properties: { $ref: shared, $id: shared, nullable: shared } },
  ],
  [
    'a schema object that is used twice',
    { type: 'object', properties: { a: shared, b: { type: 'array', items: shared } } },
  ],
  ['a tree', withA({ $ref: '#/$defs/tree' }, tree)],
  ['a reference to the whole', withA({ type: 'array', items: { $ref: '#' } })],
  [
    'a definition whose name needs escaping',
    withA({ $ref: '#/$defs/a~1b%20%25' }, { $defs: { 'a/b %': { type: 'string' } } }),
  ],
  [
    'the dialect and an id at the root',
    { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'https://a.b/c', type: 'object' },
  ],
  ['a closed tuple', withA({ type: 'array', prefixItems: [shared, {}], minItems: 2, items: false })],
  [
    'a required name that matches a pattern',
    { type: 'object', required: ['a1'], patternProperties: { '^a': {} }, additionalProperties: false },
  ],
  ['a property that also matches a pattern', withA(shared, { patternProperties: { '^a': { type: 'string' } } })],
  ['required names in branches of anyOf', withA({}, { anyOf: [{ required: ['a'] }, { required: ['b'] }] })],
  [
    'an integer among numbers',
    withA({ type: ['number', 'null'], anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] }),
  ],
])('%s is allowed', (_, schema) => {
  const tool = define(schema)
  expect(() => createRouter([tool])).not.toThrow()
  expect(() => strict().compile(advertise(tool).definition.function.parameters)).not.toThrow()
})

function strict(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allowMatchingProperties: true })
  ajvFormats.default(ajv)
  return ajv
}

test('a schema that createRouter accepts can be advertised as a valid schema', () => {
  let valid = 0
  const cases = Math.min(numberOfCases(500), 5_000) // each case compiles two schemas
  const property = fc.property(objectSchema, (schema) => {
    const tool = accepted(schema)
    if (tool === undefined) return
    valid++
    compileSchema(tool.inputSchema)({ a: {}, b: [] })
    strict().compile(advertise(tool).definition.function.parameters)
  })
  fc.assert(property, { numRuns: cases })
  expect(valid).toBeGreaterThan(cases / 5)
}, 600_000)

function accepted(schema: object): ReturnType<typeof define> | undefined {
  try {
    const tool = define(schema)
    createRouter([tool])
    return tool
  } catch (error) {
    expect((error as Error).message).toMatch(/^Tool "tried": inputSchema[/:]/)
    return undefined
  }
}

test('patterns of names in a union under a reference validate every value', () => {
  const schema = {
    type: 'object',
    unevaluatedProperties: false,
    oneOf: [{ type: 'object', patternProperties: { '^p': {} }, anyOf: [{ $ref: '#/$defs/y' }, { $ref: '#/$defs/x' }] }],
    $defs: {
      x: { type: 'object', patternProperties: { '^p': false } },
      y: { type: 'object', properties: { b: { type: 'number' } } },
    },
  }
  const validate = compileSchema(schema)
  expect(validate({ b: 1, pb: 'x' })).toEqual([]) // a TypeError in Ajv 8.20
  expect(validate({ b: 'x', pb: 'x' })).not.toEqual([])
  expect(validate({ pb: 'x', q: 1 })).toMatchObject([{ keyword: 'unevaluatedProperties' }])
})

test('a schema means the same whether patterns of names are next to other keywords or in a branch of their own', () => {
  const leaf = fc.constantFrom({}, { type: 'string' }, { type: 'number' }, false)
  const name = fc.constantFrom('a', 'b', 'pa', 'pb', 'q')
  const references = ['#/$defs/x', '#/$defs/y']
  const reference = fc.constantFrom(...references).map(($ref): object => ({ $ref }))
  const objects = (branch: fc.Arbitrary<object>) => {
    const branches = fc.array(branch, { minLength: 1, maxLength: 2 })
    return fc.record(
      {
        type: fc.constant('object'),
        properties: fc.dictionary(name, fc.oneof(leaf, branch), { maxKeys: 2 }),
        patternProperties: fc.dictionary(fc.constantFrom('^p', 'b$', ''), leaf, { minKeys: 1, maxKeys: 2 }),
        $ref: fc.constantFrom(...references),
        allOf: branches,
        anyOf: branches,
        oneOf: branches,
        // Not with `dependentSchemas`: next to a `$ref`, Ajv 8.20 forgets the names that it evaluates, without patterns too.
        unevaluatedProperties: leaf,
      },
      { requiredKeys: ['type'] },
    )
  }
  const object = objects(fc.oneof(reference, objects(reference)))
  const root = fc.tuple(object, leaf, leaf).map(([schema, x, y]) => ({
    ...schema,
    $defs: { x: { type: 'object', patternProperties: { '^p': x } }, y: { type: 'object', properties: { b: y } } },
  }))
  const values = fc.dictionary(name, fc.oneof(fc.constantFrom('x', 1), fc.dictionary(name, fc.constantFrom('x', 1))))
  fc.assert(
    fc.property(root, fc.array(values, { minLength: 4, maxLength: 8 }), (schema, candidates) => {
      const [one, other] = [compileSchema(schema), compileSchema(apart(schema))]
      for (const value of candidates) expect(one(value).length === 0).toBe(other(value).length === 0)
    }),
    // Each case compiles two schemas.
    { numRuns: 300 },
  )
})

/** The schema with each `patternProperties` in a branch of its own, where Ajv finds no names of other keywords. */
function apart(schema: object): object {
  const map = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(map) : typeof value === 'object' && value !== null ? apart(value) : value
  const copy = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, map(value)]))
  const { patternProperties, allOf = [], ...rest } = copy
  if (patternProperties === undefined) return copy
  return { ...rest, allOf: [...(allOf as object[]), { type: 'object', patternProperties }] }
}
