import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { openIncident, runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { scenarioSource } from '../../tools/index.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { createWorker, type WorkerSettings } from '../../workflows/worker.ts'
import { activityError } from '../support/activity-harness.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { comparable } from './support/comparable.ts'

const source = await temporalForTests()
let server: TemporalServer
let client: Client
let connection: NativeConnection
let folder: string

describe.skipIf(source === undefined)('an incident folder in a workflow', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    client = await connectClient(server)
    connection = await NativeConnection.connect({ address: server.address })
    folder = await mkdtemp(join(tmpdir(), 'incident-'))
    const scenario = loadScenario('nvidia_xid')
    for (const log of ['vllm', 'dmesg', 'journal'] as const) {
      await writeFile(join(folder, `${log}.log`), `${readLog(scenario, log).join('\n')}\n`)
    }
    await writeFile(join(folder, 'incident.yaml'), 'id: our_incident\n')
  })
  afterAll(async () => {
    await client?.connection.close()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
    if (folder) await rm(folder, { recursive: true })
  })

  test('a worker that reads the folder gives the same report as runIncident', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    const model = minimax({ url: mockServer.url, token: 'any' })
    const scenarios = scenarioSource([await openIncident(folder)])
    const alone = await runIncident('our_incident', { model, scenarios })
    await using started = await start({ model, scenarios })
    const generated = await started.result()
    expect(generated).toMatchObject({ scenario: 'our_incident', stop_reason: 'answered', status: 'unknown' })
    expect(comparable(generated.report?.json)).toEqual(comparable(alone.report.json))
    expect(JSON.stringify(generated.report?.json)).toContain('Xid')
  })

  test('a worker without the folder fails the workflow at once, with the ids that it knows', async () => {
    await using started = await start({ model: () => minimax({ token: 'any' }) })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'UnknownScenarioError' })
    expect(error.message).toContain('kv_cache_pressure')
  })
})

async function start(options: Omit<WorkerSettings, 'taskQueue'>) {
  const taskQueue = `folders-${randomUUID()}`
  const worker = await createWorker({ ...options, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  const started = await startIncident('our_incident', { client, taskQueue })
  return {
    ...started,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}
