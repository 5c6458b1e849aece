import { setTimeout as delay } from 'node:timers/promises'
import { faults as modelFaults } from '../../../lib/testing/faults/faults.ts'
import { type Fault as ModelFault, type ScheduledFault, startMockServer } from '../../../lib/testing/index.ts'
import type { DurabilitySite } from '../../temporal/support/durability-site.ts'
import { untilEntry } from '../../temporal/support/ledger.ts'
import { type Plan, type PlannedCall, plannedCalls } from '../../temporal/support/planned-run.ts'
import { type TcpProxy, tcpProxy } from '../../temporal/support/tcp-proxy.ts'
import type { WorkerProcess } from '../../temporal/support/worker-process.ts'
import { around, type FaultedRuns, mixed, runsInProgress, startAll } from './plans.ts'

/** What a fault has done to its runs. */
interface Faulted extends FaultedRuns {
  /** Runs that were in progress when the fault came. */
  readonly hit: number
  /** Undoes the fault after the runs have ended: whatever was lost or frozen works again. */
  readonly recover?: () => Promise<void>
}

/** A kind of fault. */
export interface FaultKind {
  readonly name: string
  /** Starts so many runs, and makes something fail while they are in progress. */
  readonly inject: (site: DurabilitySite, count: number) => Promise<Faulted>
}

/** All kinds, in the order of the table. */
export const faultKinds: readonly FaultKind[] = [
  serverAway(7_000),
  serverAway(40_000),
  lostConnection('connection of a worker reset', 'reset'),
  lostConnection('connection of a worker swallows everything', 'swallow'),
  lostConnection('connection of a worker swallows what the server sends', 'deafen'),
  { name: 'worker frozen until its runs have moved on', inject: freeze },
  killedIn('read'),
  killedIn('put'),
  killedIn('charge'),
  { name: 'a read-only tool kills its process every time', inject: (site, count) => killed(site, count, 'read', 9) },
  { name: 'deploys: SIGTERM, twice', inject: deploy },
  { name: 'deploy without a tool', inject: deployOfAnotherRelease },
  { name: 'model: 429 on all slots, retry-after 16 s', inject: rateLimit },
  { name: 'model: five of ten calls fail once with 503', inject: failEverySecondCall },
]

function serverAway(ms: number): FaultKind {
  return {
    name: `server away for ${ms / 1_000} s`,
    inject: async (site, count) => {
      const { ledger, taskQueue } = site.place()
      await site.worker('w1', ledger).work(taskQueue)
      const started = await startMixed(site, taskQueue, count)
      const hit = await untilUnderWay(ledger, count)
      await site.interruptServer(() => delay(ms))
      return { ledger, started, hit }
    },
  }
}

function lostConnection(name: string, how: 'reset' | 'swallow' | 'deafen'): FaultKind {
  return {
    name,
    inject: async (site, count) => {
      const { ledger, taskQueue } = site.place()
      const proxy: TcpProxy = await tcpProxy(site.address)
      const [lost, other] = [site.worker('lost', ledger, { address: proxy.address }), site.worker('other', ledger)]
      await Promise.all([lost.work(taskQueue), other.ready()])
      const started = await startMixed(site, taskQueue, count)
      const hit = await untilUnderWay(ledger, count)
      proxy[how]()
      await other.work(taskQueue)
      const recover = async () => {
        proxy.heal()
        await site.untilAwake(lost, 'lost', ledger)
        await lost.kill()
        await proxy[Symbol.asyncDispose]()
      }
      return { ledger, started, hit, recover }
    },
  }
}

async function freeze(site: DurabilitySite, count: number): Promise<Faulted> {
  const { ledger, taskQueue } = site.place()
  const [frozen, other] = await twoWorkers(site, ledger, taskQueue)
  const started = await startMixed(site, taskQueue, count)
  const hit = await untilUnderWay(ledger, count)
  frozen.signal('SIGSTOP')
  await other.work(taskQueue)
  const recover = async () => {
    frozen.signal('SIGCONT')
    await site.untilAwake(frozen, 'first', ledger)
  }
  return { ledger, started, hit, recover }
}

/** Every run has a call that ends its process once, after the effect and before the checkpoint with the result. */
function killedIn(tool: PlannedCall['tool']): FaultKind {
  const kinds = { read: 'a read-only', put: 'an idempotent', charge: 'any other' }
  return {
    name: `SIGKILL after the effect of ${kinds[tool]} tool`,
    inject: (site, count) => killed(site, count, tool, 1),
  }
}

