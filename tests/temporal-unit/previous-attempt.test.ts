import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { packCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { loopActivity } from '../../lib/temporal/index.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

/** The id of the run in a mock environment. */
const runId = '00000000-0000-0000-0000-000000000000-test'

/** A checkpoint after one call of the tool `work`. */
async function checkpointOf(id: string, hasSideEffects: boolean, prompt = 'Work.'): Promise<Checkpoint> {
  const taken: Checkpoint[] = []
  await runLoop({
    model: scriptedModel([calls('work', {}), says('Done.')]),
    tools: [
      emptyTool({ name: 'work', execute: () => 1, ...(hasSideEffects ? {} : { annotations: { readOnlyHint: true } }) }),
    ],
    prompt,
    runId: id,
    onCheckpoint: (at) => taken.push(at),
  })
  return taken[1] as Checkpoint
}

/** The outcome of a second attempt after one that left these heartbeat details. */
async function attemptAfter(heartbeatDetails: unknown) {
  const environment = new MockActivityEnvironment({
    heartbeatTimeoutMs: 60_000,
    startToCloseTimeoutMs: 600_000,
    scheduleToCloseTimeoutMs: 0,
    attempt: 2,
    heartbeatDetails,
  })
  const model = scriptedModel([says('Done.')])
  const tools = [emptyTool({ name: 'work', execute: () => 1 })]
  const result = await environment.run(loopActivity(() => ({ model, tools, prompt: 'Work.' }))).catch((e: unknown) => e)
  return { result, asked: model.requests.length }
}

const details = (checkpoint: unknown) => ({ progress: { doing: 'x' }, checkpoint })

describe('heartbeat details of the previous attempt', () => {
  test('of this run are continued', async () => {
    const { result } = await attemptAfter(details(packCheckpoint(await checkpointOf(runId, true))))
    expect(result).toMatchObject({ stop_reason: 'answered', rounds: 2 })
  })

  test('of another run without side effects give a clean start with a warning in the trace', async () => {
    const { result } = await attemptAfter(details(packCheckpoint(await checkpointOf('other', false))))
    expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1, run_id: runId })
    const message = expect.stringMatching(/starts again.*the run "other"/)
    expect(result).toMatchObject({
      trace: expect.arrayContaining([expect.objectContaining({ type: 'warning', message })]),
    })
  })

  test('of another run with side effects fail the activity, and no retry follows', async () => {
    const { result, asked } = await attemptAfter(details(packCheckpoint(await checkpointOf('other', true))))
    expect(result).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
    expect(result).toMatchObject({ message: expect.stringContaining('the run "other"') })
    expect(asked).toBe(0)
  })

  test('of another prompt without side effects give a clean start with a warning in the trace', async () => {
    const { result } = await attemptAfter(details(packCheckpoint(await checkpointOf(runId, false, 'Play.'))))
    expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1, run_id: runId })
    const message = expect.stringMatching(/starts again.*prompt/)
    expect(result).toMatchObject({
      trace: expect.arrayContaining([expect.objectContaining({ type: 'warning', message })]),
    })
  })

  test('of another prompt with side effects fail the activity, and no retry follows', async () => {
    const { result, asked } = await attemptAfter(details(packCheckpoint(await checkpointOf(runId, true, 'Play.'))))
    expect(result).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
    expect(result).toMatchObject({
      message: expect.stringMatching(
        /another prompt\..*may have had side effects: work \(\S+-test\/1\/0\/[0-9a-f]{16}\)\..*start a new workflow/,
      ),
    })
    expect(asked).toBe(0)
  })

  test.each([true, false])(
    'that are cut off: the activity fails if tools with side effects were started (%s)',
    async (acted) => {
      const packed = packCheckpoint(await checkpointOf(runId, acted))
      const { result, asked } = await attemptAfter(details({ ...packed, data: packed.data.slice(0, -40) }))
      if (acted) expect(result).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
      else expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1 })
      expect(asked).toBe(acted ? 0 : 1)
    },
  )

  test.each([true, false])('with a damaged checkpoint: the same (%s)', async (acted) => {
    const damaged = { ...(await checkpointOf(runId, acted)), results: [] }
    const { result } = await attemptAfter(details(packCheckpoint(damaged)))
    if (acted) expect(result).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
    else expect(result).toMatchObject({ stop_reason: 'answered', rounds: 1 })
  })

  test('of other code give a clean start with a warning in the trace', async () => {
    const { result } = await attemptAfter({ cursor: 7 })
    const message = expect.stringContaining('starts again')
    expect(result).toMatchObject({
      stop_reason: 'answered',
      trace: expect.arrayContaining([expect.objectContaining({ message })]),
    })
  })
})
