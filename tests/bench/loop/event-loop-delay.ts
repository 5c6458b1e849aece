import { fork } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { atMost, type Row } from '../table.ts'
import type { BenchServer } from './server.ts'
import { tenrounds } from './tenrounds.ts'
import { answer, logPages } from './work.ts'

const runsAtOnce = 200
/** Sizes of the tool results in KiB. */
const sizes = [1, 16]
/** Each batch of runs begins at the same moment, so replies arrive together: the worst case. */
const batches = 5
/** Goal for the 99th percentile, in milliseconds. */
const goalMs = 50

/** In milliseconds. */
interface Measured {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** The same percentile of the CPU time between two timers of 1 ms. Other work on the machine changes it little. */
  readonly cpuP99: number
  readonly seconds: number
}

/**
 * 200 runs at once in one process: how long the event loop of the process is blocked. The server has its own process.
 */
export async function delayRows(server: BenchServer): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const kilobytes of sizes) {
    const given = ['measure', server.baseUrl, String(kilobytes)]
    const child = fork(fileURLToPath(import.meta.url), given, { stdio: 'inherit' })
    const [{ p50, p99, max, cpuP99, seconds }] = (await once(child, 'message')) as [Measured]
    rows.push({
      what: `${runsAtOnce} runs at once, results of ${kilobytes} KiB: p99 of the event-loop delay`,
      figure: `${p99.toFixed(1)} ms`,
      aside: `${cpuP99.toFixed(1)} ms CPU, median ${p50.toFixed(1)} ms, longest ${max.toFixed(1)} ms, ${(seconds / batches).toFixed(2)} s for ${runsAtOnce} runs`,
      goal: atMost(p99, goalMs, ' ms'),
    })
  }
  return rows
}

async function measureHere(baseUrl: string, kilobytes: number): Promise<Measured> {
  const pages = logPages(kilobytes * 1024)
  const readLog = ({ page }: { readonly page: number }) => {
    const found = pages[page]
    if (found === undefined) throw new Error(`There is no page ${page}.`)
    return found
  }
  const contender = await tenrounds({ baseUrl, schema: 'arrays', readLog })
  const batch = async () => {
    const said = await Promise.all(Array.from({ length: runsAtOnce }, () => contender.run()))
    if (said.some((text) => text !== answer)) throw new Error('A run gave another answer.')
  }
  // Compiles the code and opens the connections.
  await batch()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const startedAt = performance.now()
  const cpu = cpuBetweenTimers()
  delay.enable()
  for (let time = 0; time < batches; time++) await batch()
  delay.disable()
  const cpuP99 = percentile(cpu(), 0.99)
  const seconds = (performance.now() - startedAt) / 1000
  await contender.close?.()
  const inMs = (nanoseconds: number) => nanoseconds / 1e6
  return { p50: inMs(delay.percentile(50)), p99: inMs(delay.percentile(99)), max: inMs(delay.max), cpuP99, seconds }
}

/** Samples the CPU time of the process between two timers. The result ends it and returns milliseconds. */
function cpuBetweenTimers(): () => readonly number[] {
  const samples: number[] = []
  let last = process.cpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last)
    samples.push((user + system) / 1000)
    last = process.cpuUsage()
  }, 1)
  return () => {
    clearInterval(timer)
    return samples
  }
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * values.length)] ?? Number.NaN
}

const [, , task, baseUrl = '', kilobytes] = process.argv
if (task === 'measure') {
  const measured = await measureHere(baseUrl, Number(kilobytes))
  process.send?.(measured, () => process.exit())
}
