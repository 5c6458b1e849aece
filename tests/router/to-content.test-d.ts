import { expectTypeOf, test } from 'vitest'
import { defineTool } from '../../router/define-tool.ts'
import type { ExecutableTool, Tool } from '../../router/tool.ts'

const inputSchema = {
  type: 'object',
  properties: { count: { type: 'integer' } },
  required: ['count'],
  additionalProperties: false,
} as const
const names = { name: 'read_log', description: 'Reads a log.', inputSchema } as const

test('toContent gets the value that execute returns, and the input', () => {
  const tool = defineTool({
    ...names,
    execute: async ({ count }) => ({ lines: ['a'], count }),
    toContent: (value, input) => {
      expectTypeOf(value.count).toEqualTypeOf<number>()
      expectTypeOf(input).toEqualTypeOf<{ count: number }>()
      return value.lines.length
    },
  })
  expectTypeOf(tool).toExtend<ExecutableTool<{ count: number }>>()
  expectTypeOf(tool).toExtend<Tool>()
})

test('with an output schema, toContent gets a value of the schema', () => {
  defineTool({
    ...names,
    outputSchema: {
      type: 'object',
      properties: { lines: { type: 'array', items: { type: 'string' } } },
      required: ['lines'],
    },
    toContent: ({ lines }) => {
      expectTypeOf(lines).toExtend<readonly string[]>()
      return lines.join('\n')
    },
    execute: () => ({ lines: [] }),
  })
})

test('a tool without execute and without output schema has a value of unknown type', () => {
  const tool = defineTool({
    ...names,
    toContent: (value) => {
      expectTypeOf(value).toBeUnknown()
      return String(value)
    },
  })
  expectTypeOf(tool).toExtend<Tool>()
})

test('a view of another value is a type error', () => {
  defineTool({
    ...names,
    execute: () => ({ lines: ['a'] }),
    // @ts-expect-error -- the value has no `rows`
    toContent: ({ rows }) => rows,
  })
})
