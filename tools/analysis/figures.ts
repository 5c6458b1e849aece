import { type Histogram, meanOf, quantileOf } from '../prometheus/metric-samples.ts'
import type { LatencyStatistics, MetricsAnalysis, Telemetry } from '../types.ts'
import { type HistogramReader, meanRequestTokens } from './page-figures.ts'

/**
 * The figures that the hotspot is judged by: those of the page, completed from the telemetry. `null`: neither has it.
 */
export interface Figures {
  /** The figures of the page. */
  readonly metrics: MetricsAnalysis['derived_metrics']
  /** Requests in the engine at the earlier page; `null` without an earlier page of the same run. */
  readonly earlierRequests: number | null
  /** Preemptions in the window, from a telemetry of pages; `null` for any other telemetry. */
  readonly windowPreemptions: number | null
  /** Queue and batch over the window, from the telemetry; `null` if only the moment of the page is known. */
  readonly queue: { readonly waiting: number; readonly running: number; readonly runningMax: number } | null
  /** Largest known number of waiting requests. */
  readonly waitingMax: number | null
  /** Largest known share of KV blocks in use, 0 to 1. */
  readonly usage: number | null
  /** Share of the KV cache that the mean batch of requests of mean length needs; an estimate. */
  readonly batchUsage: number | null
  /** Tokens that the KV cache holds. */
  readonly capacityTokens: number | null
  /** Time to the first token, in seconds. A quantile above the last bucket is that bucket's limit. */
  readonly ttft: { readonly mean: number | null; readonly p95: number | null }
  /** Number of first tokens; `null` if neither counts them. */
  readonly firstTokens: number | null
  /** Time between tokens, in seconds. */
  readonly interToken: { readonly p50: number | null; readonly p99: number | null }
  /** Mean time in the queue, in seconds. */
  readonly queueMean: number | null
  /** Mean time of prefill, in seconds. */
  readonly prefillMean: number | null
}

/**
 * Collects the figures.
 *
 * @param telemetry completes them; `undefined` if it must not be used.
 */
export function figuresOf(
  histogram: HistogramReader,
  metrics: MetricsAnalysis['derived_metrics'],
  telemetry: Telemetry | undefined,
  earlierRequests: number | null,
): Figures {
  const { queue, kv_cache: kv, latency } = telemetry ?? {}
  const ttft = histogram('time_to_first_token_seconds')
  const queued = statistic(histogram('request_queue_time_seconds'), latency?.queue_s, 'mean')
  const interToken = histogram('inter_token_latency_seconds')
  const capacityTokens = metrics.kv_cache_tokens ?? kv?.capacity_tokens ?? null
  const requestTokens = meanRequestTokens(histogram)
  const batch = metrics.mean_batch
  return {
    metrics,
    earlierRequests,
    // Pages show nothing of workers, so their number is null.
    windowPreemptions:
      telemetry === undefined || telemetry.health.healthy_workers !== null ? null : telemetry.requests.preemptions,
    queue: windowQueue(queue),
    waitingMax: largest(metrics.waiting, queue?.waiting_max),
    usage: largest(metrics.kv_cache_usage, kv?.usage_max),
    batchUsage:
      batch === null || requestTokens === null || !capacityTokens ? null : (batch * requestTokens) / capacityTokens,
    capacityTokens,
    ttft: { mean: statistic(ttft, latency?.ttft_s, 'mean'), p95: statistic(ttft, latency?.ttft_s, 'p95') },
    firstTokens: ttft !== undefined && Number.isFinite(ttft.count) ? ttft.count : (latency?.ttft_s.count ?? null),
    interToken: {
      p50: statistic(interToken, latency?.inter_token_s, 'p50'),
      p99: statistic(interToken, latency?.inter_token_s, 'p99'),
    },
    queueMean: queued,
    prefillMean: statistic(histogram('request_prefill_time_seconds'), latency?.prefill_s, 'mean'),
  }
}

const shares = { p50: 0.5, p95: 0.95, p99: 0.99 } as const

/**
 * A statistic of the page. A telemetry of the same observations has the same one without the width of a bucket; any other
 * telemetry only completes what the page lacks.
 */
function statistic(
  histogram: Histogram | undefined,
  known: LatencyStatistics | undefined,
  name: 'mean' | keyof typeof shares,
): number | null {
  const completing = known?.[name] ?? null
  if (histogram === undefined || (completing !== null && known?.count === histogram.count)) return completing
  if (name === 'mean') return meanOf(histogram) ?? completing
  const value = quantileOf(histogram, shares[name])
  return typeof value === 'string' ? Number(value.replace('> ', '')) : (value ?? completing)
}

/** Queue and batch over a window, if all of it was observed. */
function windowQueue(queue: Telemetry['queue'] | undefined): Figures['queue'] {
  if (queue === undefined) return null
  const { waiting_mean: waiting, running_mean: running, running_max: runningMax } = queue
  return waiting === null || running === null || runningMax === null ? null : { waiting, running, runningMax }
}

function largest(...values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number')
  return known.length === 0 ? null : Math.max(...known)
}
