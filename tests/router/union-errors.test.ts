import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkSchema } from '../../router/check-schema.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { compileSchema } from '../../router/validation.ts'
import { objectSchema } from './support/arbitrary-schemas.ts'
import { numberOfCases } from './support/runs.ts'

/** The feedback on a value that is the member `v` of an object with this schema. */
function linesOf(v: object, value: unknown, definitions: object = {}): readonly string[] {
  const schema = { type: 'object', properties: { v }, $defs: definitions }
  const errors = compileSchema(schema)({ v: value })
  expect(errors.length).toBeGreaterThan(0)
  return describeValidationErrors(errors, schema).split('\n')
}

const object = (properties: object, required: readonly string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const a = object({ k: { const: 'a' }, n: { type: 'integer' } })
const b = object({ k: { const: 'b' }, s: { type: 'string' } })
const [refA, refB] = [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }]

test('branches that are references are reported like any others', () => {
  const ofUnion = (value: unknown) => linesOf({ oneOf: [refA, refB] }, value, { a, b })
  expect(ofUnion({ k: 'a', n: 'x' })).toEqual(['- /v/n: expected integer, received "x"'])
  expect(ofUnion({ k: 'b', n: 1 })).toEqual([
    '- /v: required property "s" is missing',
    '- /v: unknown property "n"; the properties are k, s',
  ])
  expect(ofUnion({ k: 'c', n: 1 })).toEqual(['- /v/k: expected one of "a", "b", received "c"'])
  expect(ofUnion(7)).toEqual(['- /v: expected object, received 7'])
})

test('for a reference or null, the errors of the reference are reported', () => {
  const ofNullable = (value: unknown) => linesOf({ anyOf: [refA, { type: 'null' }] }, value, { a })
  expect(ofNullable({ k: 'a', n: 'x' })).toEqual(['- /v/n: expected integer, received "x"'])
  expect(ofNullable('x')).toEqual(['- /v: expected object or null, received "x"'])
})

const node = { anyOf: [{ $ref: '#/$defs/leaf' }, { type: 'array', items: { $ref: '#/$defs/node' } }] }
const leaf = object({ n: { type: 'integer' } })
const group = object({
  k: { const: 'group' },
  of: { type: 'array', items: { oneOf: [refA, { $ref: '#/$defs/group' }] } },
})

test('errors in a recursive union are reported at the innermost value', () => {
  expect(linesOf({ $ref: '#/$defs/node' }, [[{ n: 'x' }], { n: 1 }, {}], { node, leaf })).toEqual([
    '- /v/0/0/n: expected integer, received "x"',
    '- /v/2: required property "n" is missing',
  ])
  const nested = {
    k: 'group',
    of: [
      { k: 'a', n: 1 },
      { k: 'group', of: [{ k: 'a', n: 'x' }] },
    ],
  }
  expect(linesOf({ oneOf: [refA, { $ref: '#/$defs/group' }] }, nested, { a, group })).toEqual([
    '- /v/of/1/of/0/n: expected integer, received "x"',
  ])
  expect(linesOf({ oneOf: [refA, { $ref: '#/$defs/group' }] }, { of: [] }, { a, group })).toEqual([
    '- /v: required property "k" is missing',
  ])
})

test('an error in a schema that branches share is reported once, next to errors outside of the union', () => {
  const shared = { type: 'object', properties: { n: { $ref: '#/$defs/n' } }, required: ['n'] }
  const both = { oneOf: [{ allOf: [shared, refTo('x')] }, { allOf: [shared, refTo('y')] }] }
  const definitions = { n: { type: 'integer' }, x: member('x'), y: member('y') }
  const beside = { base: { type: 'object', required: ['z'] }, ...definitions }
  expect(linesOf({ $ref: '#/$defs/base', ...both }, { n: 'x', kind: 'y' }, beside)).toEqual([
    '- /v: required property "z" is missing',
    '- /v/n: expected integer, received "x"',
  ])
  expect(linesOf(both, { n: 'x', kind: 'y' }, definitions)).toEqual(['- /v/n: expected integer, received "x"'])
})

