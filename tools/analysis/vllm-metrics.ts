import type { MetricSample } from '../documents.ts'

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
export function withCurrentNames(samples: readonly MetricSample[]): MetricSample[] {
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
export function total(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0)
}

/** Requests that wait; V0 counts those swapped out for want of memory apart, V1 has no such state. */
export function waitingRequests(samples: readonly MetricSample[]): number | null {
  const waiting = total(samples, 'vllm:num_requests_waiting')
  return waiting === null ? null : waiting + (total(samples, 'vllm:num_requests_swapped') ?? 0)
}

/** Share of prompt tokens found in the prefix cache: by V1's counters, or V0's gauge, which is -1 when caching is off. */
export function prefixHitRate(samples: readonly MetricSample[]): number | null {
  const queries = total(samples, 'vllm:prefix_cache_queries_total')
  const hits = total(samples, 'vllm:prefix_cache_hits_total')
  if (queries !== null && hits !== null) return queries === 0 ? null : hits / queries
  const rate = mean(samples, 'vllm:gpu_prefix_cache_hit_rate')
  return rate === null || rate < 0 ? null : rate
}

/** Mean over engines, as vLLM's own aggregate shows KV cache usage. */
export function mean(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

function finite(samples: readonly MetricSample[], name: string): number[] {
  return samples.flatMap((sample) =>
    sample.name === name && Number.isFinite(sample.value) ? [Number(sample.value)] : [],
  )
}
