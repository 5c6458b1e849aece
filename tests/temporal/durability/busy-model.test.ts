import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { ModelError } from '../../../lib/loop/errors.ts'
import type { Model } from '../../../lib/loop/model.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { faults, startMockServer } from '../../../lib/testing/index.ts'
import { connectClient, startIncident } from '../../../workflows/client.ts'
import { createWorker } from '../../../workflows/worker.ts'
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

  test('leave their slots to others while they wait for a rate limit', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    const { model, refused } = rateLimited('nvidia_xid', minimax({ url: mockServer.url, token: 'any' }))
    await using worker = await startWorker(model)
    const waiting = await Promise.all([start('nvidia_xid', worker), start('nvidia_xid', worker)])
    await vi.waitFor(() => expect(refused()).toBe(2), { timeout: 60_000 })
    const other = await start('kv_cache_pressure', worker)
    expect(await other.result()).toMatchObject({ stop_reason: 'answered', status: 'improved' })
    expect(refused()).toBe(2)
    for (const { handle } of waiting) await handle.terminate('end of the test')
  })

  test('are answered in one attempt although every second model call fails once', async () => {
    const failing = [1, 4, 7, 10, 13].map((number) => faults.at(number, faults.errorReply('529')))
    await using mockServer = await startMockServer({ responder: incidentResponder(), faults: failing })
    await using worker = await startWorker(minimax({ url: mockServer.url, token: 'any' }))
    const { handle, result } = await start('kv_cache_pressure', worker)
    expect(await result()).toMatchObject({ stop_reason: 'answered', status: 'improved' })
    const failed = mockServer.requests.filter((request) => (request.faults ?? []).length > 0).length
    console.log(`model calls failed once: ${failed} of ${mockServer.requests.length - failed}`)
    expect(failed).toBeGreaterThan(2)
    const { events } = await handle.fetchHistory()
    const starts = (events ?? []).flatMap(({ activityTaskStartedEventAttributes: one }) => (one ? [one.attempt] : []))
    expect(starts).toEqual([1])
  })
})

async function startWorker(model: Model) {
  const taskQueue = `busy-${randomUUID()}`
  const worker = await createWorker({ model, concurrency: 2, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  return {
    taskQueue,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}

function start(scenario: string, { taskQueue }: { readonly taskQueue: string }) {
  return startIncident(scenario, { client, taskQueue })
}

/** A model that refuses the second call of every run of a scenario, with a wait of ten minutes. */
function rateLimited(scenario: string, model: Model) {
  let count = 0
  const limited: Model = {
    ...model,
    complete(request) {
      const isLater = request.messages.some(({ role }) => role === 'assistant')
      if (!isLater || !request.messages.some(({ json }) => json.includes(scenario))) return model.complete(request)
      count++
      const message = 'rate limit exceeded'
      return Promise.reject(new ModelError(message, { code: 'rate_limit', retryable: true, retryAfterMs: 600_000 }))
    },
  }
  return { model: limited, refused: () => count }
}
