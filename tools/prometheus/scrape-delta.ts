import type { MetricSample } from '../types.ts'

const cumulative = /_(total|bucket|count|sum)$/
/** Unix times at which the process, or one of its counters, began. */
const began = /^process_start_time_seconds$|_created$/

/**
 * What happened between two scrapes: counters and histograms as differences, gauges as they are now.
 *
 * A counter that fell, or began later, means that the process restarted in between, and with it all its counters: what
 * they count since then is all that is known.
 */
export function scrapeDelta(earlier: readonly MetricSample[], later: readonly MetricSample[]): MetricSample[] {
  const before = new Map(earlier.map((sample) => [series(sample), sample.value]))
  const change = (sample: MetricSample): number | undefined => {
    const from = before.get(series(sample))
    const counted = cumulative.test(sample.name) && typeof sample.value === 'number' && typeof from === 'number'
    return counted ? sample.value - from : undefined
  }
  const restarted = later.some((sample) => (change(sample) ?? 0) < 0 || beganLater(sample, before.get(series(sample))))
  return restarted ? [...later] : later.map((sample) => ({ ...sample, value: change(sample) ?? sample.value }))
}

function beganLater({ name, value }: MetricSample, earlier: MetricSample['value'] | undefined): boolean {
  return began.test(name) && typeof value === 'number' && typeof earlier === 'number' && value > earlier
}

/** Seconds between two scrapes, where both state their time; `undefined` where they do not. */
export function secondsBetween(earlier: readonly MetricSample[], later: readonly MetricSample[]): number | undefined {
  const time = (samples: readonly MetricSample[]) => samples.find(({ timestamp_ms }) => timestamp_ms !== undefined)
  const from = time(earlier)?.timestamp_ms
  const to = time(later)?.timestamp_ms
  return from === undefined || to === undefined || to <= from ? undefined : (to - from) / 1000
}

function series({ name, labels }: MetricSample): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
}
