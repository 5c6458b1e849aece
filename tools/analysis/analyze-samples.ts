import {
  type Histogram,
  histogramOf,
  meanOf,
  quantileOf,
  scrapeDelta,
  secondsBetween,
} from '../prometheus/metric-samples.ts'
import { rounded } from '../simulation/distribution.ts'
import type { MetricSample, MetricsAnalysis, Telemetry } from '../types.ts'
import { findHotspot } from './hotspot.ts'

/**
 * Analyses a metrics page: latency by phase, derived metrics, and the hotspot.
 *
 * Counters are cumulative. Without an earlier scrape the results cover the life of the process, and rates are computed
 * over the telemetry's window. With an earlier scrape they cover the time between the two, and rates are computed over
 * the difference of their timestamps, or over the telemetry's window if they have none.
 *
 *     time_to_first_token_seconds, inter_token_latency_seconds     quantiles of latency
 *     request_{queue,prefill,decode}_time_seconds, e2e_…           breakdown of the time of a request
 *     num_requests_{running,waiting}, kv_cache_usage_perc          state at the moment of the scrape
 *     num_preemptions_total, {prompt,generation}_tokens_total      work
 *     request_success_total, prefix_cache_{queries,hits}_total     outcome and cache
 *
 * Metrics that the page does not contain are `null`. They are never filled in from the telemetry.
 *
 * @param samples the page, in the names of vLLM V1 or V0.
 * @param earlier an earlier page of the same engine.
 */
export function analyzeSamples(
  telemetry: Telemetry,
  samples: readonly MetricSample[],
  earlier?: readonly MetricSample[],
): MetricsAnalysis {
  // All names below are those of V1.
  const now = withCurrentNames(samples)
  const page = earlier === undefined ? now : scrapeDelta(withCurrentNames(earlier), now)
  const histogram = (name: string) => histogramOf(page, `vllm:${name}`)
  const sum = (name: string) => total(page, `vllm:${name}`)
  const seconds = (earlier && secondsBetween(earlier, samples)) ?? telemetry.window.duration_s
  const perSecond = (name: string) => roundedProduct(sum(name), 1 / seconds)
  // These reasons mean that a request was served; the others are abort and error.
  const served = page
    .filter(
      ({ name, labels }) =>
        name === 'vllm:request_success_total' && /^(stop|length|repetition)$/.test(labels['finished_reason'] ?? ''),
    )
    .reduce<number | null>((count, { value }) => (Number.isFinite(value) ? (count ?? 0) + Number(value) : count), null)
  const preemptions = sum('num_preemptions_total')
  const derived_metrics = {
    ttft_p95_s: quantile(histogram('time_to_first_token_seconds'), 0.95),
    inter_token_p99_s: quantile(histogram('inter_token_latency_seconds'), 0.99),
    e2e_p95_s: quantile(histogram('e2e_request_latency_seconds'), 0.95),
    queue_mean_s: roundedProduct(meanOf(histogram('request_queue_time_seconds')), 1),
    running: sum('num_requests_running'),
    waiting: waitingRequests(page),
    kv_cache_usage: roundedProduct(mean(page, 'vllm:kv_cache_usage_perc'), 1),
    preemptions,
    preemptions_per_served: served === null || served === 0 ? null : roundedProduct(preemptions, 1 / served),
    prompt_tokens_per_s: perSecond('prompt_tokens_total'),
    generation_tokens_per_s: perSecond('generation_tokens_total'),
    prefix_cache_hit_rate: roundedProduct(prefixHitRate(page), 1),
    served,
  }
  return { latency_breakdown: breakdown(histogram), derived_metrics, hotspot: findHotspot(telemetry, derived_metrics) }
}

