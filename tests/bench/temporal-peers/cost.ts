import { readFileSync } from 'node:fs'
import { statisticOf } from '../harness.ts'
import type { CostConditions } from './cells.ts'
import { answerOf } from './script.ts'
import { type Stage, startRun } from './stage.ts'

/** The cost of one run, as a mean over the runs of a cell. */
export interface CostFigures {
  readonly events: number
  readonly historyBytes: number
  readonly heartbeats: number
  /** Actions as Temporal Cloud counts them: the start, each activity, and each heartbeat that the server recorded. */
  readonly actions: number
  readonly workerCpuMs: number
  readonly serverCpuMs: number
  readonly runsPerSecond: number
  /** Median wall time of one run. */
  readonly medianMs: number
}

export async function measureCost(stage: Stage, cell: string, conditions: CostConditions): Promise<CostFigures> {
  const { bytes, concurrency, runs, latencyMs } = conditions
  const [worker] = stage.workers
  const { pid, metricsUrl } = stage.server()
  const before = { worker: cpuMs(worker?.pid), server: cpuMs(pid), beats: await heartbeatsOf(metricsUrl) }
  const nameOf = (index: number) => `${cell}-${index}`
  const durations: number[] = []
  let begun = 0
  const lane = async () => {
    while (begun < runs) {
      const run = nameOf(begun++)
      const startedAt = performance.now()
      const handle = await startRun(stage, { run, bytes, latencyMs, fault: 'none' })
      const said = await handle.result()
      if (said !== answerOf(run)) throw new Error(`${stage.name} answered "${said}" in the run ${run}.`)
      durations.push(performance.now() - startedAt)
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: concurrency }, lane))
  const seconds = (performance.now() - startedAt) / 1_000
  const workerCpuMs = (cpuMs(worker?.pid) - before.worker) / runs
  const serverCpuMs = (cpuMs(pid) - before.server) / runs
  const heartbeats = ((await heartbeatsOf(metricsUrl)) - before.beats) / runs
  const history = await historyOf(stage, nameOf(runs - 1))
  return {
    events: history.events,
    historyBytes: history.bytes,
    heartbeats,
    actions: 1 + history.activities + heartbeats,
    workerCpuMs,
    serverCpuMs,
    runsPerSecond: runs / seconds,
    medianMs: statisticOf(durations).median,
  }
}

async function historyOf({ client }: Stage, workflowId: string) {
  const handle = client.workflow.getHandle(workflowId)
  const { events } = await handle.fetchHistory()
  const { historySize } = await handle.describe()
  return {
    events: events?.length ?? 0,
    activities: events?.filter((event) => event.activityTaskScheduledEventAttributes).length ?? 0,
    bytes: historySize ?? 0,
  }
}

/** User and system time of a process so far. Linux counts it in steps of 10 ms. */
function cpuMs(pid: number | undefined): number {
  // The name of the process is in brackets and can contain spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Heartbeats that the server's frontend has received so far. */
async function heartbeatsOf(metricsUrl: string | undefined): Promise<number> {
  const text = await (await fetch(metricsUrl ?? '')).text()
  return text
    .split('\n')
    .filter((line) => /^service_requests\{.*operation="RecordActivityTaskHeartbeat(ById)?"/.test(line))
    .filter((line) => line.includes('service_name="frontend"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
