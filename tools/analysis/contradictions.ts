import { ascendingBuckets, type Histogram, meanOf, partQuantileOf } from '../prometheus/metric-samples.ts'
import { finite } from '../prometheus/metric-values.ts'
import type { MetricSample, MetricsAnalysis, Telemetry } from '../types.ts'
import type { HistogramReader } from './page-figures.ts'

/** Input of {@link contradictionsOf}. */
interface Comparison {
  readonly telemetry: Telemetry
  /** The page, or the changes since an earlier one. */
  readonly page: readonly MetricSample[]
  readonly metrics: MetricsAnalysis['derived_metrics']
  readonly histogram: HistogramReader
  /** Whether the counters of the page are changes since an earlier page. */
  readonly isChange: boolean
}

/**
 * Where a telemetry and a page cannot both be true, one sentence with both figures each.
 *
 * Only figures that must agree are compared. A page covers the life of the process and a telemetry a window, so other
 * figures may differ.
 */
export function contradictionsOf(comparison: Comparison): string[] {
  const { telemetry, page, metrics } = comparison
  const { requests, queue, kv_cache: kv } = telemetry
  const found: string[] = []
  const say = (field: string, figure: number, shown: string) =>
    found.push(`pre_telemetry.${field} is ${figure}, but the page shows ${shown}.`)
  const capacity = metrics.kv_cache_tokens
  if (
    capacity !== null &&
    kv.capacity_tokens !== null &&
    kv.capacity_tokens > 0 &&
    differs(capacity, kv.capacity_tokens)
  ) {
    say('kv_cache.capacity_tokens', kv.capacity_tokens, `${capacity} tokens`)
  }
  // The page is one moment, which must not exceed the largest value of the window that contains it.
  if (isInWindow(page, telemetry)) {
    const exceeds = (value: number | null, limit: number | null, noise: number) =>
      value !== null && limit !== null && value > limit + noise
    if (exceeds(metrics.waiting, queue.waiting_max, 1)) {
      say('queue.waiting_max', queue.waiting_max ?? 0, `${metrics.waiting} waiting requests`)
    }
    if (exceeds(metrics.running, queue.running_max, 1)) {
      say('queue.running_max', queue.running_max ?? 0, `${metrics.running} running requests`)
    }
    if (exceeds(metrics.kv_cache_usage, kv.usage_max, 0.02)) {
      say('kv_cache.usage_max', kv.usage_max ?? 0, `a usage of ${metrics.kv_cache_usage}`)
    }
  }
  // Counters of a process that started before the window include the whole window.
  if (!comparison.isChange && startedBefore(page, telemetry)) {
    if (metrics.served !== null && requests.served !== null && requests.served > metrics.served) {
      say('requests.served', requests.served, `${metrics.served} served requests since the start of the process`)
    }
    if (metrics.preemptions !== null && requests.preemptions !== null && requests.preemptions > metrics.preemptions) {
      say('requests.preemptions', requests.preemptions, `${metrics.preemptions} since the start of the process`)
    }
  }
  if (isOfSameRequests(comparison)) {
    const same = 'for the same requests'
    if (metrics.served !== null && requests.served !== null && requests.served !== metrics.served) {
      say('requests.served', requests.served, `${metrics.served} ${same}`)
    }
    if (metrics.preemptions !== null && requests.preemptions !== null && requests.preemptions !== metrics.preemptions) {
      say('requests.preemptions', requests.preemptions, `${metrics.preemptions} ${same}`)
    }
    found.push(...tokenContradictions(comparison))
  }
  return [...new Set([...found, ...latencyContradictions(comparison)])]
}

/** The same requests have nearly the same tokens: a scrape some seconds after the window has a few more. */
function tokenContradictions({ telemetry, metrics }: Comparison): string[] {
  const { throughput, window } = telemetry
  const rate = throughput.generation_tokens_per_s
  const shown = metrics.generation_tokens
  if (rate === null || shown === null || shown === 0) return []
  const tokens = rate * window.duration_s
  if (Math.abs(tokens - shown) <= 0.1 * shown) return []
  return [
    `pre_telemetry.throughput.generation_tokens_per_s is ${rate}, which is ${Math.round(tokens)} tokens in ` +
      `${window.duration_s} s, but the page shows ${shown} tokens for the same requests.`,
  ]
}

