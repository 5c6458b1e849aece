import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import Type, { type Static } from 'typebox'
import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { defineTool } from '../../router/define-tool.ts'
import { runTool } from '../../router/run-tool.ts'
import type { Infer } from '../../router/schema.ts'
import type { ExecutableTool } from '../../router/tool.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const base = { name: 'base', description: 'A tool of the type tests.' }
const model = scriptedModel([])

interface Input {
  city: string
  unit?: 'C' | 'F'
  days?: number
}

test('a zod schema types the input, the output and the answer', async () => {
  const inputSchema = z.strictObject({
    city: z.string(),
    unit: z.enum(['C', 'F']).optional(),
    days: z.int().default(3),
  })
  const outputSchema = z.strictObject({ celsius: z.number(), days: z.int().default(3) })
  const tool = defineTool({
    ...base,
    inputSchema,
    outputSchema,
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<z.input<typeof inputSchema>>()
      return { celsius: input.city.length, days: 1 }
    },
  })
  expectTypeOf(tool).toEqualTypeOf<ExecutableTool<z.input<typeof inputSchema>, { celsius: number; days: number }>>()
  const result = await runTool(tool, { city: 'Oslo' })
  if (result.status === 'ok') expectTypeOf(result.value).toEqualTypeOf<{ celsius: number; days: number }>()
  // @ts-expect-error: the output schema says number
  defineTool({ ...base, inputSchema, outputSchema, execute: () => ({ celsius: 'x', days: 1 }) })
  // @ts-expect-error: a required member is missing
  defineTool({ ...base, inputSchema, outputSchema, execute: () => ({ celsius: 1 }) })
  // @ts-expect-error: the schema has no such member
  defineTool({ ...base, inputSchema, execute: ({ ctiy }) => ctiy })
  const run = await runLoop({
    model,
    prompt: '',
    answer: {
      schema: outputSchema,
      check: (answer) => {
        expectTypeOf(answer).toEqualTypeOf<z.infer<typeof outputSchema>>()
        // @ts-expect-error: misspelt
        return [answer.celcius]
      },
    },
  })
  if (run.stopReason === 'answered') {
    expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number; days: number }>()
    // @ts-expect-error: misspelt
    void run.answer.celcius
  }
})

test('an arktype schema types the input, the output and the answer', async () => {
  const inputSchema = type({ '+': 'reject', city: 'string', 'unit?': "'C' | 'F'", days: 'number = 3' })
  const outputSchema = type({ celsius: 'number' })
  defineTool({
    ...base,
    inputSchema,
    outputSchema,
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<Input>()
      return { celsius: input.city.length }
    },
  })
  // @ts-expect-error: the output schema says number
  defineTool({ ...base, inputSchema, outputSchema, execute: () => ({ celsius: 'x' }) })
  const run = await runLoop({ model, prompt: '', answer: { schema: outputSchema } })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number }>()
})

test('a wrapped valibot schema types the input, the output and the answer', async () => {
  const inputSchema = toStandardJsonSchema(
    v.strictObject({
      city: v.string(),
      unit: v.exactOptional(v.picklist(['C', 'F'])),
      days: v.exactOptional(v.number(), 3),
    }),
  )
  const outputSchema = toStandardJsonSchema(v.object({ celsius: v.number() }))
  defineTool({
    ...base,
    inputSchema,
    outputSchema,
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<Input>()
      return { celsius: input.city.length }
    },
  })
  const run = await runLoop({ model, prompt: '', answer: { schema: outputSchema } })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number }>()
})

test('a TypeBox schema types the input, the output and the answer', async () => {
  const inputSchema = Type.Object(
    {
      city: Type.String({ minLength: 1 }),
      unit: Type.Optional(Type.Union([Type.Literal('C'), Type.Literal('F')])),
      days: Type.Optional(Type.Integer()),
    },
    { additionalProperties: false },
  )
  const outputSchema = Type.Object({ celsius: Type.Number() })
  defineTool({
    ...base,
    inputSchema,
    outputSchema,
    execute: (input) => {
      expectTypeOf(input).toEqualTypeOf<Input>()
      return { celsius: input.city.length }
    },
  })
  // @ts-expect-error: the output schema says number
  defineTool({ ...base, inputSchema, outputSchema, execute: () => ({ celsius: 'x' }) })
  // @ts-expect-error: the schema has no such member
  defineTool({ ...base, inputSchema, execute: ({ ctiy }) => ctiy })
  const run = await runLoop({ model, prompt: '', answer: { schema: outputSchema } })
  if (run.stopReason === 'answered') {
    expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number }>()
    // @ts-expect-error: misspelt
    void run.answer.celcius
  }
})

test('the type of a TypeBox schema is the one that TypeBox itself gives', () => {
  const schema = Type.Object({
    text: Type.String(),
    count: Type.Optional(Type.Integer()),
    flag: Type.Boolean(),
    none: Type.Null(),
    fixed: Type.Literal('x'),
    level: Type.Enum(['low', 'high']),
    either: Type.Union([Type.String(), Type.Object({ b: Type.Literal(1) })]),
    both: Type.Intersect([Type.Object({ a: Type.String() }), Type.Object({ b: Type.Optional(Type.Number()) })]),
    list: Type.Array(Type.Object({ a: Type.Boolean() })),
    pair: Type.Tuple([Type.String(), Type.Number()]),
    map: Type.Record(Type.String(), Type.Number()),
    free: Type.Unknown(),
    never: Type.Optional(Type.Never()),
    unsafe: Type.Unsafe<bigint>({ type: 'integer' }),
    partial: Type.Partial(Type.Object({ a: Type.String() })),
    picked: Type.Pick(Type.Object({ a: Type.String(), b: Type.Number() }), ['a']),
  })
  expectTypeOf<Infer<typeof schema>>().toEqualTypeOf<Static<typeof schema>>()
  const tree = Type.Cyclic(
    { Tree: Type.Object({ name: Type.String(), next: Type.Optional(Type.Ref('Tree')) }) },
    'Tree',
  )
  expectTypeOf<Infer<typeof tree>['next']>().exclude<undefined>().toExtend<{ name: string }>()
})

test('a schema of @sinclair/typebox has the type that it carries', () => {
  // The shape of its types; the package is not needed to recognise them.
  interface Weather {
    readonly type: 'object'
    readonly static: { city: string }
    readonly params: unknown[]
    readonly [option: string]: unknown
  }
  const execute = (input: Infer<Weather>) => expectTypeOf(input).toEqualTypeOf<{ city: string }>()
  defineTool({ ...base, inputSchema: {} as Weather, execute })
})

test('a schema that cannot be converted is an error with an explanation', () => {
  const execute = () => null
  // @ts-expect-error: valibot must be wrapped
  defineTool({ ...base, execute, inputSchema: v.object({ city: v.string() }) })
  // @ts-expect-error: an input is an object
  defineTool({ ...base, execute, inputSchema: z.string() })
  // @ts-expect-error: an input is an object
  defineTool({ ...base, execute, inputSchema: Type.String() })
  // @ts-expect-error: valibot must be wrapped
  void runLoop({ model, prompt: '', answer: { schema: v.object({ city: v.string() }) } })
  defineTool({ ...base, execute, inputSchema: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) })
  defineTool({ ...base, execute, inputSchema: Type.Union([Type.Object({ a: Type.String() })]) })
})
