import { type Histogram, histogramOf } from '../prometheus/metric-samples.ts'
import { total } from '../prometheus/metric-values.ts'
import type { Distribution } from '../simulation/distribution.ts'
import type { SimulatedWindow } from '../simulation/window.ts'
import type { MetricSample } from '../types.ts'

/** Latencies and lengths, with the family of the page that each comes from. */
const histogramNames = {
  ttft: 'vllm:time_to_first_token_seconds',
  interToken: 'vllm:inter_token_latency_seconds',
  e2e: 'vllm:e2e_request_latency_seconds',
  promptTokens: 'vllm:request_prompt_tokens',
  generationTokens: 'vllm:request_generation_tokens',
} as const

/** A histogram of {@link PageTotals}. */
export type HistogramName = keyof typeof histogramNames

/** Totals of an engine since its start, or between two scrapes. Times are in seconds. */
export interface PageTotals {
  /** Requests that the engine accepted: those that finished, run or wait. */
  readonly arrived: number
  /** Requests that finished. */
  readonly finished: number
  /** Requests that were admitted: those that finished or run. */
  readonly admitted: number
  /** Output tokens. */
  readonly generatedTokens: number
  /** Steps of the engine. It makes none while it is idle. 0: the page does not have them. */
  readonly steps: number
  /** Tokens looked up in the prefix cache. 0: prefix caching is off, or no request was admitted. */
  readonly prefixQueries: number
  /** Tokens found in the prefix cache. */
  readonly prefixHits: number
  /** Latencies, and the lengths of finished requests. */
  readonly histograms: Readonly<Record<HistogramName, Histogram>>
}

/** The totals on a page with the names of V1; the names of the missing families if it lacks some. */
export function totalsOfPage(samples: readonly MetricSample[]): PageTotals | readonly string[] {
  const running = total(samples, 'vllm:num_requests_running')
  const waiting = total(samples, 'vllm:num_requests_waiting')
  const generatedTokens = total(samples, 'vllm:generation_tokens_total')
  const found = Object.entries(histogramNames).map(([key, name]) => [key, histogramOf(samples, name)] as const)
  const { ttft, interToken, e2e, promptTokens, generationTokens }: Partial<Record<string, Histogram>> =
    Object.fromEntries(found)
  if (
    running === null ||
    waiting === null ||
    generatedTokens === null ||
    !isComplete(ttft) ||
    !isComplete(interToken) ||
    !isComplete(e2e) ||
    !isComplete(promptTokens) ||
    !isComplete(generationTokens)
  ) {
    const gauges = { 'vllm:num_requests_running': running, 'vllm:num_requests_waiting': waiting }
    const counts = Object.entries({ ...gauges, 'vllm:generation_tokens_total': generatedTokens })
    return [
      ...counts.filter(([, value]) => value === null).map(([name]) => name),
      ...found.filter(([, histogram]) => !isComplete(histogram)).map(([key]) => nameOf(key)),
    ]
  }
  const finished = e2e.count
  return {
    arrived: finished + running + waiting,
    finished,
    admitted: finished + running,
    generatedTokens,
    steps: histogramOf(samples, 'vllm:iteration_tokens_total')?.count ?? 0,
    prefixQueries: total(samples, 'vllm:prefix_cache_queries_total') ?? 0,
    prefixHits: total(samples, 'vllm:prefix_cache_hits_total') ?? 0,
    histograms: { ttft, interToken, e2e, promptTokens, generationTokens },
  }
}

/** The totals that a page would have at the end of a simulated window. Buckets are those of another page. */
export function totalsOfWindow({ counts, end, observed }: SimulatedWindow, like: PageTotals): PageTotals {
  const finished = observed.e2e.count
  const histogram = (name: HistogramName) => asHistogram(observed[name], like.histograms[name])
  return {
    arrived: finished + end.running + end.waiting,
    finished,
    admitted: finished + end.running,
    generatedTokens: counts.generationTokens,
    steps: observed.iterationTokens.count,
    prefixQueries: counts.prefixQueries,
    prefixHits: counts.prefixHits,
    histograms: {
      ttft: histogram('ttft'),
      interToken: histogram('interToken'),
      e2e: histogram('e2e'),
      promptTokens: histogram('promptTokens'),
      generationTokens: histogram('generationTokens'),
    },
  }
}

/** The change from one scrape to a later one; the later one itself without an earlier one. */
export function changeOf(earlier: PageTotals | undefined, later: PageTotals): PageTotals {
  if (earlier === undefined) return later
  const histogram = (name: HistogramName) => difference(earlier.histograms[name], later.histograms[name])
  return {
    arrived: later.arrived - earlier.arrived,
    finished: later.finished - earlier.finished,
    admitted: later.admitted - earlier.admitted,
    generatedTokens: later.generatedTokens - earlier.generatedTokens,
    steps: later.steps - earlier.steps,
    prefixQueries: later.prefixQueries - earlier.prefixQueries,
    prefixHits: later.prefixHits - earlier.prefixHits,
    histograms: {
      ttft: histogram('ttft'),
      interToken: histogram('interToken'),
      e2e: histogram('e2e'),
      promptTokens: histogram('promptTokens'),
      generationTokens: histogram('generationTokens'),
    },
  }
}

function nameOf(key: string): string {
  return Object.entries(histogramNames).find(([name]) => name === key)?.[1] ?? key
}

function isComplete(histogram: Histogram | undefined): histogram is Histogram {
  return (
    histogram !== undefined &&
    Number.isFinite(histogram.count) &&
    Number.isFinite(histogram.sum) &&
    histogram.buckets.length > 0
  )
}

function asHistogram(distribution: Distribution, like: Histogram): Histogram {
  const limits = like.buckets.map(({ upper }) => upper)
  const cumulative = distribution.cumulative(limits)
  return {
    count: distribution.count,
    sum: distribution.sum,
    buckets: limits.map((upper, index) => ({ upper, cumulative: cumulative[index] ?? 0 })),
  }
}

function difference(earlier: Histogram, later: Histogram): Histogram {
  const before = new Map(earlier.buckets.map(({ upper, cumulative }) => [upper, cumulative]))
  return {
    count: later.count - earlier.count,
    sum: later.sum - earlier.sum,
    buckets: later.buckets.map(({ upper, cumulative }) => ({
      upper,
      cumulative: cumulative - (before.get(upper) ?? 0),
    })),
  }
}
