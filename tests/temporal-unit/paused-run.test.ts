import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { packCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { type ActivityRun, type RunOutcome, runInActivity } from '../../lib/temporal/index.ts'
import { readResumable } from '../../lib/temporal/payload-state.ts'
import { emptyCheckpoint } from '../temporal/support/empty-checkpoint.ts'

const answered: RunOutcome = { stop_reason: 'answered', rounds: 5 }
const paused: Checkpoint = { ...emptyCheckpoint, run_id: 'paused', rounds: 1, elapsed_ms: 5_000 }
const newer: Checkpoint = { ...paused, rounds: 2, elapsed_ms: 7_000 }

/** An activity that continues a run, and what its run was given each time. */
async function continueFrom(
  resumeFrom: object | undefined,
  {
    heartbeatDetails,
    refuse = () => undefined,
  }: { heartbeatDetails?: unknown; refuse?: (given: ActivityRun) => unknown } = {},
) {
  const environment = new MockActivityEnvironment({
    heartbeatTimeoutMs: 60_000,
    startToCloseTimeoutMs: 600_000,
    scheduleToCloseTimeoutMs: 0,
    attempt: heartbeatDetails === undefined ? 1 : 2,
    ...(heartbeatDetails === undefined ? {} : { heartbeatDetails }),
  })
  const given: ActivityRun[] = []
  const run = async (activity: ActivityRun): Promise<RunOutcome> => {
    given.push(activity)
    const refusal = refuse(activity)
    if (refusal !== undefined) throw refusal
    return answered
  }
  const activity = () => runInActivity(run, (outcome) => outcome, { resumeFrom: () => resumeFrom as Checkpoint })
  const result: unknown = await environment.run(activity).catch((error: unknown) => error)
  return { result, given }
}

function refusal(code: string): unknown {
  return { name: 'LoopError', code, message: `refused: ${code}` }
}

const details = (checkpoint: unknown) => ({ progress: { doing: 'x' }, checkpoint })

describe('the checkpoint of a paused run', () => {
  test.each([
    ['packed', packCheckpoint(paused)],
    ['plain', paused],
  ])('continues the run, %s: the id stays, and the time before the pause is added to the deadline', async (_, from) => {
    const { result, given } = await continueFrom(JSON.parse(JSON.stringify(from)))
    expect(result).toEqual(answered)
    expect(given).toMatchObject([{ runId: 'paused', resumeFrom: paused, deadlineMs: 545_000 }])
  })

  test('gives way to a newer checkpoint of an earlier attempt', async () => {
    const { given } = await continueFrom(packCheckpoint(paused), { heartbeatDetails: details(packCheckpoint(newer)) })
    expect(given).toMatchObject([{ runId: 'paused', resumeFrom: newer, deadlineMs: 547_000 }])
  })

  test('is used again if the newer one is damaged', async () => {
    const { result, given } = await continueFrom(packCheckpoint(paused), {
      heartbeatDetails: details(packCheckpoint(newer)),
      refuse: ({ resumeFrom }) => (resumeFrom?.rounds === 2 ? refusal('invalid_checkpoint') : undefined),
    })
    expect(result).toEqual(answered)
    expect(given.map(({ resumeFrom }) => resumeFrom?.rounds)).toEqual([2, 1])
  })

  test('is used again if the heartbeat cannot be read', async () => {
    const { given } = await continueFrom(packCheckpoint(paused), { heartbeatDetails: details('cut off') })
    expect(given).toMatchObject([{ runId: 'paused', resumeFrom: paused }])
  })

  test.each([
    ['not a checkpoint', 17],
    ['cut off', { ...packCheckpoint(paused), data: packCheckpoint(paused).data.slice(0, -20) }],
    ['a list', packCheckpoint([1])],
  ])('fails the activity without a retry if it is %s', async (_, from) => {
    const { result, given } = await continueFrom(from as object)
    expect(result).toMatchObject({ type: 'LoopError', nonRetryable: true, details: [{ code: 'invalid_checkpoint' }] })
    expect(result).toMatchObject({ message: expect.stringContaining('`checkpoint`') })
    expect(given).toEqual([])
  })

  test('fails the activity without a retry if the run refuses it as damaged', async () => {
    const { result, given } = await continueFrom(packCheckpoint(paused), {
      refuse: () => refusal('invalid_checkpoint'),
    })
    expect(result).toMatchObject({ type: 'LoopError', nonRetryable: true })
    expect(given).toHaveLength(1)
  })

  test('of another prompt gives a clean start', async () => {
    const { result, given } = await continueFrom(packCheckpoint(paused), {
      refuse: ({ onUnreadableCheckpoint: on }) =>
        on === undefined ? refusal('checkpoint_of_another_prompt') : undefined,
    })
    expect(result).toEqual(answered)
    expect(given[1]).toMatchObject({ runId: 'paused', onUnreadableCheckpoint: 'restart' })
  })

  test('of another prompt fails the activity if the run may have acted', async () => {
    const { result, given } = await continueFrom(packCheckpoint({ ...paused, has_side_effects: true }), {
      refuse: () => refusal('checkpoint_of_another_prompt'),
    })
    expect(result).toMatchObject({ type: 'CheckpointOfAnotherVersion', nonRetryable: true })
    expect(given).toHaveLength(1)
  })
})

test('no checkpoint means a new run', async () => {
  const { given } = await continueFrom(undefined)
  expect(given).toHaveLength(1)
  expect(given[0]).not.toHaveProperty('resumeFrom')
  // Other languages write null for a member that is absent.
  expect(readResumable(null)).toBeUndefined()
})
