import type { MetricSample } from '../types.ts'
import { parseValue } from './line-reader.ts'

/** One histogram, summed over its series (e.g. over engines). */
export interface Histogram {
  readonly count: number
  readonly sum: number
  /** Ascending; the last bound is infinite. Empty where the page has no bucket `+Inf`: then nothing is known of quantiles. */
  readonly buckets: readonly { readonly bound: number; readonly cumulative: number }[]
}

/** The histogram of a name among samples; `undefined` where it is missing. */
export function histogramOf(samples: readonly MetricSample[], name: string): Histogram | undefined {
  const byBound = new Map<number, number>()
  let count: number | undefined
  let sum: number | undefined
  for (const sample of samples) {
    const value = typeof sample.value === 'number' ? sample.value : Number.NaN
    if (sample.name === `${name}_count`) count = (count ?? 0) + value
    else if (sample.name === `${name}_sum`) sum = (sum ?? 0) + value
    else if (sample.name === `${name}_bucket`) {
      const bound = parseValue(sample.labels['le'] ?? '') ?? Number.NaN
      if (!Number.isNaN(bound)) byBound.set(bound, (byBound.get(bound) ?? 0) + value)
    }
  }
  if (count === undefined && sum === undefined && byBound.size === 0) return undefined
  const buckets = [...byBound].map(([bound, cumulative]) => ({ bound, cumulative })).sort((a, b) => a.bound - b.bound)
  const complete = buckets.at(-1)?.bound === Number.POSITIVE_INFINITY
  return { count: count ?? Number.NaN, sum: sum ?? Number.NaN, buckets: complete ? buckets : [] }
}

/** Exact, however coarse the buckets are; `null` where nothing was observed, or count or sum is missing or no number. */
export function meanOf(histogram: Histogram | undefined): number | null {
  const mean = histogram === undefined ? Number.NaN : histogram.sum / histogram.count
  return Number.isFinite(mean) ? mean : null
}

/**
 * Quantile as Prometheus' `histogram_quantile` computes it: linear within the bucket, from 0 in the first one.
 *
 * A quantile beyond the last finite bound is only known to be greater: it comes as a text such as `> 7680`.
 */
export function quantileOf(histogram: Histogram | undefined, share: number): number | string | null {
  if (histogram === undefined) return null
  // Buckets of several engines are not scraped at one instant: a cumulative count never falls below the one before it.
  let highest = 0
  const buckets = histogram.buckets.map(({ bound, cumulative }) => {
    highest = Math.max(highest, cumulative)
    return { bound, cumulative: highest }
  })
  const total = buckets.at(-1)?.cumulative ?? 0
  if (!(total > 0)) return null
  const rank = share * total
  const index = buckets.findIndex(({ cumulative }) => cumulative >= rank)
  const bucket = buckets[index]
  if (bucket === undefined) return null
  const below = buckets[index - 1]
  if (bucket.bound === Number.POSITIVE_INFINITY) return below === undefined ? null : `> ${below.bound}`
  const lower = below?.bound ?? Math.min(0, bucket.bound)
  const before = below?.cumulative ?? 0
  if (bucket.cumulative === before) return bucket.bound
  return lower + ((bucket.bound - lower) * (rank - before)) / (bucket.cumulative - before)
}
