import { expectTypeOf, test } from 'vitest'
import { runLoop } from '../../lib/loop/run-loop.ts'
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
