import { setTimeout as delay } from 'node:timers/promises'
import { defaultPayloadConverter } from '@temporalio/common'
import { describe, expect, test, vi } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { RunError } from '../../lib/loop/errors.ts'
import { LoopError } from '../../lib/loop/errors.ts'
import type { LoopEvent } from '../../lib/loop/events.ts'
import { defaultLimits } from '../../lib/loop/limits.ts'
import { type ActivityRun, type RunOutcome, runInActivity } from '../../lib/temporal/index.ts'
import { activityError } from '../support/activity-harness.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { emptyCheckpoint } from './support/empty-checkpoint.ts'
import { heartbeatTimeout } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()

/** An activity around a function that plays the run. */
function activityOf(run: (activity: ActivityRun) => Promise<RunOutcome>) {
  return { work: () => runInActivity(run, (outcome) => outcome) }
}

const checkpoint: Checkpoint = {
  ...emptyCheckpoint,
  rounds: 4,
  messages: [{ role: 'user', json: '{"role":"user","content":"how warm is it?"}' }],
  usage: { input_tokens: 1, output_tokens: 2, cached_input_tokens: 0, reasoning_tokens: 0 },
  elapsed_ms: 10,
}
const pendingCall = { id: 'a', name: 'act', input: {}, repairs: [], begun: 0, call_id: 'r/1/0' }
const overloaded: RunError = {
  name: 'ModelError',
  message: 'busy',
  code: 'overloaded',
  retryable: true,
  retry_after_ms: 1,
}
const unauthorized: RunError = { name: 'ModelError', message: 'who?', code: 'authentication', retryable: false }
const answered: RunOutcome = { stop_reason: 'answered', rounds: 5 }

