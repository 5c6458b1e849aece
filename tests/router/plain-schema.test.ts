import { expect, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { isObject } from '../../router/json/json.ts'
import { plainTool } from '../../router/plain-schema.ts'
import type { Tool } from '../../router/tool.ts'
import { completion, replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { clientOf } from '../minimax/support/request.ts'
import { emptyTool } from '../support/factories.ts'

const toolOf = (inputSchema: object): Tool =>
  ({ ...emptyTool({ name: 'look', execute: () => 1 }), inputSchema }) as Tool
const parametersOf = (inputSchema: object) => JSON.parse(plainTool(toolOf(inputSchema))).function.parameters
const propertyOf = (schema: object) => parametersOf({ type: 'object', properties: { a: schema } }).properties.a

test.each<[name: string, schema: object, plain: object]>([
  ['a scalar stays', { type: 'string', description: 'A city.' }, { type: 'string', description: 'A city.' }],
  [
    'limits go into the description',
    { type: 'integer', minimum: 1, maximum: 5, description: 'Stars.' },
    { type: 'integer', description: 'Stars. ({"minimum":1,"maximum":5})' },
  ],
  ['a type with null is the other type', { type: ['null', 'integer'] }, { type: 'integer' }],
  ['an enum stays', { enum: ['a', 'b'] }, { type: 'string', enum: ['a', 'b'] }],
  ['a constant is an enum', { const: 7 }, { type: 'integer', enum: [7] }],
  ['a union with null is the other branch', { anyOf: [{ type: 'null' }, { type: 'boolean' }] }, { type: 'boolean' }],
  [
    'a union is its first branch, and the description has the others',
    { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    { type: 'string', description: '({"or":[{"type":"integer"}]})' },
  ],
  [
    'all of several schemas are one',
    {
      allOf: [
        { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
        { properties: { y: { type: 'number' } } },
      ],
    },
    { type: 'object', properties: { x: { type: 'string' }, y: { type: 'number' } }, required: ['x'] },
  ],
  ['an array has items', { type: 'array', minItems: 1 }, { type: 'array', items: {}, description: '({"minItems":1})' }],
  [
    'a map is described',
    { type: 'object', additionalProperties: { type: 'string' } },
    { type: 'object', description: '({"additionalProperties":{"type":"string"}})' },
  ],
  [
    'an object without further members is an object',
    { type: 'object', properties: {}, additionalProperties: false },
    { type: 'object', properties: {} },
  ],
])('%s', (_name, schema, plain) => {
  expect(propertyOf(schema)).toEqual(plain)
})

test('references between schemas are replaced by what they point at', () => {
  const parameters = parametersOf({
    type: 'object',
    properties: { at: { $ref: '#/$defs/place', description: 'Where.' } },
    $defs: { place: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
  })
  expect(parameters).toEqual({
    type: 'object',
    properties: {
      at: { type: 'object', description: 'Where.', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  })
})

test('a schema without properties has an empty list of them', () => {
  expect(parametersOf({ type: 'object' })).toEqual({ type: 'object', properties: {} })
})

test('schemas that lead back to themselves in many ways end soon', () => {
  const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: '#' }]))
  const json = plainTool(toolOf({ type: 'object', properties }))
  expect(json.length).toBeLessThan(200_000)
})

const known = new Set(['type', 'description', 'properties', 'required', 'items', 'enum'])

/** The first keyword in a schema that a picky server does not know. */
function unknownKeyword(schema: unknown): string | undefined {
  if (!isObject(schema)) return undefined
  const own = Object.keys(schema).find((keyword) => !known.has(keyword))
  if (own !== undefined) return own
  const members = isObject(schema['properties']) ? Object.values(schema['properties']) : []
  return [...members, schema['items']].map(unknownKeyword).find((keyword) => keyword !== undefined)
}

test.each([
  ['unsupported_keyword', (keyword: string) => `Invalid tool schema: unsupported_keyword '${keyword}' at tools[0]`],
  ['2013', () => 'invalid params, invalid tool types (2013)'],
])('a run goes on at a server that refuses all but plain schemas with %s', async (_name, messageOf) => {
  await using server = await startLocalServer((_request, response, number) => {
    const { tools } = JSON.parse(server.bodies[number] ?? '')
    const keyword = unknownKeyword(tools?.[0]?.function.parameters)
    if (keyword === undefined) replyJson(response, 200, completion)
    else replyJson(response, 400, { error: { message: messageOf(keyword) } })
  })
  const tool = toolOf({
    type: 'object',
    properties: { stars: { type: 'integer', minimum: 1 }, place: { type: 'object', properties: {} } },
    additionalProperties: false,
  })
  const model = clientOf(server.url)
  for (let count = 0; count < 2; count++) {
    expect(await runLoop({ model, tools: [tool], prompt: 'Look.' })).toMatchObject({ stopReason: 'answered' })
  }
  expect(server.bodies).toHaveLength(3)
  await model.close()
})