function refTo(name: string): object {
  return { $ref: `#/$defs/${name}` }
}

function member(kind: string): object {
  return { type: 'object', properties: { kind: { const: kind } }, required: ['kind'] }
}

test('without a discriminator, a branch whose const or enum accepts the tag is reported', () => {
  const union = {
    anyOf: [
      object({ k: { enum: ['a'] }, n: { type: 'integer' } }),
      object({ k: { enum: ['b', 'c'] }, s: { type: 'string' } }),
      { type: 'null' },
    ],
  }
  expect(linesOf(union, { k: 'c', n: 1 })).toEqual([
    '- /v: required property "s" is missing',
    '- /v: unknown property "n"; the properties are k, s',
  ])
  expect(linesOf(union, { k: 'd', n: 1 })).toEqual(['- /v/k: expected one of "a", "b", "c", received "d"'])
  expect(linesOf(union, { n: 1 })).toEqual(['- /v: required property "k" is missing'])
})

test('with a discriminator, only errors of the chosen branch are reported', () => {
  const either = { type: 'object', discriminator: { propertyName: 'k' } }
  const c = object({ k: { enum: ['c', 'd'] }, n: { $ref: '#/$defs/n' } })
  const union = { ...either, oneOf: [refA, refB, c] }
  const ofUnion = (value: unknown) => linesOf(union, value, { a, b, n: { type: 'integer' } })
  expect(ofUnion({ k: 'd', n: 'x' })).toEqual(['- /v/n: expected integer, received "x"'])
  expect(ofUnion({ k: 'a', s: 'x' })).toEqual([
    '- /v: required property "n" is missing',
    '- /v: unknown property "s"; the properties are k, n',
  ])
  expect(ofUnion({ k: 'e', n: 1 })).toEqual(['- /v/k: expected one of "a", "b", "c", "d", received "e"'])
  expect(ofUnion({ n: 1 })).toEqual(['- /v/k: expected one of "a", "b", "c", "d", received nothing'])
  expect(ofUnion({ k: 7 })).toEqual(['- /v/k: expected one of "a", "b", "c", "d", received 7'])
  expect(ofUnion(7)).toEqual(['- /v: expected object, received 7'])
})

test('a missing optional tag is not an error', () => {
  const [x, y] = [
    object({ k: { const: 'x' }, n: { type: 'integer' } }, ['n']),
    object({ k: { const: 'y' }, s: { type: 'string' } }, ['s']),
  ]
  expect(linesOf({ anyOf: [x, y] }, { n: 'z' })).toEqual(['- /v/n: expected integer, received "z"'])
})

test('the allowed values of several branches are one list', () => {
  expect(linesOf({ anyOf: [{ const: 'a' }, { enum: ['b', 'c'] }] }, 'd')).toEqual([
    '- /v: expected one of "a", "b", "c", received "d"',
  ])
})

const properties = { type: 'object', properties: { a: {}, b: {}, c: {} } }
const [needsA, needsB, needsBoth] = [{ required: ['a'] }, { required: ['b'] }, { required: ['b', 'c'] }]

test('when one of several properties is required, the message does not ask for all', () => {
  expect(linesOf({ ...properties, anyOf: [needsA, needsB] }, {})).toEqual([
    '- /v: at least one of the properties "a", "b" is required',
  ])
  expect(linesOf({ ...properties, anyOf: [needsA, needsBoth] }, {})).toEqual([
    '- /v: at least one of the properties "a", "b" with "c" is required',
  ])
  const oneOf = { ...properties, oneOf: [needsA, needsB] }
  expect(linesOf(oneOf, {})).toEqual(['- /v: exactly one of the properties "a", "b" is required'])
  expect(linesOf(oneOf, { a: 1, b: 1 })).toEqual(['- /v: exactly one of the properties "a", "b" is allowed'])
})

