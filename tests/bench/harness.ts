import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** One way of doing the work. */
export interface Variant {
  readonly name: string
  /** Does the work `times` times, one after another; it is measured in this process. */
  readonly run: (times: number) => unknown
}

/** One way of doing the work in another process, which reports its cost. */
export interface RemoteVariant {
  readonly name: string
  readonly cost: (times: number) => Promise<Cost>
}

/** In nanoseconds. */
export interface Cost {
  readonly cpu: number
  readonly wall: number
}

/** The cost of one variant per operation, one value per sample, in nanoseconds. */
export interface Series {
  readonly name: string
  /** User and system time of the whole process. Other work on the machine changes it less than wall time. */
  readonly cpu: readonly number[]
  readonly wall: readonly number[]
}

export interface MeasureOptions {
  /** @defaultValue 15 */
  readonly samples?: number
  /** Least CPU time of one sample, in milliseconds. @defaultValue 100 */
  readonly sampleMs?: number
}

/**
 * Measures variants alternately: A B, B A, A B, …, so that a drift of clock rate, heap or neighbours affects them alike.
 * Each variant first runs until its samples are long enough, which warms it up.
 *
 * The heap is collected once, at the start. A forced collection between samples would also discard optimised code, and
 * each sample would measure the compiler.
 */
export async function measure(
  variants: readonly (Variant | RemoteVariant)[],
  { samples = 15, sampleMs = 100 }: MeasureOptions = {},
): Promise<readonly Series[]> {
  const lanes: {
    readonly variant: Variant | RemoteVariant
    readonly times: number
    readonly cpu: number[]
    readonly wall: number[]
  }[] = []
  collectGarbage()
  for (const variant of variants) {
    lanes.push({ variant, times: await timesFor(variant, sampleMs), cpu: [], wall: [] })
  }
  for (let sample = 0; sample < samples; sample++) {
    for (const lane of sample % 2 === 0 ? lanes : lanes.toReversed()) {
      const cost = await costOf(lane.variant, lane.times)
      lane.cpu.push(cost.cpu / lane.times)
      lane.wall.push(cost.wall / lane.times)
    }
  }
  return lanes.map(({ variant, cpu, wall }) => ({ name: variant.name, cpu, wall }))
}

/** The number of runs that fill one sample, found by doubling. */
async function timesFor(variant: Variant | RemoteVariant, sampleMs: number): Promise<number> {
  for (let times = 1; ; times *= 2) {
    const { cpu } = await costOf(variant, times)
    if (cpu >= sampleMs * 1e6) return times
  }
}

function costOf(variant: Variant | RemoteVariant, times: number): Promise<Cost> {
  return 'cost' in variant ? variant.cost(times) : costHere(() => variant.run(times))
}

/** The cost of some work in this process. */
export async function costHere(work: () => unknown): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const wallBefore = process.hrtime.bigint()
  await work()
  const wall = Number(process.hrtime.bigint() - wallBefore)
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) * 1000, wall }
}

setFlagsFromString('--expose-gc')
export const collectGarbage: () => void = runInNewContext('gc')

/** Median and spread of many samples; the spread leaves out the highest and lowest tenth. */
export interface Statistic {
  readonly median: number
  readonly low: number
  readonly high: number
}

export function statisticOf(values: readonly number[]): Statistic {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN
  return { median: at(0.5), low: at(0.1), high: at(0.9) }
}

/** The cost of one variant as a multiple of another's, computed within each pair of neighbouring samples. */
export function ratioOf(
  series: Series | undefined,
  reference: Series | undefined,
  clock: 'cpu' | 'wall' = 'cpu',
): Statistic {
  const values = series?.[clock] ?? []
  return statisticOf(values.map((value, sample) => value / (reference?.[clock][sample] ?? Number.NaN)))
}
