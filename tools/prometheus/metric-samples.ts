import type { MetricSample } from '../types.ts'
import { parseValue } from './line-reader.ts'

// Reads histograms from parsed samples, and computes the difference between two pages. A histogram on a page:
//
//     h_bucket{le="1"} 4       4 observations up to 1
//     h_bucket{le="2"} 8       4 more up to 2
//     h_bucket{le="+Inf"} 10   2 more above 2
//     h_sum 15
//     h_count 10

/** One histogram, summed over its series, e.g. over engines. */
export interface Histogram {
  /** Number of observations; NaN if the page does not contain it. */
  readonly count: number
  /** Sum of all observations; NaN if the page does not contain it. */
  readonly sum: number
  /**
   * Cumulative counts by upper limit, ascending; the last limit is infinite. Empty if the page has no bucket `+Inf`: then
   * quantiles are unknown.
   */
  readonly buckets: readonly { readonly upper: number; readonly cumulative: number }[]
}

/** The histogram with a name among samples; `undefined` if it is missing. */
export function histogramOf(samples: readonly MetricSample[], name: string): Histogram | undefined {
  const byUpper = new Map<number, number>()
  let count: number | undefined
  let sum: number | undefined
  for (const sample of samples) {
    const value = typeof sample.value === 'number' ? sample.value : Number.NaN
    if (sample.name === `${name}_count`) count = (count ?? 0) + value
    else if (sample.name === `${name}_sum`) sum = (sum ?? 0) + value
    else if (sample.name === `${name}_bucket`) {
      const upper = parseValue(sample.labels['le'] ?? '') ?? Number.NaN
      if (!Number.isNaN(upper)) byUpper.set(upper, (byUpper.get(upper) ?? 0) + value)
    }
  }
  if (count === undefined && sum === undefined && byUpper.size === 0) return undefined
  const buckets = [...byUpper].map(([upper, cumulative]) => ({ upper, cumulative })).sort((a, b) => a.upper - b.upper)
  const complete = buckets.at(-1)?.upper === Number.POSITIVE_INFINITY
  return { count: count ?? Number.NaN, sum: sum ?? Number.NaN, buckets: complete ? buckets : [] }
}

/** Mean from sum and count, so it is exact. `null` if nothing was observed, or if count or sum is missing or NaN. */
export function meanOf(histogram: Histogram | undefined): number | null {
  const mean = histogram === undefined ? Number.NaN : histogram.sum / histogram.count
  return Number.isFinite(mean) ? mean : null
}

/**
 * Quantile as in Prometheus' `histogram_quantile`: linear interpolation within a bucket, from 0 in the first one. The
 * result is an estimate. Wide buckets give values that the sum of the observations excludes, so it is kept in the
 * {@link quantileRange}.
 *
 * @returns a string such as `> 7680` if the quantile is above the last finite limit; `null` if it is unknown.
 */
export function quantileOf(histogram: Histogram | undefined, share: number): number | string | null {
  const place = histogram === undefined ? undefined : placeOf(histogram, share)
  if (histogram === undefined || place === undefined) return null
  const { lower, upper, before, cumulative, rank, index } = place
  if (upper === Number.POSITIVE_INFINITY) return index === 0 ? null : `> ${lower}`
  if (cumulative === before) return upper
  const value = lower + ((upper - lower) * (rank - before)) / (cumulative - before)
  const range = quantileRange(histogram, share)
  return range === undefined ? value : Math.min(range.upper, Math.max(range.lower, value))
}

/**
 * The range that certainly contains a quantile: its bucket, as far as the sum of the observations allows. `undefined` if
 * it is unknown; the upper end is infinite above the last limit.
 */
export function quantileRange(
  histogram: Histogram | undefined,
  share: number,
): { readonly lower: number; readonly upper: number } | undefined {
  const place = histogram === undefined ? undefined : placeOf(histogram, share)
  if (histogram === undefined || place === undefined) return undefined
  const { lower, upper, before, cumulative, rank, index, buckets } = place
  const range = { lower, upper }
  // Without the sum, or with negative observations, the bucket is all that is known.
  if (!Number.isFinite(histogram.sum) || lower < 0) return range
  // The observation of the rank, those above it in its bucket, and those below it.
  const ordinal = Math.min(cumulative, Math.max(before + 1, Math.ceil(rank)))
  const others = buckets.map(({ upper: limit, cumulative: count }, at) => ({
    count: count - (buckets[at - 1]?.cumulative ?? 0),
    from: buckets[at - 1]?.upper ?? 0,
    to: limit,
    isOwn: at === index,
  }))
  const least = others.reduce((sum, { count, from, isOwn }) => sum + (isOwn || count === 0 ? 0 : count * from), 0)
  const most = others.reduce((sum, { count, to, isOwn }) => sum + (isOwn || count === 0 ? 0 : count * to), 0)
  const highest = (histogram.sum - least - (ordinal - 1 - before) * lower) / (cumulative - ordinal + 1)
  const lowest =
    upper === Number.POSITIVE_INFINITY
      ? lower
      : (histogram.sum - most - (cumulative - ordinal) * upper) / (ordinal - before)
  // A sum that contradicts the buckets says nothing.
  const isPossible = highest >= lower && lowest <= upper
  return isPossible ? { lower: Math.max(lower, lowest), upper: Math.min(upper, highest) } : range
}

