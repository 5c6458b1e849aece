import type { MetricSample } from '../documents.ts'

const cumulative = /_(total|bucket|count|sum)$/

/**
 * What happened between two scrapes: counters and histograms as differences, gauges as they are now.
 *
 * A counter that fell means that the process restarted in between: its value since then is all that is known.
 */
export function scrapeDelta(earlier: readonly MetricSample[], later: readonly MetricSample[]): MetricSample[] {
  const before = new Map(earlier.map((sample) => [series(sample), sample.value]))
  return later.map((sample) => {
    const from = before.get(series(sample))
    const { value } = sample
    if (!cumulative.test(sample.name) || typeof value !== 'number' || typeof from !== 'number' || from > value)
      return sample
    return { ...sample, value: value - from }
  })
}

function series({ name, labels }: MetricSample): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
}
