import { randomUUID } from 'node:crypto'
import { Context } from '@temporalio/activity'
import { defaultPayloadConverter } from '@temporalio/common'
import { NativeConnection } from '@temporalio/worker'
import { describe, expect, test, vi } from 'vitest'
import { loopActivity } from '../../lib/temporal/index.ts'
import { readProgress } from '../../lib/temporal/progress.ts'
import { startIncident, viewIncident } from '../../workflows/client.ts'
import { createWorker } from '../../workflows/worker.ts'
import { reportFolder } from '../cli/support/report-folder.ts'
import { startProcess } from '../cli/support/start-process.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'
import { temporalForTests } from '../support/temporal-server.ts'
import { busy, getCity, heartbeatTimeout } from './support/one-run.ts'
import { useHarness } from './support/use-harness.ts'

const source = await temporalForTests()

describe.skipIf(source === undefined)('between two attempts of a run', () => {
  const harness = useHarness(source)

  test('a cancellation gets the partial result of the failed attempt', async () => {
    const model = scriptedModel([calls('get_city', {}), busy(14_000)])
    await using worker = await harness.startWorker({
      work: loopActivity(() => ({ model, tools: [getCity], prompt: 'Which city?' })),
    })
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, startToCloseTimeout: '20m' })
    await vi.waitFor(
      async () => {
        const [pending] = (await handle.describe()).raw.pendingActivities ?? []
        const payload = pending?.heartbeatDetails?.payloads?.[0]
        expect(payload && readProgress(defaultPayloadConverter.fromPayload(payload))).toMatchObject({
          doing: 'waiting 14 s for the next attempt: ModelError.rate_limit',
          saved_rounds: 1,
        })
      },
      { timeout: 20_000, interval: 50 },
    )
    await handle.cancel()
    const run = await handle.result()
    expect(run).toMatchObject({ stop_reason: 'failed', rounds: 1, error: { code: 'rate_limit' } })
    expect(JSON.stringify(run)).toContain('Oslo')
    expect(model.requests).toHaveLength(2)
  })

  test('after a worker shutdown the server waits for the rest of the delay', async () => {
    const askedAt: number[] = []
    const model = scriptedModel([
      calls('get_city', {}),
      () => {
        askedAt.push(performance.now())
        throw busy(4_000)
      },
      () => {
        askedAt.push(performance.now())
        return says('Oslo')
      },
    ])
    const activities = { work: loopActivity(() => ({ model, tools: [getCity], prompt: 'Which city?' })) }
    const first = await harness.startWorker(activities)
    const handle = await harness.start(first, 'work', { heartbeatTimeout })
    await vi.waitFor(() => expect(askedAt).toHaveLength(1), { timeout: 20_000 })
    await first[Symbol.asyncDispose]()
    await using _second = await harness.startWorker(activities, first.taskQueue)
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'Oslo', rounds: 2 })
    expect((askedAt[1] ?? 0) - (askedAt[0] ?? 0)).toBeGreaterThanOrEqual(3_990)
  })

  test('the server waits if the attempt has no time for it', async () => {
    const attempts: number[] = []
    const model = scriptedModel([
      calls('get_city', {}),
      () => {
        attempts.push(Context.current().info.attempt)
        throw busy(3_000)
      },
      () => {
        attempts.push(Context.current().info.attempt)
        return says('Oslo')
      },
    ])
    const activities = { work: loopActivity(() => ({ model, tools: [getCity], prompt: 'Which city?' })) }
    await using worker = await harness.startWorker(activities)
    const handle = await harness.start(worker, 'work', { heartbeatTimeout, startToCloseTimeout: '3s' })
    expect(await handle.result()).toMatchObject({ stop_reason: 'answered', answer: 'Oslo', rounds: 2 })
    expect(attempts).toEqual([1, 2])
  })

  test('without a partial result the incident workflow ends as cancelled, and its status says so', async () => {
    const { address, namespace } = harness.server
    const connection = await NativeConnection.connect({ address })
    const taskQueue = `incidents-${randomUUID()}`
    const model = scriptedModel([busy(600_000)])
    await using reports = await reportFolder()
    const reportDirectory = reports.path
    const worker = await createWorker({ connection, namespace, taskQueue, model, reportDirectory })
    await worker.runUntil(async () => {
      const { handle, result, status } = await startIncident('healthy_control', { client: harness.client, taskQueue })
      await vi.waitFor(
        async () => {
          const [pending] = (await handle.describe()).raw.pendingActivities ?? []
          expect(pending?.lastFailure?.message).toBe('busy')
        },
        { timeout: 20_000, interval: 50 },
      )
      expect(await viewIncident(handle)).toMatchObject({ activity: { state: 'SCHEDULED', attempt: 2 } })
      await handle.cancel()
      await expect(result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } })
      expect(await status()).toMatchObject({ step: 'done', stop_reason: 'cancelled' })
      const temporal = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace }
      const watched = await startProcess(['watch', handle.workflowId], temporal).ended
      expect(watched.code).toBe(1)
      expect(watched.stderr).toContain('Cancelled without a result')
      const [{ run = '' } = {}] = await reports.read()
      expect(watched.stderr).toContain(`Report      ${reports.path}/${run}/report.html`)
    })
    await connection.close()
  })
})