/**
 * Quantile of a part of a duration, such as the time to the first token. If both histograms have the same observations,
 * it is at most that of the whole.
 */
export function partQuantileOf(
  part: Histogram | undefined,
  whole: Histogram | undefined,
  share: number,
): number | string | null {
  const value = quantileOf(part, share)
  const limit = part?.count === whole?.count ? quantileOf(whole, share) : null
  if (value === null || typeof limit !== 'number') return value
  return typeof value === 'number' ? Math.min(value, limit) : limit
}

/** The bucket of a quantile. */
function placeOf(histogram: Histogram, share: number) {
  const buckets = ascendingBuckets(histogram)
  const total = buckets.at(-1)?.cumulative ?? 0
  const rank = share * total
  const index = buckets.findIndex(({ cumulative }) => cumulative >= rank)
  const bucket = buckets[index]
  if (!(total > 0) || bucket === undefined) return undefined
  const below = buckets[index - 1]
  const lower = below?.upper ?? Math.min(0, bucket.upper)
  return { ...bucket, buckets, index, rank, lower, before: below?.cumulative ?? 0 }
}

/**
 * The buckets with counts that never decrease. The series of several engines are not read at the same instant, so a
 * cumulative count can appear to decrease.
 */
export function ascendingBuckets({ buckets }: Histogram): Histogram['buckets'] {
  let highest = 0
  return buckets.map(({ upper, cumulative }) => {
    highest = Math.max(highest, cumulative)
    return { upper, cumulative: highest }
  })
}

/** Names of cumulative series. */
const cumulativeName = /_(total|bucket|count|sum)$/
/** Series that contain the start time of the process or of one of its counters. */
const startTimeName = /^process_start_time_seconds$|_created$/

/**
 * The changes between two scrapes: counters and histograms as differences, gauges with their later values.
 *
 * If a counter decreased or started later, the process restarted in between. Then the result is the later scrape,
 * because its counters cover the time since the restart. A counter of vLLM V1 that only the later page has, or that is not
 * a number on the earlier one, is left out: an engine creates all its counters at once, so the earlier page is incomplete,
 * and the change is not known.
 */
export function scrapeDelta(earlier: readonly MetricSample[], later: readonly MetricSample[]): MetricSample[] {
  const before = valuesBySeries(earlier)
  const restarted =
    decreases(earlier, later) || later.some((sample) => startedLater(sample, before.get(series(sample))))
  if (restarted) return [...later]
  return later.flatMap((sample) => {
    const isUnknown =
      cumulativeName.test(sample.name) &&
      sample.name.startsWith('vllm:') &&
      sample.labels['engine'] !== undefined &&
      typeof before.get(series(sample)) !== 'number'
    return isUnknown ? [] : [{ ...sample, value: change(before, sample) ?? sample.value }]
  })
}

/** Whether a counter is lower in the later scrape. */
export function decreases(earlier: readonly MetricSample[], later: readonly MetricSample[]): boolean {
  const before = valuesBySeries(earlier)
  return later.some((sample) => (change(before, sample) ?? 0) < 0)
}

function valuesBySeries(samples: readonly MetricSample[]): ReadonlyMap<string, MetricSample['value']> {
  return new Map(samples.map((sample) => [series(sample), sample.value]))
}

/** Change of a counter; `undefined` for another sample. */
function change(before: ReadonlyMap<string, MetricSample['value']>, sample: MetricSample): number | undefined {
  const from = before.get(series(sample))
  const counted = cumulativeName.test(sample.name) && typeof sample.value === 'number' && typeof from === 'number'
  return counted ? sample.value - from : undefined
}

/** Whether a start time is later than in the earlier scrape. */
function startedLater({ name, value }: MetricSample, earlier: MetricSample['value'] | undefined): boolean {
  return startTimeName.test(name) && typeof value === 'number' && typeof earlier === 'number' && value > earlier
}

/** Seconds between two scrapes; `undefined` if one of them has no timestamps. */
export function secondsBetween(earlier: readonly MetricSample[], later: readonly MetricSample[]): number | undefined {
  const time = (samples: readonly MetricSample[]) => samples.find(({ timestamp_ms }) => timestamp_ms !== undefined)
  const from = time(earlier)?.timestamp_ms
  const to = time(later)?.timestamp_ms
  return from === undefined || to === undefined || to <= from ? undefined : (to - from) / 1000
}

/** Key of a series: its name and its labels in sorted order. */
function series({ name, labels }: MetricSample): string {
  return JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))])
}
