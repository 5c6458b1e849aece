import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { openIncident, runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { type Incident, scenarioSource } from '../../tools/index.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { createWorker, type WorkerSettings, workflowsPath } from '../../workflows/worker.ts'
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
    await writeFile(join(folder, 'notes.md'), 'nothing\n')
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
    expect(generated).toMatchObject({ scenario: 'our_incident', stop_reason: 'answered', status: 'unchanged' })
    expect(comparable(generated.report?.json)).toEqual(comparable(alone.report.json))
    expect(JSON.stringify(generated.report?.json)).toContain('Xid')
  })

  test('a worker without the folder gives the same report for an incident that travels with the workflow', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    const model = minimax({ url: mockServer.url, token: 'any' })
    const incident = await openIncident(folder)
    const alone = await runIncident('our_incident', { model, scenarios: scenarioSource([incident]) })
    await using started = await start({ model }, incident)
    const generated = await started.result()
    expect(generated).toMatchObject({ scenario: 'our_incident', stop_reason: 'answered' })
    expect(comparable(generated.report?.json)).toEqual(comparable(alone.report.json))
    expect(generated.report?.markdown).toContain('notes.md')
    const history = await started.handle.fetchHistory()
    const logger = new DefaultLogger('ERROR')
    const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger })
    await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined()
  })

  test('an incident that is no incident fails the workflow at once', async () => {
    await using worker = await startWorker({ model: () => minimax({ token: 'any' }) })
    const failure = async (incident: unknown) => {
      const args = [{ scenario: 'our_incident', incident }]
      const { taskQueue } = worker
      const handle = await client.workflow.start('latencyWorkflow', { args, taskQueue, workflowId: randomUUID() })
      return activityError(handle)
    }
    const damaged = { encoding: 'gzip+base64', data: 'AAAA' }
    expect(await failure(damaged)).toMatchObject({ type: 'IncidentPayloadError', nonRetryable: true })
    expect(await failure('text')).toMatchObject({ type: 'InvalidInput' })
  })

  test('a worker without the folder fails the workflow at once, with the ids that it knows', async () => {
    await using started = await start({ model: () => minimax({ token: 'any' }) })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'UnknownScenarioError' })
    expect(error.message).toContain('kv_cache_pressure')
  })
})

async function startWorker(options: Omit<WorkerSettings, 'taskQueue'>) {
  const taskQueue = `folders-${randomUUID()}`
  const worker = await createWorker({ ...options, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  return {
    taskQueue,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}

async function start(options: Omit<WorkerSettings, 'taskQueue'>, incident: string | Incident = 'our_incident') {
  const worker = await startWorker(options)
  const started = await startIncident(incident, { client, taskQueue: worker.taskQueue })
  return { ...started, [Symbol.asyncDispose]: worker[Symbol.asyncDispose] }
}
