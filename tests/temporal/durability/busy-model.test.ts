import { randomUUID } from 'node:crypto'
import type { Client, WorkflowHandle } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import type { Model } from '../../../lib/loop/model.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { faults, type MockServer, startMockServer } from '../../../lib/testing/index.ts'
import { neutralIncident } from '../../../tools/neutral-incident.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import { connectClient, startIncident } from '../../../workflows/client.ts'
import type { AgentStepTimeouts } from '../../../workflows/retries-and-timeouts.ts'
import { createWorker } from '../../../workflows/worker.ts'
import { type LocalServer, replyJson, startLocalServer } from '../../minimax/support/local-server.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../../support/temporal-server.ts'

const source = await temporalForTests()
let server: TemporalServer
let client: Client
let connection: NativeConnection

describe.skipIf(source === undefined)('incidents on a worker with two slots', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    client = await connectClient(server)
    connection = await NativeConnection.connect({ address: server.address })
  })
  afterAll(async () => {
    await client?.connection.close()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test('all get their answer and their report when many more than the slots are started at once', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder(), latencyMs: 50 })
    await using worker = await startWorker(minimax({ url: mockServer.url, token: 'any' }))
    const started = await Promise.all(Array.from({ length: 12 }, () => start('kv_cache_pressure', worker)))
    for (const incident of started) {
      expect(await incident.result()).toMatchObject({ stop_reason: 'answered', status: 'improved' })
    }
  })

  test('leave their slots to others while they wait for a rate limit that is longer than 15 s', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    await using limiter = await rateLimiter('600')
    await using worker = await startWorker(limited(mockServer, limiter))
    const waiting = await Promise.all([start('nvidia_xid', worker), start('nvidia_xid', worker)])
    for (const { handle } of waiting) {
      const { attempt, lastFailure, delayMs } = await waitingAttempt(handle)
      expect({ attempt, lastFailure }).toEqual({ attempt: 2, lastFailure: expect.stringContaining('rate limit') })
      // The server's time, and a random part of up to a tenth and 500 ms.
      expect(delayMs).toBeGreaterThan(599_000)
      expect(delayMs).toBeLessThan(670_000)
    }
    const other = await start('kv_cache_pressure', worker)
    expect(await other.result()).toMatchObject({ stop_reason: 'answered', status: 'improved' })
    expect(limiter.bodies).toHaveLength(2)
    for (const { handle } of waiting) await handle.terminate('end of the test')
  })

  test('leave even a short wait to Temporal while no slot is free, and continue after it', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    await using limiter = await rateLimiter('3')
    await using worker = await startWorker(limited(mockServer, limiter, 1), 1)
    const { handle, result } = await start('nvidia_xid', worker)
    const { delayMs } = await waitingAttempt(handle)
    expect(delayMs).toBeGreaterThan(2_900)
    expect(await result()).toMatchObject({ stop_reason: 'answered' })
    expect(await startedAttempts(handle)).toEqual([2])
    expect(limiter.bodies).toHaveLength(1)
  })

  test('wait at most one hour, whatever the server asks for, and the failure says so', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    await using limiter = await rateLimiter('86400')
    await using worker = await startWorker(limited(mockServer, limiter, 1))
    const { handle } = await start('nvidia_xid', worker, {
      start_to_close_ms: 9_000_000,
      schedule_to_close_ms: 90_000_000,
    })
    const { lastFailure, delayMs } = await waitingAttempt(handle)
    expect(lastFailure).toContain('retry after 86400 s, limited to 3600 s')
    expect(delayMs).toBeGreaterThan(3_500_000)
    expect(delayMs).toBeLessThan(3_610_000)
    await handle.terminate('end of the test')
  })

  test('are answered in one attempt although every model call fails once', async () => {
    const failing = [1, 3, 5, 7, 9].map((number) => faults.at(number, faults.errorReply('529')))
    await using mockServer = await startMockServer({ responder: incidentResponder(), faults: failing })
    await using worker = await startWorker(minimax({ url: mockServer.url, token: 'any' }))
    const { handle, result } = await start('kv_cache_pressure', worker)
    expect(await result()).toMatchObject({ stop_reason: 'answered', status: 'improved' })
    const failed = mockServer.requests.filter((request) => (request.faults ?? []).length > 0).length
    console.log(`model calls failed once: ${failed} of ${mockServer.requests.length - failed}`)
    expect(failed).toBeGreaterThan(2)
    expect(await startedAttempts(handle)).toEqual([1])
  })
})

async function startWorker(model: Model, concurrency = 2) {
  const taskQueue = `busy-${randomUUID()}`
  const worker = await createWorker({ model, concurrency, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  return {
    taskQueue,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}

function start(scenario: string, { taskQueue }: { readonly taskQueue: string }, timeouts?: AgentStepTimeouts) {
  return startIncident(scenario, { client, taskQueue, ...(timeouts && { timeouts }) })
}

/** An endpoint that refuses every request with HTTP 429 and this header. */
function rateLimiter(retryAfter: string): Promise<LocalServer> {
  return startLocalServer((_request, response) => {
    const error = { type: 'rate_limit_error', message: 'rate limit exceeded (1002)' }
    replyJson(response, 429, { type: 'error', error }, { 'retry-after': retryAfter })
  })
}

/**
 * A model whose later calls for the scenario `nvidia_xid` go to the limiter, the given number of times. The first of them
 * wait for each other, so that all slots are taken when they are refused.
 */
function limited(mockServer: MockServer, limiter: LocalServer, refusals = Number.POSITIVE_INFINITY): Model {
  const model = minimax({ url: mockServer.url, token: 'any', env: {} })
  const refused = minimax({ url: limiter.url, token: 'any', env: {} })
  let asked = 0
  return {
    name: model.name,
    provider: model.provider,
    textFormat: model.textFormat,
    async complete(request) {
      const isFirst = !request.messages.some(({ role }) => role === 'assistant')
      const isLimited = request.messages.some(({ json }) =>
        json.includes(neutralIncident(builtInScenarios, 'nvidia_xid').id),
      )
      if (isFirst || !isLimited || asked >= refusals) return model.complete(request)
      asked++
      await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(Math.min(refusals, 2)), { timeout: 30_000 })
      return refused.complete(request)
    },
  }
}

/** The agent step of a workflow when it waits on the server for its next attempt. */
function waitingAttempt(handle: WorkflowHandle) {
  return vi.waitFor(
    async () => {
      const [pending] = (await handle.describe()).raw.pendingActivities ?? []
      expect(pending?.lastFailure?.message).toBeTruthy()
      const delayMs = msOf(pending?.scheduledTime) - msOf(pending?.lastAttemptCompleteTime)
      return { attempt: pending?.attempt, lastFailure: pending?.lastFailure?.message, delayMs }
    },
    { timeout: 60_000, interval: 50 },
  )
}

function msOf(time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1_000_000
}

/** Attempts with which the activities of a workflow were started for the last time. */
async function startedAttempts(handle: WorkflowHandle): Promise<readonly number[]> {
  const { events } = await handle.fetchHistory()
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: one }) => (one ? [one.attempt ?? 0] : []))
}