async function killed(site: DurabilitySite, count: number, tool: PlannedCall['tool'], kills: number): Promise<Faulted> {
  const { ledger, taskQueue } = site.place()
  // At worst, every run ends two processes.
  site.relay(taskQueue, ledger, 2 * count + 1)
  const call: PlannedCall = { tool, what: 'deadly', ms: 300, kills }
  const plans = Array.from({ length: count }, (_, number) => around(call, number))
  const started = await startAll(site, taskQueue, plans)
  return { ledger, started, hit: count }
}

async function deploy(site: DurabilitySite, count: number): Promise<Faulted> {
  const { ledger, taskQueue } = site.place()
  const [first, second] = await twoWorkers(site, ledger, taskQueue)
  const third = site.worker('third', ledger)
  await third.ready()
  const started = await startMixed(site, taskQueue, count)
  const hit = await untilUnderWay(ledger, count)
  await Promise.all([first.terminate(), second.work(taskQueue)])
  await untilEntry(ledger, { at: 'model', worker: 'second' }, Math.ceil(count / 2))
  await Promise.all([second.terminate(), third.work(taskQueue)])
  return { ledger, started, hit }
}

async function deployOfAnotherRelease(site: DurabilitySite, count: number): Promise<Faulted> {
  const { ledger, taskQueue } = site.place()
  const [first, second] = await twoWorkers(site, ledger, taskQueue, 2)
  const started = await startMixed(site, taskQueue, count)
  const hit = await untilUnderWay(ledger, count)
  await Promise.all([first.terminate(), second.work(taskQueue)])
  return { ledger, started, hit }
}

/** The second call of every run is refused with a wait that is too long for a slot. */
function rateLimit(site: DurabilitySite, count: number): Promise<Faulted> {
  const limited = modelFaults.errorReply('429-retry-after-seconds')
  const long: ModelFault = {
    ...limited,
    wire: (reply, context) => {
      const { headers, ...refusal } = limited.wire?.(reply, context) ?? reply
      return { ...refusal, headers: { ...headers, 'retry-after': '16' } }
    },
  }
  const plans = Array.from({ length: count }, (_, number) => mixed(number))
  return withModelServers(site, plans, modelFaults.at(2, long), Math.ceil(count / 3))
}

/** Of ten calls, every second one fails, and its retry succeeds. */
function failEverySecondCall(site: DurabilitySite, count: number): Promise<Faulted> {
  const plans = Array.from({ length: count }, (_, number): Plan => {
    const rounds = Array.from({ length: 9 }, (_, round): readonly PlannedCall[] => [
      { tool: round % 2 === 0 ? 'charge' : 'read', what: `step ${round}` },
    ])
    return { run: `r${number}`, rounds, modelMs: 50 }
  })
  return withModelServers(site, plans, modelFaults.at([1, 4, 7, 10, 13], modelFaults.errorReply('503-page')), count)
}

/** Each run has a model server of its own, so that requests are counted for each run. */
async function withModelServers(
  site: DurabilitySite,
  plans: readonly Plan[],
  fault: ScheduledFault,
  slots: number,
): Promise<Faulted> {
  const { ledger, taskQueue } = site.place()
  const servers = await Promise.all(
    plans.map((plan) =>
      startMockServer({
        latencyMs: plan.modelMs,
        faults: [fault],
        record: false,
        responder: ({ messages, tools }) => {
          const round = messages.filter(({ role }) => role === 'assistant').length + 1
          const toolCalls = tools.length === 0 ? undefined : plannedCalls(plan, round)
          return toolCalls === undefined ? { content: 'done' } : { toolCalls }
        },
      }),
    ),
  )
  await site.worker('w1', ledger, { slots }).work(taskQueue)
  const withUrls = plans.map((plan, index): Plan => ({ ...plan, modelUrl: servers[index]?.url ?? '' }))
  const started = await startAll(site, taskQueue, withUrls)
  const recover = async () => {
    for (const server of servers) await server.close()
  }
  return { ledger, started, hit: plans.length, recover }
}

function startMixed(site: DurabilitySite, taskQueue: string, count: number): Promise<FaultedRuns['started']> {
  return startAll(
    site,
    taskQueue,
    Array.from({ length: count }, (_, number) => mixed(number)),
  )
}

/** Waits until most runs have had a reply; returns the number of runs in progress. */
async function untilUnderWay(ledger: string, count: number): Promise<number> {
  await untilEntry(ledger, { at: 'attempt' }, count)
  await untilEntry(ledger, { at: 'reply', round: 1 }, Math.ceil((2 * count) / 3))
  return runsInProgress(ledger)
}

/** A worker that works, and one that is ready. */
async function twoWorkers(
  site: DurabilitySite,
  ledger: string,
  taskQueue: string,
  release = 1,
): Promise<readonly [WorkerProcess, WorkerProcess]> {
  const [first, second] = [site.worker('first', ledger), site.worker('second', ledger, { release })]
  await Promise.all([first.work(taskQueue), second.ready()])
  return [first, second]
}