/** Whether page and telemetry count the same first tokens and finished requests, and enough of both to be no accident. */
function isOfSameRequests({ telemetry: { latency }, histogram }: Comparison): boolean {
  const counted = (name: string) => histogram(name)?.count
  const isSame =
    counted('time_to_first_token_seconds') === latency.ttft_s.count &&
    counted('e2e_request_latency_seconds') === latency.e2e_s.count
  return isSame && (latency.e2e_s.count ?? 0) >= 10
}

/** Statistics of the same number of observations, which are the same observations. */
function latencyContradictions({ telemetry, histogram }: Comparison): string[] {
  const compared = [
    ['ttft_s', 'time_to_first_token_seconds'],
    ['inter_token_s', 'inter_token_latency_seconds'],
    ['e2e_s', 'e2e_request_latency_seconds'],
    ['queue_s', 'request_queue_time_seconds'],
    ['prefill_s', 'request_prefill_time_seconds'],
    ['decode_s', 'request_decode_time_seconds'],
  ] as const
  const whole = histogram('e2e_request_latency_seconds')
  return compared.flatMap(([member, name]) => {
    const known = telemetry.latency[member]
    const shown = histogram(name)
    if (shown === undefined || shown.count !== known.count) return []
    const field = `pre_telemetry.latency.${member}`
    const same = `for the same ${known.count} observations`
    const value = meanOf(shown)
    const found: string[] = []
    if (known.mean !== null && value !== null && differs(value, known.mean)) {
      found.push(`${field}.mean is ${known.mean} s, but the page shows ${value.toFixed(6)} s ${same}.`)
    }
    for (const [statistic, share] of quantiles) {
      const quantile = known[statistic]
      const range = rangeOf(shown, share)
      if (quantile === null || range === undefined || isWithin(quantile, range)) continue
      // A telemetry from pages keeps a part of a request within the whole, whatever the buckets of the part say.
      const estimate = partQuantileOf(shown, member === 'inter_token_s' ? undefined : whole, share)
      if (typeof estimate === 'number' && !differs(estimate, quantile)) continue
      found.push(
        `${field}.${statistic} is ${quantile} s, but the page shows ${range.lower} to ${range.upper} s ${same}.`,
      )
    }
    return found
  })
}

const quantiles = [
  ['p50', 0.5],
  ['p95', 0.95],
  ['p99', 0.99],
] as const

/** Limits of a quantile: those of its bucket, or of its neighbours if it is the first or last observation of one. */
function rangeOf(histogram: Histogram, share: number): { readonly lower: number; readonly upper: number } | undefined {
  const buckets = ascendingBuckets(histogram)
  const rank = share * (buckets.at(-1)?.cumulative ?? 0)
  const first = buckets.findIndex(({ cumulative }) => cumulative >= rank - 1)
  const last = buckets.find(({ cumulative }) => cumulative >= rank + 1) ?? buckets.at(-1)
  return last === undefined ? undefined : { lower: buckets[first - 1]?.upper ?? 0, upper: last.upper }
}

/** Whether a figure of the telemetry lies in a range, or is the rounded value of one of its limits. */
function isWithin(figure: number, { lower, upper }: { readonly lower: number; readonly upper: number }): boolean {
  return (figure >= lower || !differs(lower, figure)) && (figure <= upper || !differs(upper, figure))
}

/** By more than rounding: by 1 %, and by half of the last digit of the telemetry's figure. */
function differs(shown: number, figure: number): boolean {
  const decimals = /\.(\d+)$/.exec(String(figure))?.[1]?.length ?? 0
  return Math.abs(shown - figure) > Math.max(0.01 * Math.max(shown, figure), 0.500_001 * 10 ** -decimals)
}

/** Pages without timestamps count as pages of the window. */
function isInWindow(page: readonly MetricSample[], { window }: Telemetry): boolean {
  const at = page.find(({ timestamp_ms }) => timestamp_ms !== undefined)?.timestamp_ms
  return at === undefined || (at >= Date.parse(window.start) && at <= Date.parse(window.end))
}

function startedBefore(page: readonly MetricSample[], { window }: Telemetry): boolean {
  const [start] = finite(page, 'process_start_time_seconds')
  return start !== undefined && start * 1000 <= Date.parse(window.start)
}
