/**
 * `npx tsx tests/temporal/support/record-histories.ts`: runs the incident workflow on a real server once for every way in
 * which it can end, and stores the histories. Run it after a deliberate change of the workflow that old histories cannot
 * follow. Such a change breaks workflows that are running during its deployment.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { type Responder, startMockServer } from '../../../lib/testing/index.ts'
import { connectClient, type StartedIncident, startIncident } from '../../../workflows/client.ts'
import { createWorker } from '../../../workflows/worker.ts'
import { findTemporal, openTemporal } from '../../support/temporal-server.ts'
import { historiesFolder, toJson } from './histories.ts'

interface HistoryCase {
  readonly scenario: string
  readonly responder?: Responder
  readonly token?: string
  /** Intervenes after the workflow has started. */
  readonly intervene?: (started: StartedIncident) => Promise<void>
}

const rules = incidentResponder()

/** Fails the first request, so that the second attempt does the work. */
function failingFirst(): Responder {
  let failed = false
  return (request) => {
    if (failed) return rules(request)
    failed = true
    throw new Error('on purpose')
  }
}

/** Never answers. */
const silent: Responder = ({ signal }) => delay(600_000, {}, { signal })

const cases: Readonly<Record<string, HistoryCase>> = {
  answered: { scenario: 'kv_cache_pressure' },
  retried: { scenario: 'healthy_control', responder: failingFirst() },
  cancelled: {
    scenario: 'healthy_control',
    responder: silent,
    intervene: async ({ handle, status }) => {
      while ((await status().catch(() => undefined))?.step !== 'agent_step') await delay(50)
      await delay(500)
      await handle.cancel()
    },
  },
  unknown_scenario: { scenario: 'no_such_scenario' },
  refused_token: { scenario: 'healthy_control', token: 'another' },
}

Runtime.install({ logger: new DefaultLogger('ERROR') })
await using server = await openTemporal(await findTemporal())
const client = await connectClient(server)
const connection = await NativeConnection.connect({ address: server.address })
await mkdir(historiesFolder, { recursive: true })
for (const [name, { scenario, responder = rules, token, intervene }] of Object.entries(cases)) {
  await using mockServer = await startMockServer({ responder, ...(token === undefined ? {} : { token }) })
  const model = minimax({ url: mockServer.url, token: 'any', retries: 0, env: {} })
  const taskQueue = randomUUID()
  const worker = await createWorker({ connection, namespace: server.namespace, taskQueue, model })
  await worker.runUntil(async () => {
    const started = await startIncident(scenario, { client, taskQueue, workflowId: `history-${name}` })
    await intervene?.(started)
    const outcome = await started.result().then(
      ({ stop_reason, status }) => `${stop_reason}, ${status}`,
      (error: Error) => error.message,
    )
    const history = toJson(await started.handle.fetchHistory())
    await writeFile(`${historiesFolder}${name}.json`, `${history}\n`)
    console.log(`${name}: ${outcome}; ${history.length} characters`)
  })
  await model.close()
}
await client.connection.close()
await connection.close()
