import { type Histogram, histogramOf, meanOf, partQuantileOf, quantileOf } from '../prometheus/metric-samples.ts'
import { finishedRequests, kvCapacityTokens, mean, total, waitingRequests } from '../prometheus/metric-values.ts'
import { rounded } from '../simulation/distribution.ts'
import type { MetricSample, MetricsAnalysis } from '../types.ts'

type DerivedMetrics = MetricsAnalysis['derived_metrics']

/** A histogram of a page by its name without `vllm:`. */
export type HistogramReader = (name: string) => Histogram | undefined

/** Reads histograms of a page, each of them once. */
export function histogramReader(page: readonly MetricSample[]): HistogramReader {
  const known = new Map<string, Histogram | undefined>()
  return (name) => {
    if (!known.has(name)) known.set(name, histogramOf(page, `vllm:${name}`))
    return known.get(name)
  }
}

/**
 * The figures of a page, in the names of V1. A figure is `null` if the page does not contain it.
 *
 * @param seconds time that the counters cover; `undefined` if it is not known, then rates are `null`.
 */
export function deriveMetrics(
  page: readonly MetricSample[],
  histogram: HistogramReader,
  seconds: number | undefined,
): DerivedMetrics {
  const sum = (name: string) => total(page, `vllm:${name}`)
  const perSecond = (name: string) => (seconds === undefined ? null : scaled(sum(name), 1 / seconds))
  const finished = finishedRequests(page)
  const served = finished?.served ?? null
  const preemptions = sum('num_preemptions_total')
  const deferred = page.filter(({ labels }) => labels['reason'] === 'deferred')
  return {
    ttft_p95_s: roundedQuantile(
      partQuantileOf(histogram('time_to_first_token_seconds'), histogram('e2e_request_latency_seconds'), 0.95),
    ),
    inter_token_p99_s: quantile(histogram('inter_token_latency_seconds'), 0.99),
    e2e_p95_s: quantile(histogram('e2e_request_latency_seconds'), 0.95),
    queue_mean_s: scaled(meanOf(histogram('request_queue_time_seconds')), 1),
    running: sum('num_requests_running'),
    waiting: waitingRequests(page),
    waiting_deferred: total(deferred, 'vllm:num_requests_waiting_by_reason'),
    kv_cache_usage: scaled(mean(page, 'vllm:kv_cache_usage_perc'), 1),
    kv_cache_tokens: kvCapacityTokens(page),
    preemptions,
    preemptions_per_served: served === null || served === 0 ? null : scaled(preemptions, 1 / served),
    recomputed_tokens_at_most: recomputedTokens(preemptions, histogram),
    mean_batch: meanBatch(page, histogram),
    prompt_tokens_per_s: perSecond('prompt_tokens_total'),
    generation_tokens: sum('generation_tokens_total'),
    generation_tokens_per_s: perSecond('generation_tokens_total'),
    prefix_cache_hit_rate: scaled(prefixHitRate(page), 1),
    external_cache_hit_rate: ratio(sum('external_prefix_cache_hits_total'), sum('external_prefix_cache_queries_total')),
    kv_transfer_mean_s: scaled(meanOf(histogram('nixl_xfer_time_seconds')), 1),
    draft_acceptance_rate: ratio(
      sum('spec_decode_num_accepted_tokens_total'),
      sum('spec_decode_num_draft_tokens_total'),
    ),
    served,
    aborted: finished?.abort ?? null,
    errored: finished?.error ?? null,
    rejected: sum('admission_rejections_total'),
  }
}

/** Mean tokens of a finished request: prompt and answer. */
export function meanRequestTokens(histogram: HistogramReader): number | null {
  const prompt = meanOf(histogram('request_prompt_tokens'))
  const output = meanOf(histogram('request_generation_tokens'))
  return prompt === null || output === null ? null : prompt + output
}

/**
 * Tokens that preemptions made vLLM compute again, at most: whole requests of the mean length. No counter shows them, and
 * with prefix caching a part is found again.
 */
function recomputedTokens(preemptions: number | null, histogram: HistogramReader): number | null {
  const tokens = meanRequestTokens(histogram)
  return preemptions === null || tokens === null ? null : Math.round(preemptions * tokens)
}

/** Mean number of sequences that a step gives a token: output tokens by steps. Accepted drafts are further tokens. */
function meanBatch(page: readonly MetricSample[], histogram: HistogramReader): number | null {
  const generated = total(page, 'vllm:generation_tokens_total')
  const accepted = total(page, 'vllm:spec_decode_num_accepted_tokens_total') ?? 0
  const steps = histogram('iteration_tokens_total')?.count ?? null
  return ratio(generated === null ? null : Math.max(0, generated - accepted), steps)
}

/** Share of prompt tokens found in the prefix cache, from V1's counters or V0's gauge (-1 if caching is off). */
function prefixHitRate(page: readonly MetricSample[]): number | null {
  const queries = total(page, 'vllm:prefix_cache_queries_total')
  const hits = total(page, 'vllm:prefix_cache_hits_total')
  if (queries !== null && hits !== null) return ratio(hits, queries)
  const rate = mean(page, 'vllm:gpu_prefix_cache_hit_rate')
  return rate === null || rate < 0 ? null : rate
}

/** A quantile, rounded; a lower limit such as `> 80` stays a string. */
function quantile(histogram: Histogram | undefined, share: number): number | string | null {
  return roundedQuantile(quantileOf(histogram, share))
}

function roundedQuantile(value: number | string | null): number | string | null {
  return typeof value === 'number' ? rounded(value) : value
}

/** Scales and rounds a value; `null` stays `null`. */
export function scaled(value: number | null, factor: number): number | null {
  return value === null ? null : rounded(value * factor)
}

/** A rounded ratio; `null` if a part is missing or nothing was counted. */
function ratio(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || !(whole > 0) ? null : rounded(part / whole)
}
