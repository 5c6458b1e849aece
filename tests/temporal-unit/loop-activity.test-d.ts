import { proxyActivities } from '@temporalio/workflow'
import { expectTypeOf, test } from 'vitest'
import { loopActivity } from '../../lib/temporal/index.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const model = scriptedModel([])
const schema = {
  type: 'object',
  properties: { celsius: { type: 'number' } },
  required: ['celsius'],
  additionalProperties: false,
} as const

const activities = {
  text: loopActivity((city: string) => ({ model, prompt: city })),
  typed: loopActivity((city: string) => ({ model, prompt: city, answer: { schema } })),
  later: loopActivity(async (city: string) => ({ model, prompt: city, answer: { schema } })),
  inline: loopActivity((city: string) => ({
    model,
    prompt: city,
    answer: {
      schema: {
        type: 'object',
        properties: { sky: { enum: ['clear', 'grey'] } },
        required: ['sky'],
        additionalProperties: false,
      },
      check: ({ sky }) => (sky === 'clear' ? [] : ['look again']),
    },
  })),
  nothing: loopActivity(() => ({ model, prompt: 'Which day is it?' })),
  two: loopActivity((city: string, days: number) => ({ model, prompt: `${city}, ${days}` })),
}
const proxied = proxyActivities<typeof activities>({ heartbeatTimeout: '20s', startToCloseTimeout: '5m' })

test('in the workflow an answer has the type of its schema', async () => {
  const [text, typed, later, inline] = await Promise.all([
    proxied.text('Oslo'),
    proxied.typed('Oslo'),
    proxied.later('Oslo'),
    proxied.inline('Oslo'),
  ])
  if (text.stopReason === 'answered') expectTypeOf(text.answer).toEqualTypeOf<string>()
  if (typed.stopReason === 'answered') expectTypeOf(typed.answer).toEqualTypeOf<{ celsius: number }>()
  if (later.stopReason === 'answered') expectTypeOf(later.answer).toEqualTypeOf<{ celsius: number }>()
  if (inline.stopReason === 'answered') expectTypeOf(inline.answer).toEqualTypeOf<{ sky: 'clear' | 'grey' }>()
})

test('an activity takes the arguments that its options are made of', () => {
  expectTypeOf(proxied.nothing).parameters.toEqualTypeOf<[]>()
  expectTypeOf(proxied.text).parameters.toEqualTypeOf<[city: string]>()
  expectTypeOf(proxied.two).parameters.toEqualTypeOf<[city: string, days: number]>()
})

test('what the activity sets itself cannot be given', () => {
  // @ts-expect-error: the run id is the same in every attempt
  loopActivity(() => ({ model, prompt: '', runId: 'mine' }))
})
