import type { Context } from '@temporalio/activity'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { CheckpointStep } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { unpackCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { HeartbeatState } from '../../lib/temporal/heartbeat-state.ts'
import { payloadLimitBytes } from '../../lib/temporal/payload.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { seededText } from '../support/seeded-text.ts'

/** The state of an attempt after the last checkpoint of a run. The call returns text that does not compress. */
async function stateAfter(limits: { readonly resultBytes: number }, length: number) {
  const warnings: string[] = []
  const context = { info: { attempt: 1 }, log: { warn: (message: string) => warnings.push(message) } }
  const state = new HeartbeatState(context as unknown as Context)
  const taken: [Checkpoint, CheckpointStep][] = []
  await runLoop({
    model: scriptedModel([calls('export', {}), says('Done.')]),
    tools: [emptyTool({ name: 'export', execute: () => ({ rows: seededText(length)(length) }) })],
    prompt: 'Export.',
    limits: { messageBytes: 16_000_000, ...limits },
    onCheckpoint: (...one) => taken.push(one),
  })
  for (const [checkpoint, { shrink }] of taken) {
    state.onCheckpoint(checkpoint, shrink)
    // Sent in a heartbeat.
    void state.details
  }
  return { state, warnings }
}

test('a checkpoint that is too large for a heartbeat loses values of results until it fits', async () => {
  const { state, warnings } = await stateAfter({ resultBytes: 1_000 }, 4_000_000)
  expect(state.isTooLarge).toBe(false)
  const { progress, checkpoint } = state.details
  expect(progress).toMatchObject({ saved_rounds: 2, problem: '' })
  expect(checkpoint?.data.length).toBeLessThanOrEqual(payloadLimitBytes)
  expect(unpackCheckpoint({ checkpoint })).toMatchObject({ checkpoint: { results: [{ dropped: 'value' }] } })
  expect(warnings).toEqual([])
})

test('values are also dropped if the messages alone nearly fill the heartbeat', async () => {
  const { state } = await stateAfter({ resultBytes: 1_200_000 }, 1_600_000)
  expect(state.isTooLarge).toBe(false)
  expect(state.details.progress).toMatchObject({ saved_rounds: 2 })
})

test('if the messages alone are too large, log and progress say so, and the checkpoint before stays', async () => {
  const { state, warnings } = await stateAfter({ resultBytes: 4_000_000 }, 4_000_000)
  expect(state.isTooLarge).toBe(true)
  expect(state.details.progress.problem).toContain('too large for a heartbeat')
  expect(warnings).toEqual([expect.stringContaining('too large for a heartbeat')])
})
