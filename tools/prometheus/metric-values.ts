import type { MetricSample } from '../types.ts'

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

/** The samples of a page as all figures read them: in the names of V1, and NaN where a value cannot be true. */
export function observedSamples(samples: readonly MetricSample[]): MetricSample[] {
  return withPossibleValues(withCurrentNames(samples))
}

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

/** Series that count. The estimates of work per GPU are too large for exact numbers. */
const countName =
  /^(?:vllm:num_requests_\w+|vllm:(?!estimated_)\w+_total|vllm:\w+_(?:count|bucket)|http_requests_total)$/

/** Series whose value is a time in Unix seconds. */
const startName = /^process_start_time_seconds$|_created$/
/** The year 5138, in Unix seconds. Later times cannot be true. */
export const latestTime = 1e11

/**
 * Replaces values of vLLM that cannot be true by NaN, which means that they were not observed: counts that are not whole
 * numbers, shares above 1, and times in the far future. Only the hit rate of V0 may be negative.
 */
function withPossibleValues(samples: readonly MetricSample[]): MetricSample[] {
  return samples.map((sample) => {
    const { name, value } = sample
    const isStart = startName.test(name)
    const isKnown = name.startsWith('vllm:') || name === 'http_requests_total' || isStart
    if (!isKnown || typeof value !== 'number' || name === 'vllm:gpu_prefix_cache_hit_rate') return sample
    const isPossible =
      value >= 0 &&
      (!isStart || value < latestTime) &&
      (!countName.test(name) || Number.isSafeInteger(value)) &&
      (name !== 'vllm:kv_cache_usage_perc' || value <= 1)
    return isPossible ? sample : { ...sample, value: 'NaN' }
  })
}

/** Sum over all series of a name, e.g. over engines; `null` without a finite value. */
export function total(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0)
}

/** Mean over all series of a name. vLLM averages KV cache usage over engines in the same way. */
export function mean(samples: readonly MetricSample[], name: string): number | null {
  const values = finite(samples, name)
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Finite values of all series of a name. NaN and infinity, which are strings here, are skipped. */
export function finite(samples: readonly MetricSample[], name: string): number[] {
  return samples.flatMap((sample) =>
    sample.name === name && Number.isFinite(sample.value) ? [Number(sample.value)] : [],
  )
}

/** Waiting requests. V0 counts requests that are swapped out separately; V1 has no such state. */
export function waitingRequests(samples: readonly MetricSample[]): number | null {
  const waiting = total(samples, 'vllm:num_requests_waiting')
  return waiting === null ? null : waiting + (total(samples, 'vllm:num_requests_swapped') ?? 0)
}

/** Finished requests by reason. */
export interface FinishedRequests {
  /** Requests that got their answer: `stop`, `length` and `repetition`. */
  readonly served: number
  /** Requests that their clients gave up. */
  readonly abort: number
  /** Requests that ended with any other reason, such as `error`. */
  readonly error: number
}

/** Counts finished requests by `finished_reason`; `null` if the page has no such counter. */
export function finishedRequests(samples: readonly MetricSample[]): FinishedRequests | null {
  const counters = samples.filter(({ name }) => name === 'vllm:request_success_total')
  if (finite(counters, 'vllm:request_success_total').length === 0) return null
  const sum = (reasons: RegExp) =>
    total(
      counters.filter(({ labels }) => reasons.test(labels['finished_reason'] ?? '')),
      'vllm:request_success_total',
    ) ?? 0
  return { served: sum(servedReason), abort: sum(/^abort$/), error: sum(/^(?!stop$|length$|repetition$|abort$)/) }
}

/** These reasons mean that a request was served. */
const servedReason = /^(stop|length|repetition)$/

/** The family whose labels are the members of vLLM's `CacheConfig`. */
const cacheConfigInfo = 'vllm:cache_config_info'

/** Tokens that the KV caches of all engines hold; `null` if the page does not state it. */
export function kvCapacityTokens(samples: readonly MetricSample[]): number | null {
  const infos = samples.filter(({ name }) => name === cacheConfigInfo)
  const tokens = infos.map(({ labels }) => {
    // Later versions state the tokens, which is also right for models with several kinds of attention.
    const stated = Number(labels['kv_cache_size_tokens'])
    if (Number.isFinite(stated)) return stated
    // vLLM adds up the blocks of all engines and states the sum for each of them.
    return (Number(labels['num_gpu_blocks']) * Number(labels['block_size'])) / infos.length
  })
  const sum = tokens.reduce((all, one) => all + one, 0)
  return infos.length > 0 && Number.isFinite(sum) ? sum : null
}

/**
 * The samples of one engine. Samples without the label, such as those of the API server, are kept. Its number of KV blocks
 * is its share of those of all engines, which vLLM states for each.
 */
export function ofEngine(samples: readonly MetricSample[], engine: string | undefined): readonly MetricSample[] {
  if (engine === undefined) return samples
  const engines = samples.filter(({ name }) => name === cacheConfigInfo).length
  return samples.flatMap((sample) => {
    const { name, labels } = sample
    if (labels['engine'] !== undefined && labels['engine'] !== engine) return []
    if (name !== cacheConfigInfo || engines < 2) return [sample]
    return [{ ...sample, labels: { ...labels, num_gpu_blocks: String(Number(labels['num_gpu_blocks']) / engines) } }]
  })
}

/** The values of a label among vLLM's samples, sorted, as text. */
export function labelValues(samples: readonly MetricSample[], label: string): string {
  const values = samples.flatMap(({ name, labels }) => (name.startsWith('vllm:') ? (labels[label] ?? []) : []))
  return [...new Set(values)].sort().join(', ')
}

/** When the process or its counters were created, in Unix seconds; `undefined` if the page does not state it. */
export function startOf(samples: readonly MetricSample[]): number | undefined {
  return countersStart(samples) ?? finite(samples, 'process_start_time_seconds')[0]
}

/**
 * When the counters of the engine were created, in Unix seconds: after the model is loaded, minutes after the start of the
 * process. `undefined` if the page does not state it.
 */
export function countersStart(samples: readonly MetricSample[]): number | undefined {
  return finite(samples, 'vllm:generation_tokens_created')[0]
}

/** Clocks of two hosts, or a slow scrape, may differ by this many seconds. */
export const clockToleranceS = 60

/** A time in RFC 3339 with milliseconds. */
export function isoTime(unixSeconds: number): string {
  return new Date(Math.round(unixSeconds * 1000)).toISOString()
}