/** End-to-end time starts at the API server. The part that no phase of the engine explains was spent in the frontend. */
function breakdown(histogram: (name: string) => Histogram | undefined): MetricsAnalysis['latency_breakdown'] {
  const e2e = meanOf(histogram('e2e_request_latency_seconds'))
  const part = (mean_s: number | null) => ({
    mean_s: roundedProduct(mean_s, 1),
    share: mean_s === null || e2e === null || e2e === 0 ? null : rounded(mean_s / e2e),
  })
  const queue = meanOf(histogram('request_queue_time_seconds'))
  const prefill = meanOf(histogram('request_prefill_time_seconds'))
  const decode = meanOf(histogram('request_decode_time_seconds'))
  const known = e2e !== null && queue !== null && prefill !== null && decode !== null
  return {
    queue: part(queue),
    prefill: part(prefill),
    decode: part(decode),
    other: part(known ? Math.max(0, e2e - queue - prefill - decode) : null),
  }
}

/** A quantile, rounded; a lower limit such as `> 80` stays a string. */
function quantile(histogram: Histogram | undefined, share: number): number | string | null {
  const value = quantileOf(histogram, share)
  return typeof value === 'number' ? rounded(value) : value
}

/** Scales and rounds a value; `null` stays `null`. */
function roundedProduct(value: number | null, factor: number): number | null {
  return value === null ? null : rounded(value * factor)
}

/** Names of metrics in vLLM V0, with their names in V1. */
const renamed: { readonly [name: string]: string } = {
  'vllm:gpu_cache_usage_perc': 'vllm:kv_cache_usage_perc',
  'vllm:gpu_prefix_cache_queries_total': 'vllm:prefix_cache_queries_total',
  'vllm:gpu_prefix_cache_hits_total': 'vllm:prefix_cache_hits_total',
  'vllm:time_per_output_token_seconds': 'vllm:inter_token_latency_seconds',
  'vllm:time_in_queue_requests': 'vllm:request_queue_time_seconds',
}
/** Suffixes of the series of a histogram, which keep their place when a metric is renamed. */
const suffix = /_(bucket|count|sum)$/

/** Renames samples to the names of V1. If a page has both names, only the newer one is kept. */
function withCurrentNames(samples: readonly MetricSample[]): MetricSample[] {
  const present = new Set(samples.map(({ name }) => name))
  return samples.flatMap((sample) => {
    const tail = suffix.exec(sample.name)?.[0] ?? ''
    const stem = tail === '' ? sample.name : sample.name.slice(0, -tail.length)
    const current = Object.hasOwn(renamed, stem) ? renamed[stem] : undefined
    if (current === undefined) return [sample]
    const name = current + tail
    return present.has(name) ? [] : [{ ...sample, name }]
  })
}

/** Sum over all series of a name, e.g. over engines; `null` without a finite value. */
function total(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0)
}

/** Waiting requests. V0 counts requests that are swapped out separately; V1 has no such state. */
function waitingRequests(samples: readonly MetricSample[]): number | null {
  const waiting = total(samples, 'vllm:num_requests_waiting')
  return waiting === null ? null : waiting + (total(samples, 'vllm:num_requests_swapped') ?? 0)
}

/** Share of prompt tokens found in the prefix cache, from V1's counters or V0's gauge (-1 if caching is off). */
function prefixHitRate(samples: readonly MetricSample[]): number | null {
  const queries = total(samples, 'vllm:prefix_cache_queries_total')
  const hits = total(samples, 'vllm:prefix_cache_hits_total')
  if (queries !== null && hits !== null) return queries === 0 ? null : hits / queries
  const rate = mean(samples, 'vllm:gpu_prefix_cache_hit_rate')
  return rate === null || rate < 0 ? null : rate
}

/** Mean over all series of a name. vLLM averages KV cache usage over engines in the same way. */
function mean(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Finite values of all series of a name. NaN and infinity, which are strings here, are skipped. */
function finite(samples: readonly MetricSample[], name: string): number[] {
  return samples.flatMap((sample) =>
    sample.name === name && Number.isFinite(sample.value) ? [Number(sample.value)] : [],
  )
}
