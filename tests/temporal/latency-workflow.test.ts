import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listScenarios, type Report, runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { faults, faultTable, startMockServer } from '../../lib/testing/index.ts'
import { neutralIncident } from '../../tools/neutral-incident.ts'
import { builtInScenarios } from '../../tools/scenario-source.ts'
import { connectClient, startIncident, viewIncident } from '../../workflows/client.ts'
import type { AgentStepTimeouts } from '../../workflows/retries-and-timeouts.ts'
import { createWorker, type WorkerSettings } from '../../workflows/worker.ts'
import { activityError } from '../support/activity-harness.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { comparable } from './support/comparable.ts'

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
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    const model = minimax({ url: mockServer.url, token: 'any' })
    const notice = 'No model was used.'
    const alone = await runIncident('kv_cache_pressure', { model, notice })
    const requestsAlone = mockServer.requests.length

    await using started = await start('kv_cache_pressure', { model, notice, reportDirectory: folder })
    const generated = await started.result()
    expect(generated).toMatchObject({ scenario: 'kv_cache_pressure', stop_reason: 'answered', status: 'improved' })
    expect(comparable(generated.report?.json)).toEqual(comparable(alone.report.json))
    expect(generated.report?.markdown).toContain(notice)
    expect(withoutTimes(generated.report as Report)).toBe(withoutTimes(alone.report))
    expect(mockServer.requests.length).toBe(2 * requestsAlone)
    expect(await started.status()).toEqual({
      scenario: 'kv_cache_pressure',
      step: 'done',
      stop_reason: 'answered',
      status: 'improved',
      report_directory: generated.report_directory,
    })

    const written = generated.report_directory ?? ''
    expect(JSON.parse(await readFile(join(written, 'report.json'), 'utf8'))).toEqual(generated.report?.json)
    expect(await readFile(join(written, 'report.md'), 'utf8')).toBe(generated.report?.markdown)
  })

  test('fails once for an unknown scenario, and the message has the ids', async () => {
    await using started = await start('no_such_scenario', { model: () => minimax({ token: 'any' }) })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'UnknownScenarioError' })
    for (const id of listScenarios()) expect(error.message).toContain(id)
  })

  test('sends no second request after a token was rejected', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder(), token: 'right' })
    const reportDirectory = join(folder, 'refused')
    await using started = await start('kv_cache_pressure', {
      model: minimax({ url: mockServer.url, token: 'wrong-token' }),
      reportDirectory,
    })
    const error = await activityError(started.handle)
    expect(error).toMatchObject({ type: 'ModelError.authentication', nonRetryable: true })
    expect(mockServer.requests).toHaveLength(1)
    // The failed workflow leaves a report, which has the error.
    const [runId = ''] = await readdir(reportDirectory)
    expect(await readFile(join(reportDirectory, runId, 'report.md'), 'utf8')).toContain('invalid api key')
  })

  test('keeps the answer if the report cannot be written', async () => {
    await using mockServer = await startMockServer({ responder: incidentResponder() })
    const file = join(folder, 'not-a-folder')
    await writeFile(file, '')
    const model = minimax({ url: mockServer.url, token: 'any' })
    await using started = await start('healthy_control', { model, reportDirectory: file })
    const result = await started.result()
    expect(result).toMatchObject({ stop_reason: 'answered', report_error: expect.stringContaining('not-a-folder') })
    expect(result.report?.markdown).toContain('healthy_control')
  })

  test('writes the report while other runs take all slots', async () => {
    const rules = incidentResponder()
    let secondIsQueued = (): void => {}
    const queued = new Promise<void>((resolve) => {
      secondIsQueued = resolve
    })
    await using mockServer = await startMockServer({
      responder: async (request) => {
        const isSlow = JSON.stringify(request.messages).includes(neutralIncident(builtInScenarios, 'nvidia_xid').id)
        if (isSlow) await delay(60_000, undefined, { signal: request.signal })
        // The first run keeps the only slot until the second one waits for it.
        else await queued
        return rules(request)
      },
    })
    const model = minimax({ url: mockServer.url, token: 'any' })
    await using started = await start('healthy_control', { model, concurrency: 1 })
    await vi.waitFor(() => expect(mockServer.requests).toHaveLength(1), { timeout: 30_000 })
    const slow = await startIncident('nvidia_xid', { client, taskQueue: started.taskQueue })
    secondIsQueued()
    expect(await started.result()).toMatchObject({ stop_reason: 'answered' })
    await slow.handle.terminate('end of the test')
  })

  test('closes the model connection within a third of the heartbeat timeout after a cancellation, and reports the partial result', async () => {
    const rules = incidentResponder()
    await using mockServer = await startMockServer({
      // The second call hangs.
      responder: async (request) => {
        if (mockServer.requests.length > 1) await delay(60_000, undefined, { signal: request.signal })
        return rules(request)
      },
    })
    const model = minimax({ url: mockServer.url, token: 'any' })
    await using started = await start('kv_cache_pressure', { model }, { heartbeat_ms: 3_000 })
    await vi.waitFor(() => expect(mockServer.requests).toHaveLength(2), { timeout: 20_000 })
    const cancelledAt = performance.now()
    await started.handle.cancel()
    await vi.waitFor(() => expect(mockServer.requests[1]?.outcome).toBe('abandoned'), { timeout: 20_000, interval: 10 })
    const ms = performance.now() - cancelledAt
    console.log(`socket closed ${Math.round(ms)} ms after the cancellation`)
    // The heartbeats come every second; the rest is slack for a busy machine.
    expect(ms).toBeLessThan(5_000)
    const generated = await started.result()
    expect(generated).toMatchObject({ stop_reason: 'cancelled', status: 'unknown' })
    const entries = generated.report?.json.agent_trace ?? []
    expect(entries.filter(({ type }) => type === 'tool-end').length).toBeGreaterThan(0)
    expect(mockServer.requests).toHaveLength(2)
  })

  test('reports the partial result when it is cancelled while the step waits long for its next attempt', async () => {
    const rules = incidentResponder()
    const busy = faultTable.find(({ name }) => name === '429-retry-after-too-long')
    if (busy === undefined) throw new Error('There is no fault with this name.')
    await using mockServer = await startMockServer({ responder: rules, faults: [faults.at(3, busy)] })
    const model = minimax({ url: mockServer.url, token: 'any', retries: 0 })
    await using started = await start('kv_cache_pressure', { model }, { schedule_to_close_ms: 5_400_000 })
    await vi.waitFor(
      async () => expect(await viewIncident(started.handle)).toMatchObject({ activity: { attempt: 2 } }),
      { timeout: 20_000 },
    )
    await started.handle.cancel()
    const generated = await started.result()
    expect(generated).toMatchObject({ stop_reason: 'cancelled' })
    expect(generated.report?.json.run).toMatchObject({ rounds: 2 })
    const entries = generated.report?.json.agent_trace ?? []
    expect(entries.filter(({ type }) => type === 'tool-end').length).toBeGreaterThan(0)
    expect(mockServer.requests).toHaveLength(3)
  })

  test.each<readonly [string, unknown]>([
    ['nothing', undefined],
    ['no scenario', {}],
    ['a scenario of 3000 characters', { scenario: 'x'.repeat(3_000) }],
    ['an unknown timeout', { scenario: 'kv_cache_pressure', agent_step_timeouts: { heartbeat: 1 } }],
    ['a timeout that is too short', { scenario: 'kv_cache_pressure', agent_step_timeouts: { heartbeat_ms: 10 } }],
    ['an unknown search attribute', { scenario: 'kv_cache_pressure', search_attributes: { answer: 'Answer' } }],
    ['a timeout that is not a number', { scenario: 'kv_cache_pressure', agent_step_timeouts: { heartbeat_ms: '2s' } }],
  ])('fails with InvalidInput for an input of %s, instead of retrying its task for ever', async (_, input) => {
    await using started = await start('kv_cache_pressure', { model: () => minimax({ token: 'any' }) })
    const handle = await client.workflow.start('latencyWorkflow', {
      args: [input],
      taskQueue: started.taskQueue,
      workflowId: randomUUID(),
    })
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidInput', nonRetryable: true } })
    await started.handle.cancel()
  })
})

/** Starts a worker with its own task queue, and the workflow on it. */
async function start(scenario: string, options: Omit<WorkerSettings, 'taskQueue'>, timeouts?: AgentStepTimeouts) {
  const taskQueue = `incidents-${randomUUID()}`
  const worker = await createWorker({ ...options, connection, namespace: server.namespace, taskQueue })
  const running = worker.run()
  const started = await startIncident(scenario, { client, taskQueue, ...(timeouts && { timeouts }) })
  return {
    ...started,
    taskQueue,
    async [Symbol.asyncDispose]() {
      worker.shutdown()
      await running
    },
  }
}

function withoutTimes({ json, markdown }: Report): string {
  return markdown.replaceAll(json.run.run_id, 'RUN').replace(/\b[\d.]+ m?s\b/g, 'TIME')
}
