import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { type MockServer, startMockServer } from '../../../lib/testing/index.ts'
import { connectClient, type StartedIncident, startIncident, viewIncident } from '../../../workflows/client.ts'
import { createWorker } from '../../../workflows/worker.ts'
import { startProcess } from '../../cli/support/start-process.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../../support/temporal-server.ts'

const source = await temporalForTests()
let server: TemporalServer
let client: Client
let connection: NativeConnection

/** The only timeout that ends the step: no heartbeat timeout before it, and no time for another attempt. */
const onlyOneAttempt = { start_to_close_ms: 10_000, schedule_to_close_ms: 10_000, heartbeat_ms: 60_000 }

describe.skipIf(source === undefined).concurrent('an agent step that runs out of time with its worker', () => {
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

  test.each<readonly [string, object]>([
    ['schedule-to-close', { ...onlyOneAttempt, start_to_close_ms: 600_000 }],
    ['start-to-close, with no time for another attempt', { ...onlyOneAttempt, schedule_to_close_ms: 10_500 }],
    ['heartbeat, with no time for another attempt', { ...onlyOneAttempt, heartbeat_ms: 9_500 }],
  ])('%s: the workflow completes with the partial result of the last heartbeat', async (_, timeouts) => {
    await using mockServer = await startMockServer({ responder: twoRounds() })
    const { started, taskQueue } = await killInRound(3, mockServer, timeouts)
    await using _worker = await startWorker(taskQueue, mockServer)
    const result = await started.result()
    expect(result).toMatchObject({ stop_reason: 'failed', status: 'unknown' })
    const { run, agent_trace } = result.report?.json ?? {}
    expect(run).toMatchObject({ stop_reason: 'failed', rounds: 2, error: { name: 'TimeoutFailure' } })
    expect(agent_trace?.filter(({ type }) => type === 'tool-end').length).toBeGreaterThan(0)
    expect(result.report?.markdown).toMatch(/Failed:.* activity \w+ timeout/)
    expect((await started.handle.describe()).status.name).toBe('COMPLETED')
    // The recovery asks no model.
    expect(mockServer.requests).toHaveLength(3)
  })

  test('before the first round: the workflow fails with the timeout, and leaves a report', async () => {
    await using mockServer = await startMockServer({ responder: twoRounds(0) })
    const { started, taskQueue } = await killInRound(1, mockServer, onlyOneAttempt)
    await using _worker = await startWorker(taskQueue, mockServer)
    await expect(started.result()).rejects.toMatchObject({ cause: { cause: { name: 'TimeoutFailure' } } })
    expect(await started.status()).toMatchObject({ step: 'done', stop_reason: 'failed' })
  })
})

/** Answers this many calls like the rules of the incident; the next one hangs. */
function twoRounds(rounds = 2) {
  const rules = incidentResponder()
  let asked = 0
  return async (request: Parameters<typeof rules>[0]) => {
    if (++asked > rounds) await delay(120_000, undefined, { signal: request.signal })
    return rules(request)
  }
}

/** Starts an incident on a worker process, and kills the process while it asks the model for this round. */
async function killInRound(round: number, mockServer: MockServer, timeouts: object) {
  const taskQueue = `timeout-${randomUUID()}`
  const worker = startProcess(['worker', '--live'], {
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_TASK_QUEUE: taskQueue,
    MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
    ANTHROPIC_AUTH_TOKEN: 'any-token',
  })
  await worker.until('worker ready')
  const started = await startIncident('kv_cache_pressure', { client, taskQueue, timeouts })
  await vi.waitFor(() => expect(mockServer.requests).toHaveLength(round), { timeout: 60_000 })
  await untilSaved(started, round - 1)
  worker.kill('SIGKILL')
  await worker.ended
  return { started, taskQueue }
}

/** The results of quick calls are stored with the next heartbeat, and here that is far away. */
async function untilSaved({ handle }: StartedIncident, rounds: number): Promise<void> {
  if (rounds === 0) return
  await vi.waitFor(
    async () => {
      const { activity } = await viewIncident(handle)
      expect(activity?.progress?.saved_rounds).toBeGreaterThanOrEqual(rounds)
    },
    { timeout: 8_000, interval: 50 },
  )
}

async function startWorker(taskQueue: string, mockServer: MockServer) {
  const model = minimax({ url: mockServer.url, token: 'any', env: {} })
  const worker = await createWorker({ model, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  return {
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}
