import { expectTypeOf, test } from 'vitest'
import {
  type Checkpoint,
  type Decision,
  type PartialAnswer,
  type Run,
  type RunError,
  type RunOptions,
  runLoop,
  type WaitingCall,
} from '../../lib/index.ts'
import { scriptedModel } from '../support/scripted-model.ts'

const schema = {
  type: 'object',
  properties: { celsius: { type: 'number' } },
  required: ['celsius'],
  additionalProperties: false,
} as const

test('the stop reason of a run tells its members', async () => {
  const run = await runLoop({ model: scriptedModel([]), prompt: '', answer: { schema } })
  if (run.stopReason === 'answered') expectTypeOf(run.answer).toEqualTypeOf<{ celsius: number }>()
  // Both can be read without a look at the stop reason.
  expectTypeOf(run.error).toEqualTypeOf<RunError | undefined>()
  expectTypeOf(run.partial).toEqualTypeOf<PartialAnswer | undefined>()
  if (run.stopReason === 'paused') {
    expectTypeOf(run.pending).toEqualTypeOf<readonly WaitingCall[]>()
    expectTypeOf(run.checkpoint).toEqualTypeOf<Checkpoint>()
    expectTypeOf(run.error).toEqualTypeOf<undefined>()
    // @ts-expect-error: a paused run has no answer
    run.answer
  }
  if (run.stopReason === 'failed') {
    // @ts-expect-error: nothing waits
    run.pending
  }
})

test('the checkpoint and the messages of a run fit the options of the next one', () => {
  const options = (run: Extract<Run, { stopReason: 'paused' }>): RunOptions => ({
    model: scriptedModel([]),
    prompt: '',
    resumeFrom: run.checkpoint,
    history: run.messages,
    decisions: { a: 'run', b: { deny: 'No.' }, c: { value: [1] } },
  })
  expectTypeOf(options).returns.toEqualTypeOf<RunOptions>()
  // @ts-expect-error: no such decision
  const wrong: Decision = 'pause'
  expectTypeOf(wrong).toEqualTypeOf<Decision>()
})