describe.skipIf(source === undefined)('a run in an activity', () => {
  const harness = useHarness(source)

  test('does not start without a heartbeat timeout', async () => {
    let calls = 0
    await using worker = await harness.startWorker(
      activityOf(async () => {
        calls++
        return answered
      }),
    )
    const error = await activityError(await harness.start(worker, 'work'))
    expect(error).toMatchObject({ type: 'MissingHeartbeatTimeout', nonRetryable: true })
    expect(error.message).toContain('"work" has no heartbeat timeout')
    expect(calls).toBe(0)
  })

  test('can take longer than the heartbeat timeout', async () => {
    const attempts: string[] = []
    await using worker = await harness.startWorker(
      activityOf(async ({ runId }) => {
        attempts.push(runId)
        await delay(7_000)
        return answered
      }),
    )
    const handle = await harness.start(worker, 'work', { heartbeatTimeout: '3s' })
    expect(await handle.result()).toEqual(answered)
    expect(attempts).toHaveLength(1)
  })

  test('resumes from the last checkpoint in the next attempt, with the same run id', async () => {
    const seen: (readonly [string, Checkpoint | undefined])[] = []
    await using worker = await harness.startWorker(
      activityOf(async ({ runId, resumeFrom, onCheckpoint, onEvent }) => {
        seen.push([runId, resumeFrom])
        onEvent(runStart(runId))
        if (seen.length === 1) {
          await onCheckpoint({ ...checkpoint, rounds: 3 })
          await onCheckpoint(checkpoint)
        }
        return seen.length < 3 ? { stop_reason: 'failed', rounds: 0, error: overloaded } : answered
      }),
    )
    expect(await (await harness.start(worker, 'work', { heartbeatTimeout })).result()).toEqual(answered)
    // The second attempt had no checkpoint of its own, so the third one gets that of the first.
    expect(seen.map(([, resumeFrom]) => resumeFrom)).toEqual([undefined, checkpoint, checkpoint])
    expect(new Set(seen.map(([runId]) => runId)).size).toBe(1)
  })

  test('has the full time of its attempt, however long previous attempts took', async () => {
    const deadlines: number[] = []
    await using worker = await harness.startWorker(
      activityOf(async ({ deadlineMs, onCheckpoint }) => {
        deadlines.push(deadlineMs)
        if (deadlines.length > 1) return answered
        await onCheckpoint({ ...checkpoint, elapsed_ms: 3_600_000 })
        return { stop_reason: 'failed', rounds: 0, error: overloaded }
      }),
    )
    await (await harness.start(worker, 'work', { heartbeatTimeout, startToCloseTimeout: '100s' })).result()
    expect(deadlines).toEqual([90_000, 3_690_000])
  })

  test('starts from the beginning if it refuses the checkpoint', async () => {
    const resumed: boolean[] = []
    await using worker = await harness.startWorker(
      activityOf(async ({ resumeFrom, onUnreadableCheckpoint, onCheckpoint }) => {
        resumed.push(resumeFrom !== undefined)
        if (resumed.length === 1) {
          await onCheckpoint(checkpoint)
          return { stop_reason: 'failed', rounds: 0, error: overloaded }
        }
        if (onUnreadableCheckpoint === undefined) throw new LoopError('invalid_checkpoint', 'damaged')
        return answered
      }),
    )
    expect(await (await harness.start(worker, 'work', { heartbeatTimeout })).result()).toEqual(answered)
    expect(resumed).toEqual([false, true, true])
  })

  test('is not retried after an error that is not retryable', async () => {
    let attempts = 0
    await using worker = await harness.startWorker(
      activityOf(async () => {
        attempts++
        return { stop_reason: 'failed', rounds: 0, error: unauthorized }
      }),
    )
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'ModelError.authentication', nonRetryable: true, message: 'who?' })
    expect(attempts).toBe(1)
  })

  test('is not retried if it failed without an error', async () => {
    let attempts = 0
    await using worker = await harness.startWorker(
      activityOf(async () => {
        attempts++
        return { stop_reason: 'failed', rounds: 0 }
      }),
    )
    const error = await activityError(await harness.start(worker, 'work', { heartbeatTimeout }))
    expect(error).toMatchObject({ type: 'RunFailed', nonRetryable: true })
    expect(attempts).toBe(1)
  })

  test('returns its partial result when no attempt is left', async () => {
    let attempts = 0
    const failed: RunOutcome = { stop_reason: 'failed', rounds: 5, error: overloaded }
    await using worker = await harness.startWorker(
      activityOf(async () => {
        attempts++
        return failed
      }),
    )
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, retry: { maximumAttempts: 2 } })
    expect(await handle.result()).toEqual(failed)
    expect(attempts).toBe(2)
  })

  test('shows its progress in the pending activity', async () => {
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    await using worker = await harness.startWorker(
      activityOf(async ({ runId, onEvent, onCheckpoint }) => {
        onEvent({ type: 'round-start', runId, elapsedMs: 1, round: 2, answerOnly: false })
        await onCheckpoint(checkpoint)
        await finished
        return answered
      }),
    )
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    const details = await expectEventually(async () => {
      const payload = (await handle.describe()).raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]
      const decoded: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined
      expect(decoded).toMatchObject({ progress: { round: 2 } })
      return decoded
    })
    expect(details).toMatchObject({
      progress: { attempt: 1, round: 2, doing: 'waiting for the model' },
      checkpoint: { encoding: 'gzip+base64' },
    })
    finish()
    await handle.result()
  })

  test('returns its partial result when it is cancelled', async () => {
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    await using worker = await harness.startWorker(
      activityOf(async ({ signal }) => {
        begun()
        await aborted(signal)
        return { stop_reason: 'cancelled', rounds: 1 }
      }),
    )
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    await running
    await handle.cancel()
    expect(await handle.result()).toEqual({ stop_reason: 'cancelled', rounds: 1 })
  })

  test('is shown as cancelled, with its partial result in the details, if it is to fail on a cancellation', async () => {
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    const work = () =>
      runInActivity(
        async ({ signal }): Promise<RunOutcome> => {
          begun()
          await aborted(signal)
          return { stop_reason: 'cancelled', rounds: 1 }
        },
        (outcome) => outcome,
        { onCancel: 'fail' },
      )
    await using worker = await harness.startWorker({ work })
    const handle = await harness.start(worker, 'work', { heartbeatTimeout })
    await running
    await handle.cancel()
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } })
    expect((await handle.describe()).status.name).toBe('CANCELLED')
    const { events } = await handle.fetchHistory()
    const payload = events?.flatMap((event) => event.activityTaskCanceledEventAttributes?.details?.payloads ?? [])[0]
    expect(payload && defaultPayloadConverter.fromPayload(payload)).toEqual({ stop_reason: 'cancelled', rounds: 1 })
  })

  test('waits for the server before calls with side effects, and not before others', async () => {
    const order: string[] = []
    await using worker = await harness.startWorker(
      activityOf(async ({ onCheckpoint, signal }) => {
        await onCheckpoint({ ...checkpoint, pending: [pendingCall] }, { sideEffects: true })
        order.push('stored')
        await onCheckpoint({ ...checkpoint, pending: [pendingCall] }, { sideEffects: false })
        order.push(signal.aborted ? 'aborted' : 'running')
        return answered
      }),
    )
    await (await harness.start(worker, 'work', { heartbeatTimeout })).result()
    expect(order).toEqual(['stored', 'running'])
  })

  test('continues in another worker when its own shuts down', async () => {
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    const first = await harness.startWorker(
      activityOf(async ({ signal, onCheckpoint }) => {
        await onCheckpoint(checkpoint)
        begun()
        await aborted(signal)
        return { stop_reason: 'cancelled', rounds: 4 }
      }),
    )
    const handle = await harness.start(first, 'work', { heartbeatTimeout })
    await running
    await first[Symbol.asyncDispose]()
    let resumed: Checkpoint | undefined
    await using _second = await harness.startWorker(
      activityOf(async ({ resumeFrom }) => {
        resumed = resumeFrom
        return answered
      }),
      first.taskQueue,
    )
    expect(await handle.result()).toEqual(answered)
    expect(resumed).toEqual(checkpoint)
  })
})

/** Without this event a failure counts as caused by the checkpoint. */
function runStart(runId: string): LoopEvent {
  const begun = { model: 'm', provider: 'p', tools: [], limits: defaultLimits, resumedRounds: 0 }
  return { type: 'run-start', runId, elapsedMs: 0, ...begun }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function expectEventually<T>(check: () => Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 50 })
}
