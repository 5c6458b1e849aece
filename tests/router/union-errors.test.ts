import { expect, test } from 'vitest'
import { describeValidationErrors } from '../../router/feedback.ts'
import { compileSchema } from '../../router/validation.ts'

/** The lines for a value that is the member `v` of what the schema describes. */
function linesOf(v: object, value: unknown, definitions: object = {}): readonly string[] {
  const schema = { type: 'object', properties: { v }, $defs: definitions }
  const faults = compileSchema(schema)({ v: value })
  expect(faults.length).toBeGreaterThan(0)
  return describeValidationErrors(faults, schema).split('\n')
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

test('branches behind references are reported like any others', () => {
  const ofUnion = (value: unknown) => linesOf({ oneOf: [refA, refB] }, value, { a, b })
  expect(ofUnion({ k: 'a', n: 'x' })).toEqual(['- /v/n: expected integer, received "x"'])
  expect(ofUnion({ k: 'b', n: 1 })).toEqual([
    '- /v: required property "s" is missing',
    '- /v: unknown property "n"; known: k, s',
  ])
  expect(ofUnion({ k: 'c', n: 1 })).toEqual(['- /v/k: expected one of "a", "b", received "c"'])
  expect(ofUnion(7)).toEqual(['- /v: expected object, received 7'])
})

test('of a reference or null, the errors of the reference are reported', () => {
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

test('a union that holds itself is told where it is broken', () => {
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
    '- /v/k: expected one of "a", "group", received nothing',
  ])
})

test('branches that share a schema are told once, and what stands beside the union is told, too', () => {
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

test('a member that has values of its own in each branch chooses the branch, by enum as by const', () => {
  const union = {
    anyOf: [
      object({ k: { enum: ['a'] }, n: { type: 'integer' } }),
      object({ k: { enum: ['b', 'c'] }, s: { type: 'string' } }),
      { type: 'null' },
    ],
  }
  expect(linesOf(union, { k: 'c', n: 1 })).toEqual([
    '- /v: required property "s" is missing',
    '- /v: unknown property "n"; known: k, s',
  ])
  expect(linesOf(union, { k: 'd', n: 1 })).toEqual(['- /v/k: expected one of "a", "b", "c", received "d"'])
  expect(linesOf(union, { n: 1 })).toEqual(['- /v/k: expected one of "a", "b", "c", received nothing'])
})

test('a member that chooses and may be left out is no fault where it is', () => {
  const [x, y] = [
    object({ k: { const: 'x' }, n: { type: 'integer' } }, ['n']),
    object({ k: { const: 'y' }, s: { type: 'string' } }, ['s']),
  ]
  expect(linesOf({ anyOf: [x, y] }, { n: 'z' })).toEqual(['- /v/n: expected integer, received "z"'])
})

test('literals of several branches are one list', () => {
  expect(linesOf({ anyOf: [{ const: 'a' }, { enum: ['b', 'c'] }] }, 'd')).toEqual([
    '- /v: expected one of "a", "b", "c", received "d"',
  ])
})

const properties = { type: 'object', properties: { a: {}, b: {}, c: {} } }
const [needsA, needsB, needsBoth] = [{ required: ['a'] }, { required: ['b'] }, { required: ['b', 'c'] }]

test('where one of several properties is required, that is said, and not that all are', () => {
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

test('branches that are broken equally are told as a choice', () => {
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

test('what is forbidden is said', () => {
  const received = 'received {"a":1,"b":2}'
  expect(linesOf({ ...properties, not: { required: ['a', 'b'] } }, { a: 1, b: 2 })).toEqual([
    `- /v: must not have "a" together with "b", ${received}`,
  ])
  expect(linesOf({ type: 'string', not: { const: 'x' } }, 'x')).toEqual(['- /v: must not be "x", received "x"'])
  expect(linesOf({ type: 'string', not: { enum: ['x', 'y'] } }, 'y')).toEqual([
    '- /v: must not be one of "x", "y", received "y"',
  ])
  expect(linesOf({ type: 'string', not: { pattern: '^x' } }, 'xy')).toEqual([
    '- /v: must not fit {"pattern":"^x"}, received "xy"',
  ])
})

test('a list without the item that it must contain is one fault', () => {
  expect(linesOf({ type: 'array', contains: { const: 3 } }, [1, 2, 4])).toEqual([
    '- /v: must contain at least 1 valid item(s), one that fits {"const":3}, received [1,2,4]',
  ])
  expect(linesOf({ type: 'array', contains: refA }, [1, 2, 4], { a })).toHaveLength(1)
})

test('thousands of broken unions are told about in the time that checking them takes', () => {
  const wide = Array.from({ length: 300 }, () => Array(60).fill({ n: 'x' }))
  const lines = linesOf({ $ref: '#/$defs/node' }, wide, { node, leaf })
  expect(lines[0]).toBe('- /v/0/0/n: expected integer, received "x"')
  expect(lines.at(-1)).toMatch(/^- … and 179\d\d more errors$/)
}, 20_000)
