import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listScenarios, type Report, runIncident } from '../../lib/incident/index.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { incidentResponder, startStandIn } from '../../lib/testing/index.ts'
import type { ActivityOptions } from '../../workflows/activities.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { createWorker } from '../../workflows/worker.ts'
import { activityError } from '../support/activity-harness.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'

const source = await temporalForTests()
let server: TemporalServer
let client: Client
let connection: NativeConnection
let folder: string

describe.skipIf(source === undefined)('latencyWorkflow', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    client = await connectClient(server)
    connection = await NativeConnection.connect({ address: server.address })
    folder = await mkdtemp(join(tmpdir(), 'tenrounds-reports-'))
  })
  afterAll(async () => {
    await client?.connection.close()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true })
  })

  test('gives the same report as runIncident', async () => {
    await using standIn = await startStandIn({ responder: incidentResponder() })
    const model = minimax({ url: standIn.url, token: 'any' })
    const notice = 'No model was involved.'
    const alone = await runIncident('kv_cache_pressure', { model, notice })
    const requestsAlone = standIn.requests.length

    await using started = await start('kv_cache_pressure', { model, notice, reportDirectory: folder })
    const generated = await started.result()
    expect(generated).toMatchObject({ scenario: 'kv_cache_pressure', stop_reason: 'answered', status: 'improved' })
    expect(comparable(generated.report.json)).toEqual(comparable(alone.report.json))
    expect(generated.report.markdown).toContain(notice)
    expect(withoutTimes(generated.report)).toBe(withoutTimes(alone.report))
    expect(standIn.requests.length).toBe(2 * requestsAlone)
    expect(await started.status()).toEqual({
      scenario: 'kv_cache_pressure',
      step: 'done',
      stop_reason: 'answered',
      status: 'improved',
    })

    const written = generated.report_directory ?? ''
    expect(JSON.parse(await readFile(join(written, 'report.json'), 'utf8'))).toEqual(generated.report.json)
    expect(await readFile(join(written, 'report.md'), 'utf8')).toBe(generated.report.markdown)
  })

  test('fails once, with the ids, for a scenario that does not exist', async () => {
    await using started = await start('no_such_scenario', { model: () => minimax({ token: 'any' }) })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'UnknownScenarioError' })
    for (const id of listScenarios()) expect(error.message).toContain(id)
  })

  test('does not ask again with a token that was refused', async () => {
    await using standIn = await startStandIn({ responder: incidentResponder(), token: 'right' })
    await using started = await start('kv_cache_pressure', {
      model: minimax({ url: standIn.url, token: 'wrong-token' }),
    })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'ModelError.authentication', nonRetryable: true })
    expect(standIn.requests).toHaveLength(1)
  })

  test('leaves the model when it is cancelled, and reports what it has', async () => {
    await using standIn = await startStandIn({ responder: incidentResponder(), latencyMs: 60_000 })
    await using started = await start('kv_cache_pressure', { model: minimax({ url: standIn.url, token: 'any' }) })
    await vi.waitFor(() => expect(standIn.requests).toHaveLength(1), { timeout: 20_000 })
    await started.handle.cancel()
    const generated = await started.result()
    expect(generated).toMatchObject({ stop_reason: 'cancelled', status: 'unknown' })
    await vi.waitFor(() => expect(standIn.requests[0]?.outcome).toBe('abandoned'))
    expect(standIn.requests).toHaveLength(1)
  })
})

/** Starts a worker of its own and the workflow on it. */
async function start(scenario: string, options: ActivityOptions) {
  const taskQueue = `incidents-${randomUUID()}`
  const worker = await createWorker({ ...options, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  const started = await startIncident(scenario, { client, taskQueue })
  return {
    ...started,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}

/** Two runs differ in their ids and in how long things took. */
function comparable(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    /^(run_id|(duration|elapsed)_ms)$/.test(key) ? undefined : value,
  )
}

function withoutTimes({ json, markdown }: Report): string {
  return markdown.replaceAll(json.agent_trace.run_id, 'RUN').replace(/\b[\d.]+ m?s\b/g, 'TIME')
}
