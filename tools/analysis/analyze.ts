import { histogramOf, meanOf, quantileOf } from '../prometheus/histogram.ts'
import { scrapeDelta, secondsBetween } from '../prometheus/scrape-delta.ts'
import { rounded } from '../simulation/distribution.ts'
import type { MetricSample, MetricsAnalysis, Telemetry } from '../types.ts'
import { findHotspot } from './hotspot.ts'

/**
 * Where the time goes, by the metrics.
 *
 * Counters are cumulative: without an earlier scrape the figures cover the life of the process, and rates are taken over
 * the telemetry's window. Between two scrapes rates are taken over their timestamps, or, where they state none, over the
 * telemetry's window. What the page does not carry stays `null`; nothing is filled in from the telemetry.
 */
export function analyze(
  telemetry: Telemetry,
  samples: readonly MetricSample[],
  earlier?: readonly MetricSample[],
): MetricsAnalysis {
  const now = withCurrentNames(samples)
  const page = earlier === undefined ? now : scrapeDelta(withCurrentNames(earlier), now)
  const histogram = (name: string) => histogramOf(page, `vllm:${name}`)
  const sum = (name: string) => total(page, `vllm:${name}`)
  const seconds = (earlier && secondsBetween(earlier, samples)) ?? telemetry.window.duration_s
  const perSecond = (name: string) => scaled(sum(name), 1 / seconds)
  const served = page
    .filter(
      ({ name, labels }) =>
        name === 'vllm:request_success_total' && /^(stop|length)$/.test(labels['finished_reason'] ?? ''),
    )
    .reduce<number | null>((count, { value }) => (Number.isFinite(value) ? (count ?? 0) + Number(value) : count), null)
  const preemptions = sum('num_preemptions_total')
  const derived_metrics = {
    ttft_p95_s: quantile(histogram('time_to_first_token_seconds'), 0.95),
    inter_token_p99_s: quantile(histogram('inter_token_latency_seconds'), 0.99),
    e2e_p95_s: quantile(histogram('e2e_request_latency_seconds'), 0.95),
    queue_mean_s: scaled(meanOf(histogram('request_queue_time_seconds')), 1),
    running: sum('num_requests_running'),
    waiting: waitingRequests(page),
    kv_cache_usage: scaled(mean(page, 'vllm:kv_cache_usage_perc'), 1),
    preemptions,
    preemptions_per_served: served === null || served === 0 ? null : scaled(preemptions, 1 / served),
    prompt_tokens_per_s: perSecond('prompt_tokens_total'),
    generation_tokens_per_s: perSecond('generation_tokens_total'),
    prefix_cache_hit_rate: scaled(prefixHitRate(page), 1),
    served,
  }
  return { latency_breakdown: breakdown(histogram), derived_metrics, hotspot: findHotspot(telemetry, derived_metrics) }
}

/** End-to-end time counts from arrival at the API; what no phase of the engine explains is the frontend's. */
function breakdown(histogram: (name: string) => ReturnType<typeof histogramOf>): MetricsAnalysis['latency_breakdown'] {
  const e2e = meanOf(histogram('e2e_request_latency_seconds'))
  const part = (mean_s: number | null) => ({
    mean_s: scaled(mean_s, 1),
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

function quantile(histogram: ReturnType<typeof histogramOf>, share: number): number | string | null {
  const value = quantileOf(histogram, share)
  return typeof value === 'number' ? rounded(value) : value
}

function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : rounded(value * factor)
}

/** Names of earlier versions and what they are called in V1. */
const renamed: { readonly [name: string]: string } = {
  'vllm:gpu_cache_usage_perc': 'vllm:kv_cache_usage_perc',
  'vllm:gpu_prefix_cache_queries_total': 'vllm:prefix_cache_queries_total',
  'vllm:gpu_prefix_cache_hits_total': 'vllm:prefix_cache_hits_total',
  'vllm:time_per_output_token_seconds': 'vllm:inter_token_latency_seconds',
  'vllm:time_in_queue_requests': 'vllm:request_queue_time_seconds',
}
const suffix = /_(bucket|count|sum)$/

/** Samples under the names of V1; where a page has both names, the newer one counts. */
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

/** Sum over all series of a name: counters, and requests running or waiting. `null` where there is none that is finite. */
function total(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0)
}

/** Requests that wait; V0 counts those swapped out for want of memory apart, V1 has no such state. */
function waitingRequests(samples: readonly MetricSample[]): number | null {
  const waiting = total(samples, 'vllm:num_requests_waiting')
  return waiting === null ? null : waiting + (total(samples, 'vllm:num_requests_swapped') ?? 0)
}

/** Share of prompt tokens found in the prefix cache: by V1's counters, or V0's gauge, which is -1 when caching is off. */
function prefixHitRate(samples: readonly MetricSample[]): number | null {
  const queries = total(samples, 'vllm:prefix_cache_queries_total')
  const hits = total(samples, 'vllm:prefix_cache_hits_total')
  if (queries !== null && hits !== null) return queries === 0 ? null : hits / queries
  const rate = mean(samples, 'vllm:gpu_prefix_cache_hit_rate')
  return rate === null || rate < 0 ? null : rate
}

/** Mean over engines, as vLLM's own aggregate shows KV cache usage. */
function mean(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

function finite(samples: readonly MetricSample[], name: string): number[] {
  return samples.flatMap((sample) =>
    sample.name === name && Number.isFinite(sample.value) ? [Number(sample.value)] : [],
  )
}
