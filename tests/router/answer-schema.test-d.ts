import { expectTypeOf, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
import type { ObjectSchema, SchemaObject } from '../../router/schema-object.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const model = scriptedModel([])

test('the answer has the type of its schema, also in the check', async () => {
  const run = await runLoop({
    model,
    prompt: '',
    answer: {
      schema: {
        type: 'object',
        properties: { celsius: { type: 'number' } },
        required: ['celsius'],
        additionalProperties: false,
      },
      check: (answer) => {
        expectTypeOf(answer).toEqualTypeOf<{ celsius: number }>()
        return []
      },
    },
  })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number }>()
})

test('a typo in the check or on the answer is an error with a closed schema', async () => {
  const schema = {
    type: 'object',
    properties: { celsius: { type: 'number' } },
    required: ['celsius'],
    additionalProperties: false,
  } as const
  // @ts-expect-error: misspelt
  void runLoop({ model, prompt: '', answer: { schema, check: ({ celcius }) => [celcius] } })
  const run = await runLoop({
    model,
    prompt: '',
    answer: {
      schema,
      // @ts-expect-error: misspelt
      check: (answer) => (answer.celcius > 60 ? ['too warm'] : []),
    },
  })
  // @ts-expect-error: misspelt
  if (run.stopReason === 'answered') void run.answer.celcius
})

test('an answer schema that is built at run time has its declared type', async () => {
  const schema: ObjectSchema = { type: 'object', properties: {} }
  const run = await runLoop({ model, prompt: '', answer: { schema } })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<{ [name: string]: unknown }>()
  const unknown: SchemaObject = { anyOf: [schema] }
  const other = await runLoop({ model, prompt: '', answer: { schema: unknown } })
  if (other.stopReason === 'answered') expectTypeOf(other.answer).toEqualTypeOf<unknown>()
})

test('without a schema the answer is text', async () => {
  const run = await runLoop({ model, prompt: '' })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<string>()
})

test('a misspelt keyword in an answer schema is an error', () => {
  // @ts-expect-error: at the root
  void runLoop({ model, prompt: '', answer: { schema: { type: 'object', propertes: {} } } })
  // @ts-expect-error: in a property
  void runLoop({ model, prompt: '', answer: { schema: { type: 'object', properties: { a: { typ: 'string' } } } } })
  // @ts-expect-error: in items
  void runLoop({ model, prompt: '', answer: { schema: { type: 'array', items: { type: 'string', formt: 'date' } } } })
})