test('equally close branches are reported as alternatives', () => {
  const numbers = {
    anyOf: [
      { type: 'integer', minimum: 10 },
      { type: 'integer', multipleOf: 7 },
    ],
  }
  expect(linesOf(numbers, 3)).toEqual([
    '- /v: fix one of these: must be >= 10, received 3; or must be multiple of 7, received 3',
  ])
})

test('a forbidden value or property is named', () => {
  const received = 'received {"a":1,"b":2}'
  expect(linesOf({ ...properties, not: { required: ['a', 'b'] } }, { a: 1, b: 2 })).toEqual([
    `- /v: must not have "a" together with "b", ${received}`,
  ])
  expect(linesOf({ type: 'string', not: { const: 'x' } }, 'x')).toEqual(['- /v: must not be "x", received "x"'])
  expect(linesOf({ type: 'string', not: { enum: ['x', 'y'] } }, 'y')).toEqual([
    '- /v: must not be one of "x", "y", received "y"',
  ])
  expect(linesOf({ type: 'string', not: { pattern: '^x' } }, 'xy')).toEqual([
    '- /v: must not match {"pattern":"^x"}, received "xy"',
  ])
})

test('a list without a required item has one error', () => {
  expect(linesOf({ type: 'array', contains: { const: 3 } }, [1, 2, 4])).toEqual([
    '- /v: must contain at least 1 valid item(s), one that matches {"const":3}, received [1,2,4]',
  ])
  expect(linesOf({ type: 'array', contains: refA }, [1, 2, 4], { a })).toHaveLength(1)
})

test('thousands of errors in unions are summarised as fast as they are found', () => {
  const wide = Array.from({ length: 300 }, () => Array(60).fill({ n: 'x' }))
  const lines = linesOf({ $ref: '#/$defs/node' }, wide, { node, leaf })
  expect(lines[0]).toBe('- /v/0/0/n: expected integer, received "x"')
  expect(lines.at(-1)).toMatch(/^- … and 179\d\d more errors$/)
}, 20_000)

test('more items than maxContains allows are one error, next to other errors of the list', () => {
  const list = { type: 'array', minItems: 5, contains: { const: 3 }, maxContains: 1 }
  expect(linesOf(list, [1, 3, 3, 2])).toEqual([
    '- /v: must NOT have fewer than 5 items, received [1,3,3,2]',
    '- /v: must contain at least 1 and no more than 1 valid item(s), one that matches {"const":3}, received [1,3,3,2]',
  ])
})

test('a schema with an id can have unions', () => {
  const schema = {
    $id: 'https://a.b/c',
    type: 'object',
    properties: { 'v/w %': { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }] } },
    $defs: { a },
  }
  const errors = compileSchema(schema)({ 'v/w %': { k: 'a', n: 'x' } })
  expect(describeValidationErrors(errors, schema)).toBe('- /v~1w %/n: expected integer, received "x"')
})

/**
 * Ajv 8 generates code that throws for a few schemas with `patternProperties`, `$ref` and `unevaluatedProperties`
 * ("Cannot set properties of undefined"). Dispatch turns that into a tool error; there are no errors to describe.
 */
function validationErrorsOf(schema: object, input: unknown): ReturnType<ReturnType<typeof compileSchema>> {
  try {
    return compileSchema(schema)(input)
  } catch (error) {
    if (error instanceof TypeError) return []
    throw error
  }
}

test('every schema and value with validation errors gets feedback', () => {
  const value = fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'é %', '"', '#', '$ref'), fc.jsonValue({ maxDepth: 3 }))
  let described = 0
  const property = fc.property(objectSchema, value, (schema, input) => {
    if (!isUsable(schema)) return
    const errors = validationErrorsOf(schema, input)
    if (errors.length === 0) return
    described++
    expect(describeValidationErrors(errors, schema)).toMatch(/^- /)
  })
  fc.assert(property, { numRuns: Math.min(numberOfCases(500), 5_000) }) // each case compiles a schema
  expect(described).toBeGreaterThan(0)
}, 600_000)

function isUsable(schema: object): boolean {
  try {
    checkSchema('schema', schema)
    return true
  } catch {
    return false
  }
}
