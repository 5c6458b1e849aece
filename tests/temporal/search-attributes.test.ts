import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { type MockServer, startMockServer } from '../../lib/testing/index.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import type { IncidentSearchAttributes } from '../../workflows/latency-workflow.ts'
import { createWorker } from '../../workflows/worker.ts'
import { openTemporal, type TemporalServer, temporalForTests } from '../support/temporal-server.ts'

const source = await temporalForTests()
const suffix = randomUUID().slice(0, 8)
const [stopReason, rounds] = [`StopReason${suffix}`, `Rounds${suffix}`]
/** Types of search attributes in gRPC's enum. */
const [keyword, int] = [2, 3]

let server: TemporalServer
let client: Client
let connection: NativeConnection
let mockServer: MockServer
const warnings: string[] = []

describe.skipIf(source === undefined)('search attributes of an incident', () => {
  beforeAll(async () => {
    server = await openTemporal(source)
    Runtime.install({ logger: new DefaultLogger('WARN', ({ message }) => warnings.push(message)) })
    client = await connectClient(server)
    connection = await NativeConnection.connect({ address: server.address })
    mockServer = await startMockServer({ responder: incidentResponder() })
    const { namespace } = server
    const searchAttributes = { [stopReason]: keyword, [rounds]: int }
    await client.connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
    await vi.waitFor(
      async () => {
        const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace })
        expect(customAttributes).toMatchObject(searchAttributes)
      },
      { timeout: 30_000, interval: 50 },
    )
  })
  afterAll(async () => {
    await mockServer?.[Symbol.asyncDispose]()
    await client?.connection.close()
    await connection?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test('are set from the result where they are registered, so that incidents can be found by them', async () => {
    const { workflowId, ended } = await run({ stop_reason: stopReason, rounds })
    expect(ended).toMatchObject({ stop_reason: 'answered' })
    const query = `${stopReason} = 'answered' AND ${rounds} >= 1`
    await vi.waitFor(
      async () => {
        const found: string[] = []
        for await (const execution of client.workflow.list({ query })) found.push(execution.workflowId)
        expect(found).toEqual([workflowId])
      },
      { timeout: 30_000, interval: 100 },
    )
    expect(warnings).toEqual([])
  })

  test.each<readonly [string, IncidentSearchAttributes, object]>([
    ['is not registered', { stop_reason: `Unknown${suffix}`, rounds }, { [rounds]: [expect.any(Number)] }],
    ['has another type', { stop_reason: stopReason, rounds: stopReason }, { [stopReason]: ['answered'] }],
    ['is the name of a system attribute', { stop_reason: 'WorkflowType', rounds: 'HistoryLength' }, {}],
  ])('one that %s is left out with a warning, and the workflow completes', async (_, names, expected) => {
    warnings.length = 0
    const { ended, attributes, taskFailures } = await run(names)
    expect(ended).toMatchObject({ stop_reason: 'answered' })
    expect(attributes).toEqual(expected)
    expect(taskFailures).toBe(0)
    expect(warnings).toEqual([expect.stringContaining('not registered with its type')])
  })
})

async function run(searchAttributes: IncidentSearchAttributes) {
  const taskQueue = `search-${randomUUID()}`
  const model = minimax({ url: mockServer.url, token: 'any', env: {} })
  const worker = await createWorker({ model, connection, namespace: server.namespace, taskQueue })
  return worker.runUntil(async () => {
    const { handle, result } = await startIncident('healthy_control', { client, taskQueue, searchAttributes })
    const ended = await result()
    const { events } = await handle.fetchHistory()
    const taskFailures = (events ?? []).filter((event) => event.workflowTaskFailedEventAttributes).length
    const { searchAttributes: all } = await handle.describe()
    const own = Object.entries(all).filter(([name]) => name.endsWith(suffix))
    return { workflowId: handle.workflowId, ended, attributes: Object.fromEntries(own), taskFailures }
  })
}
