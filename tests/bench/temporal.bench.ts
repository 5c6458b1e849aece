/**
 * `npx tsx tests/bench/temporal.bench.ts [concurrent …]`: what a run costs more as an activity, and how many incidents one worker brings through,
 * against an activity that does nothing with payloads of the same size. Everything is in one run, on one server: the server is the limit, so only
 * ratios mean something.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Context } from '@temporalio/activity'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { runIncidentAgent } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import type { Model, ModelReply } from '../../lib/loop/model.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { type PackedCheckpoint, packCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { takeoverWorkerOptions } from '../../lib/temporal/index.ts'
import { jsonBytes } from '../../lib/temporal/payload.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { createActivities, type GeneratedReport } from '../../workflows/activities.ts'
import { findTemporal, openTemporal } from '../support/temporal-server.ts'
import { statisticOf } from './harness.ts'
import { atLeast, printTable, type Row, shown } from './table.ts'

const scenario = 'kv_cache_pressure'
const asked = process.argv.slice(2).map(Number)
const concurrencies = asked.length > 0 ? asked : [1, 10, 50, 200]

Runtime.install({ logger: new DefaultLogger('ERROR') })
await using server = await openTemporal(await findTemporal())
await using mockServer = await startMockServer({ responder: incidentResponder(), record: false })
const client = new Client({ connection: await Connection.connect({ address: server.address }) })
const connection = await NativeConnection.connect({ address: server.address })
const model = await rememberedModel(minimax({ url: mockServer.url, token: 'any', env: {} }))

const incident = createActivities({ model })
const pre_telemetry = await incident.collect_telemetry({ scenario })
const checkpoints: PackedCheckpoint[] = []
const result = await runIncidentAgent(
  { scenario, pre_telemetry },
  {
    model,
    onCheckpoint: (checkpoint) => {
      // Of a model that answers at once, the others are overtaken before they are sent.
      if (checkpoint.pending.length > 0 || checkpoint.pending_answer !== null)
        checkpoints.push(packCheckpoint(checkpoint))
    },
  },
)
const report: GeneratedReport = await incident.generate_report({ scenario, pre_telemetry, result })

/** The same inputs and outputs, and nothing done. */
const empty: typeof incident = {
  collect_telemetry: async () => pre_telemetry,
  agent_step: async () => result,
  recover_result: async () => result,
  recover_waiting_step: async () => null,
  usable_search_attributes: async (names) => names,
  generate_report: async () => report,
}

/** Nothing done either, but it says as much meanwhile: what the heartbeats alone cost. */
const beating: typeof incident = {
  ...empty,
  agent_step: async () => {
    for (const checkpoint of checkpoints) {
      Context.current().heartbeat({ progress: {}, checkpoint })
      await setImmediate()
    }
    return result
  },
}

const workflowsPath = fileURLToPath(new URL('../../workflows/latency-workflow.ts', import.meta.url))
const kinds = { real: incident, beating, empty }
type Kind = keyof typeof kinds
const order = ['real', 'beating', 'empty'] as const
const queueOf = (kind: Kind) => `bench-${kind}-${process.pid}`
const workers = await Promise.all(
  order.map((kind) =>
    Worker.create({
      connection,
      taskQueue: queueOf(kind),
      workflowsPath,
      activities: kinds[kind],
      maxConcurrentActivityTaskExecutions: 200,
      ...takeoverWorkerOptions,
    }),
  ),
)
const running = workers.map((worker) => worker.run())

/** Starts so many incidents at once and waits for all; in milliseconds. */
async function batch(kind: Kind, count: number): Promise<number> {
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: count }, () =>
      client.workflow.execute('latencyWorkflow', {
        args: [{ scenario }],
        taskQueue: queueOf(kind),
        workflowId: `bench-${randomUUID()}`,
      }),
    ),
  )
  return performance.now() - startedAt
}

/** A B, B A, A B: whatever drifts meanwhile hits both alike. */
async function compare(count: number, samples: number): Promise<Row> {
  const ms: Record<Kind, number[]> = { real: [], beating: [], empty: [] }
  for (let sample = 0; sample < samples; sample++) {
    for (const kind of sample % 2 === 0 ? order : order.toReversed()) ms[kind].push(await batch(kind, count))
  }
  const perSecond = (kind: Kind) => statisticOf(ms[kind].map((each) => (count * 1_000) / each))
  const ratioTo = (kind: Kind) => statisticOf(ms.real.map((real, sample) => (ms[kind][sample] ?? Number.NaN) / real))
  const ratio = ratioTo('empty')
  return {
    what: `${count} at once`,
    figure: `ratio ${shown(ratio, '')}`,
    aside: `${order.map((kind) => `${kind} ${shown(perSecond(kind), '/s', 1)}`).join(', ')}; to one with the same heartbeats ${shown(ratioTo('beating'), '')}`,
    goal: atLeast(ratio.median, 0.7, ''),
  }
}

for (const kind of order) await batch(kind, 20)

const direct: number[] = []
const asActivity: number[] = []
for (let sample = 0; sample < 15; sample++) {
  const startedAt = performance.now()
  await runIncidentAgent({ scenario, pre_telemetry }, { model })
  direct.push(performance.now() - startedAt)
  asActivity.push((await batch('real', 1)) - (await batch('empty', 1)))
}
printTable('agent_step, wall time of one', [
  { what: 'the loop called directly', figure: shown(statisticOf(direct), ' ms', 1) },
  {
    what: 'three activities, less three empty ones',
    figure: shown(statisticOf(asActivity), ' ms', 1),
    aside: 'collect_telemetry and generate_report included',
  },
])

const rows: Row[] = []
for (const count of concurrencies) rows.push(await compare(count, count > 50 ? 3 : 5))
printTable('Throughput of one worker, no model latency, against empty activities of the same payloads', rows)

const workflowId = `bench-${randomUUID()}`
await client.workflow.execute('latencyWorkflow', { args: [{ scenario }], taskQueue: queueOf('real'), workflowId })
const { raw } = await client.workflow.getHandle(workflowId).describe()
printTable('Bytes of one incident', [
  {
    what: 'history',
    figure: String(raw.workflowExecutionInfo?.historySizeBytes),
    aside: `${raw.workflowExecutionInfo?.historyLength} events`,
  },
  {
    what: 'telemetry, agent result, report',
    figure: [pre_telemetry, result, report].map(jsonBytes).join(', '),
    aside: 'JSON',
  },
  {
    what: 'checkpoint in a heartbeat',
    figure: checkpoints.map(({ data }) => data.length).join(', '),
    aside: 'gzip+base64, one for each that is sent',
  },
])

for (const worker of workers) worker.shutdown()
await Promise.all(running)
await client.connection.close()
await connection.close()

/** Replies are remembered by the request, so that no time goes into the mock server's rules: they run in this process, too. */
async function rememberedModel(inner: Model): Promise<Model> {
  const replies = new Map<string, ModelReply>()
  return {
    name: inner.name,
    provider: inner.provider,
    complete: async (request) => {
      const key = request.messages.map(({ json }) => json).join('\n')
      const known = replies.get(key) ?? (await inner.complete(request))
      replies.set(key, known)
      return known
    },
  }
}
