import { expectTypeOf, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import { createRouter } from '../../router/router.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ExecutableTool, Tool, ToolContext } from '../../router/tool.ts'

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

test('an object schema without properties allows any members', () => {
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

test('a tool has the types of its schemas, and returns a value or a promise', () => {
  expectTypeOf(typed).toEqualTypeOf<ExecutableTool<{ city: string }, { celsius: number }>>()
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: async () => 'x' })
  // @ts-expect-error: the output schema says string
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: () => 1 })
  // @ts-expect-error: also in a promise
  defineTool({ ...base, outputSchema: { type: 'string' }, execute: async () => 1 })
  // @ts-expect-error: a required member is missing
  defineTool({ ...base, outputSchema: celsius, execute: () => ({}) })
})

test('a value of the wrong type is an error at its place', () => {
  defineTool({
    ...base,
    outputSchema: celsius,
    // @ts-expect-error: the output schema says a number
    execute: (input) => ({
      celsius: String(input),
    }),
  })
})

test('a returned literal matches enum and const, in every form of return', () => {
  const outputSchema = {
    type: 'object',
    properties: { kind: { const: 'x' }, level: { enum: ['low', 'high'] } },
    required: ['kind', 'level'],
    additionalProperties: false,
  } as const
  defineTool({ ...base, outputSchema, execute: () => ({ kind: 'x', level: 'low' }) })
  defineTool({ ...base, outputSchema, execute: async () => ({ kind: 'x', level: 'low' }) })
  defineTool({ ...base, outputSchema, execute: (input) => ({ kind: 'x', level: input['a'] ? 'low' : 'high' }) })
  defineTool({
    ...base,
    outputSchema,
    async execute(input) {
      const level = input['a'] ? 'low' : 'high'
      return { kind: 'x', level }
    },
  })
  const tool = defineTool({ ...base, outputSchema, execute: () => ({ kind: 'x', level: 'low' }) })
  expectTypeOf(tool.execute).returns.resolves.toEqualTypeOf<{ kind: 'x'; level: 'low' | 'high' }>()
  // @ts-expect-error: no such level
  defineTool({ ...base, outputSchema, execute: () => ({ kind: 'x', level: 'middle' }) })
})

test('an interface and readonly arrays can be returned', () => {
  interface Report {
    readonly lines: readonly string[]
    readonly level: 'low' | 'high'
  }
  const report: Report = { lines: [], level: 'low' }
  const properties = {
    lines: { type: 'array', items: { type: 'string' } },
    level: { enum: ['low', 'high'] },
  } as const
  const required = ['lines', 'level'] as const
  defineTool({ ...base, outputSchema: { type: 'object', properties, required }, execute: () => report })
  const closed = { type: 'object', properties, required, additionalProperties: false } as const
  defineTool({ ...base, outputSchema: closed, execute: async () => report })
  // @ts-expect-error: a string is not an object
  defineTool({ ...base, outputSchema: { type: 'object' }, execute: () => 'text' })
  // @ts-expect-error: an object of another shape
  defineTool({ ...base, outputSchema: closed, execute: () => ({ lines: report }) })
})

test('without an output schema the output is what execute returns', async () => {
  const tool = defineTool({ ...base, execute: async () => ({ n: 1 }) })
  expectTypeOf(tool).toEqualTypeOf<ExecutableTool<{ [name: string]: unknown }, { readonly n: 1 }>>()
  const result = await runTool(tool, {})
  if (result.status === 'ok') expectTypeOf(result.value).toEqualTypeOf<{ readonly n: 1 }>()
  else expectTypeOf(result.error.message).toEqualTypeOf<string>()
})

test('the result of runTool has the type of the output schema', async () => {
  const result = await runTool(typed, { city: 'Oslo' })
  if (result.status === 'ok') expectTypeOf(result.value).toEqualTypeOf<{ celsius: number }>()
})

test('tools with different inputs fit into one list', () => {
  const tools = [typed, defineTool({ ...base, execute: () => null })] as const satisfies readonly Tool[]
  const list: readonly Tool[] = tools
  expectTypeOf(createRouter).toBeCallableWith(list)
  createRouter([typed, defineTool({ ...base, execute: () => null })])
})

const base = { name: 'base', description, inputSchema: { type: 'object' } } as const

const celsius = {
  type: 'object',
  properties: { celsius: { type: 'number' } },
  required: ['celsius'],
  additionalProperties: false,
} as const

test('a wrong annotation of the parameter is an error', () => {
  const inputSchema = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  } as const
  defineTool({ name: 'right', description, inputSchema, execute: (input: { a: string }) => input.a })
  // @ts-expect-error: the schema says string
  defineTool({ name: 'wrong', description, inputSchema, execute: (input: { a: number }) => input.a })
  // @ts-expect-error: the schema has no such member
  defineTool({ name: 'wrong', description, inputSchema, execute: (input: { a: string; b: string }) => input.b })
  // @ts-expect-error: the schema must declare every member that is read
  defineTool({ name: 'wrong', description, inputSchema, execute: ({ b }) => b })
})

test('a property may have the name of a keyword', () => {
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

test('a schema of additional properties becomes an index signature', () => {
  defineTool({
    name: 'labels',
    description,
    inputSchema: { type: 'object', additionalProperties: { type: 'string' } },
    execute: (input) => expectTypeOf(input).toEqualTypeOf<{ [name: string]: string }>(),
  })
})

test('a property with a default is optional, because defaults are not filled in', () => {
  const properties = { days: { type: 'integer', default: 3 } } as const
  defineTool({
    name: 'default',
    description,
    inputSchema: { type: 'object', properties, additionalProperties: false },
    outputSchema: { type: 'object', properties, additionalProperties: false },
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<{ days?: number }>()
      return {}
    },
  })
})

test('a tool without execute has the types of its schemas', () => {
  const plain = defineTool(base)
  expectTypeOf(plain).toEqualTypeOf<Tool<{ [name: string]: unknown }, unknown>>()
  const ask = defineTool({ ...base, outputSchema: { type: 'string' } })
  expectTypeOf(ask).toEqualTypeOf<Tool<{ [name: string]: unknown }, string>>()
  const tools: readonly Tool[] = [plain, ask, typed]
  expectTypeOf(tools[0]).toEqualTypeOf<Tool | undefined>()
})
