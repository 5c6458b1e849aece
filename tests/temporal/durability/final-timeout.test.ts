import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { type MockServer, type Responder, startMockServer } from '../../../lib/testing/index.ts'
import { neutralIncident } from '../../../tools/neutral-incident.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import { connectClient, type StartedIncident, startIncident, viewIncident } from '../../../workflows/client.ts'
import { createWorker } from '../../../workflows/worker.ts'
import { type ReportFolder, reportFolder } from '../../cli/support/report-folder.ts'
import { startProcess } from '../../cli/support/start-process.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../../support/temporal-server.ts'
import { readCompleteReport } from '../support/complete-report.ts'

const source = await temporalForTests()
/** Timeouts of which only one can end the step: there is no time for another attempt. A busy machine has time for two rounds. */
const short = { start_to_close_ms: 25_000, schedule_to_close_ms: 25_000, heartbeat_ms: 60_000 }
const kinds = {
  'schedule-to-close': { ...short, start_to_close_ms: 600_000 },
  'start-to-close': { ...short, schedule_to_close_ms: 25_500 },
  heartbeat: { ...short, heartbeat_ms: 24_500 },
} as const

let server: TemporalServer
let client: Client
let connection: NativeConnection
let mockServer: MockServer
let reports: ReportFolder
let worker: { [Symbol.asyncDispose](): Promise<void> }
const started: Partial<Record<keyof typeof kinds | 'before the first round', StartedIncident>> = {}

describe.skipIf(source === undefined)('an agent step that runs out of time after its worker was killed', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    client = await connectClient(server)
    connection = await NativeConnection.connect({ address: server.address })
    mockServer = await startMockServer({ responder })
    reports = await reportFolder()
    const taskQueue = `timeout-${randomUUID()}`
    const place = {
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      TEMPORAL_TASK_QUEUE: taskQueue,
      MINIMAX_CHAT_COMPLETIONS_URL: mockServer.url,
      ANTHROPIC_AUTH_TOKEN: 'any-token',
    }
    const killed = startProcess(['worker', '--live', '--reports', reports.path], place)
    await killed.until('worker ready')
    for (const kind of ['schedule-to-close', 'start-to-close', 'heartbeat'] as const) {
      started[kind] = await startIncident('kv_cache_pressure', { client, taskQueue, timeouts: kinds[kind] })
    }
    started['before the first round'] = await startIncident('healthy_control', { client, taskQueue, timeouts: short })
    await vi.waitFor(() => expect(mockServer.requests).toHaveLength(10), { timeout: 60_000 })
    for (const kind of ['schedule-to-close', 'start-to-close', 'heartbeat'] as const) await untilSaved(incident(kind))
    killed.kill('SIGKILL')
    await killed.ended
    worker = await startWorker(taskQueue)
  })
  afterAll(async () => {
    await worker?.[Symbol.asyncDispose]()
    await mockServer?.[Symbol.asyncDispose]()
    await reports?.[Symbol.asyncDispose]()
    await client?.connection.close()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test.each(['schedule-to-close', 'start-to-close', 'heartbeat'] as const)(
    '%s: the workflow completes with the partial result of the last heartbeat',
    async (kind) => {
      const { handle, result } = incident(kind)
      const { report, ...ended } = await result()
      expect(ended).toMatchObject({ stop_reason: 'failed', status: 'unknown' })
      expect(report?.json.run).toMatchObject({ stop_reason: 'failed', rounds: 2, error: { name: 'TimeoutFailure' } })
      expect(report?.json.agent_trace.filter(({ type }) => type === 'tool-end').length).toBeGreaterThan(0)
      expect(report?.markdown).toMatch(/Failed:.* activity \w+ timeout/)
      expect((await handle.describe()).status.name).toBe('COMPLETED')
      const written = await readCompleteReport(ended.report_directory ?? '', 'kv_cache_pressure')
      expect(written).toEqual(report?.json)
    },
  )

  test('before the first round: the workflow fails with the timeout, and its status says so', async () => {
    const { result, status } = incident('before the first round')
    await expect(result()).rejects.toMatchObject({ cause: { cause: { name: 'TimeoutFailure' } } })
    const { report_directory = '', ...ended } = await status()
    expect(ended).toMatchObject({ step: 'done', stop_reason: 'failed' })
    const { run } = await readCompleteReport(report_directory, 'healthy_control')
    expect(run).toMatchObject({ rounds: 0, error: { name: 'TimeoutFailure' } })
  })

  test('the recovery asks no model', () => {
    expect(mockServer.requests).toHaveLength(10)
  })
})

const rules = incidentResponder()

/** Answers two calls of a run like the rules of the incident, and none of a run without symptoms. All others hang. */
const responder: Responder = async (request) => {
  const asked = request.messages.filter(({ role }) => role === 'assistant').length
  const isAnswered =
    asked < 2 && JSON.stringify(request.messages).includes(neutralIncident(builtInScenarios, 'kv_cache_pressure').id)
  if (!isAnswered) await delay(120_000, undefined, { signal: request.signal })
  return rules(request)
}

function incident(kind: keyof typeof started): StartedIncident {
  const found = started[kind]
  if (found === undefined) throw new Error(`No incident "${kind}" was started.`)
  return found
}

/** The results of quick calls are stored with the next heartbeat, unless a check or a call with side effects follows. */
async function untilSaved({ handle }: StartedIncident): Promise<void> {
  await vi.waitFor(
    async () => {
      const { activity } = await viewIncident(handle)
      expect(activity?.progress?.saved_rounds).toBe(2)
    },
    { timeout: 15_000, interval: 50 },
  )
}

async function startWorker(taskQueue: string) {
  const model = minimax({ url: mockServer.url, token: 'any', env: {} })
  const { namespace } = server
  const created = await createWorker({ model, connection, namespace, taskQueue, reportDirectory: reports.path })
  const running = created.run()
  return {
    async [Symbol.asyncDispose]() {
      created.shutdown()
      await running
    },
  }
}
