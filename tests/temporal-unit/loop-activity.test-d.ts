import type { WorkerOptions } from '@temporalio/worker'
import { proxyActivities } from '@temporalio/workflow'
import { expectTypeOf, test } from 'vitest'
import {
  type Decision,
  loopActivity,
  type PackedCheckpoint,
  type PackedMessages,
  takeoverWorkerOptions,
} from '../../lib/temporal/index.ts'
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
  pausing: loopActivity((input: { checkpoint?: PackedCheckpoint; decisions?: Record<string, Decision> }) => ({
    model,
    prompt: 'Pay.',
    approve: ({ tool }) => (tool === 'pay' ? 'pause' : 'run'),
    resumeFrom: input.checkpoint,
    decisions: input.decisions,
  })),
  chat: loopActivity((input: { history: PackedMessages | undefined }) => ({ model, prompt: 'And?', ...input }), {
    messages: true,
  }),
  two: loopActivity((city: string, days: number) => ({ model, prompt: `${city}, ${days}` })),
}
const proxied = proxyActivities<typeof activities>({ heartbeatTimeout: '20s', startToCloseTimeout: '5m' })

test('in the workflow the answer has the type of its schema', async () => {
  const [text, typed, later, inline] = await Promise.all([
    proxied.text('Oslo'),
    proxied.typed('Oslo'),
    proxied.later('Oslo'),
    proxied.inline('Oslo'),
  ])
  if (text.stop_reason === 'answered') expectTypeOf(text.answer).toEqualTypeOf<string>()
  if (typed.stop_reason === 'answered') expectTypeOf(typed.answer).toEqualTypeOf<{ celsius: number }>()
  if (later.stop_reason === 'answered') expectTypeOf(later.answer).toEqualTypeOf<{ celsius: number }>()
  if (inline.stop_reason === 'answered') expectTypeOf(inline.answer).toEqualTypeOf<{ sky: 'clear' | 'grey' }>()
})

test('the activity takes the arguments of its options function', () => {
  expectTypeOf(proxied.nothing).parameters.toEqualTypeOf<[]>()
  expectTypeOf(proxied.text).parameters.toEqualTypeOf<[city: string]>()
  expectTypeOf(proxied.two).parameters.toEqualTypeOf<[city: string, days: number]>()
})

test('a paused run has its calls and a checkpoint, which the activity takes again', async () => {
  let run = await proxied.pausing({})
  while (run.stop_reason === 'paused') {
    expectTypeOf(run.pending[0]?.input).toEqualTypeOf<unknown>()
    run = await proxied.pausing({ checkpoint: run.checkpoint, decisions: { id: { deny: 'No.' } } })
  }
  expectTypeOf(run.stop_reason).not.toEqualTypeOf<string>()
  // @ts-expect-error: the run is over
  run.checkpoint
})

test('with the setting messages, a run that is over has its messages', async () => {
  const run = await proxied.chat({ history: undefined })
  if (run.stop_reason === 'paused') return
  expectTypeOf(run.messages).toEqualTypeOf<PackedMessages>()
  await proxied.chat({ history: run.messages })
  const text = await proxied.text('Oslo')
  // @ts-expect-error: the setting is off
  text.messages
})

test('options that the activity sets itself are rejected', () => {
  // @ts-expect-error: the run id is the same in every attempt
  loopActivity(() => ({ model, prompt: '', runId: 'mine' }))
})

test('takeoverWorkerOptions are options of a worker', () => {
  takeoverWorkerOptions satisfies Partial<WorkerOptions>
})
