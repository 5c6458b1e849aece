import { expectTypeOf, test } from 'vitest'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import { defineTool, type Tool, type ToolContext } from '../../router/tool.ts'

const description = 'A tool of the type tests.'

test('the input of execute is exactly what the schema says', () => {
  defineTool({
    name: 'rich',
    description,
    inputSchema: {
      type: 'object',
      properties: {
        text: { type: 'string' },
        count: { type: 'integer' },
        level: { enum: ['low', 'high'] },
        fixed: { const: 'x' },
        maybe: { type: ['number', 'null'] },
        list: {
          type: 'array',
          items: {
            type: 'object',
            properties: { a: { type: 'boolean' } },
            required: ['a'],
            additionalProperties: false,
          },
        },
        either: {
          anyOf: [
            { type: 'string' },
            { type: 'object', properties: { b: { const: 1 } }, required: ['b'], additionalProperties: false },
          ],
        },
        map: { type: 'object', additionalProperties: { type: 'number' } },
        free: {},
      },
      required: ['text', 'list'],
      additionalProperties: false,
    },
    execute: (input, context) => {
      expectTypeOf(input).toEqualTypeOf<{
        text: string
        count?: number
        level?: 'low' | 'high'
        fixed?: 'x'
        maybe?: number | null
        list: { a: boolean }[]
        either?: string | { b: 1 }
        map?: { [name: string]: number }
        free?: unknown
      }>()
      expectTypeOf(context).toEqualTypeOf<ToolContext>()
    },
  })
})

test('an object that says nothing of its members takes any, and one without members none', () => {
  defineTool({
    name: 'open',
    description,
    inputSchema: { type: 'object' },
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ [name: string]: unknown }>(),
  })
})

const typed = defineTool({
  name: 'typed',
  description,
  inputSchema: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: { celsius: { type: 'number' } },
    required: ['celsius'],
    additionalProperties: false,
  },
  execute: ({ city }) => ({ celsius: city.length }),
})

test('a tool has the types of its schemas, and its output is a value or a promise of one', () => {
  expectTypeOf(typed).toEqualTypeOf<Tool<{ city: string }, { celsius: number }>>()
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: async () => 'x' })
  // @ts-expect-error: the output schema says text
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: () => 1 })
  // @ts-expect-error: also of a promise
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: async () => 1 })
  defineTool({
    ...base,
    // @ts-expect-error: a required member is missing
    outputSchema: {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    },
    execute: () => ({}),
  })
})

test('without an output schema the output is what execute returns', async () => {
  const tool = defineTool({ ...base, execute: async () => ({ n: 1 }) })
  expectTypeOf(tool).toEqualTypeOf<Tool<{ [name: string]: unknown }, { n: number }>>()
  const result = await runTool(tool, {})
  if (result.status === 'ok') expectTypeOf(result.value).toEqualTypeOf<{ n: number }>()
  else expectTypeOf(result.error.message).toEqualTypeOf<string>()
})

test('the result of runTool has the type of the output schema', async () => {
  const result = await runTool(typed, { city: 'Oslo' })
  if (result.status === 'ok') expectTypeOf(result.value).toEqualTypeOf<{ celsius: number }>()
})

test('tools of all inputs are collected in one list', () => {
  const tools = [typed, defineTool({ ...base, execute: () => null })] as const satisfies readonly Tool[]
  const list: readonly Tool[] = tools
  expectTypeOf(createRouter).toBeCallableWith(list)
  createRouter([typed, defineTool({ ...base, execute: () => null })])
})

const base = { name: 'base', description, inputSchema: { type: 'object' } } as const

test('a wrong annotation of the parameter is an error', () => {
  const inputSchema = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  } as const
  defineTool({ name: 'right', description, inputSchema, execute: (input: { a: string }) => input.a })
  // @ts-expect-error: the schema says text
  defineTool({ name: 'wrong', description, inputSchema, execute: (input: { a: number }) => input.a })
  // @ts-expect-error: the schema knows no such member
  defineTool({ name: 'wrong', description, inputSchema, execute: (input: { a: string; b: string }) => input.b })
  // @ts-expect-error: what is read has to be in the schema
  defineTool({ name: 'wrong', description, inputSchema, execute: ({ b }) => b })
})

test('a misspelt keyword is an error, wherever in a schema it stands', () => {
  const execute = () => null
  // @ts-expect-error: at the root
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', propertes: {} } })
  // @ts-expect-error: at the root, beside right ones
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', properties: {}, requierd: [] } })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a property
    inputSchema: { type: 'object', properties: { a: { type: 'string', minLenght: 1 } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a property of a property
    inputSchema: { type: 'object', properties: { a: { type: 'object', properties: { b: { typ: 'string' } } } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in items
    inputSchema: { type: 'object', properties: { a: { type: 'array', items: { type: 'string', patern: 'x' } } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in a branch of anyOf
    inputSchema: { type: 'object', properties: { a: { anyOf: [{ type: 'string' }, { type: 'number', minimun: 1 }] } } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    // @ts-expect-error: in additionalProperties
    inputSchema: { type: 'object', additionalProperties: { tpye: 'string' } },
  })
  defineTool({
    name: 'a',
    description,
    execute,
    inputSchema: { type: 'object' },
    // @ts-expect-error: in the output schema
    outputSchema: { type: 'null', descripton: 'x' },
  })
})

test('a wrong value of a keyword is an error', () => {
  const execute = () => null
  // @ts-expect-error: no such type
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', properties: { a: { type: 'text' } } } })
  // @ts-expect-error: required is a list
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'object', required: 'a' } })
  // @ts-expect-error: an input is an object
  defineTool({ name: 'a', description, execute, inputSchema: { type: 'string' } })
})

test('a property may be called like a keyword, or like none', () => {
  defineTool({
    name: 'names',
    description,
    inputSchema: {
      type: 'object',
      properties: { type: { type: 'string' }, propertes: { type: 'number' } },
      additionalProperties: false,
    },
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ type?: string; propertes?: number }>(),
  })
})
