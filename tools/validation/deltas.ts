import type { MetricDelta, PairedSeeds, Telemetry } from '../types.ts'
import { withoutMissingFigures } from '../unobserved.ts'
import { effectOf, medianOf, type PairedSide } from './pairs.ts'

/** Smallest relative difference that counts as a change. */
const relativeThreshold = 0.05

/** Change in served requests, as a share of those that arrived, that counts as noise. */
export const servedThreshold = 0.01

/** One metric: where to read it, and how to compare it. */
interface ComparedMetric {
  /** Path in the telemetry, for example `latency.ttft_s.p95`. */
  readonly metric: string
  /** Unit, as reports show it. */
  readonly unit: MetricDelta['unit']
  /** Which direction is an improvement. */
  readonly better: 'lower' | 'higher' | 'neither'
  /** Largest absolute difference that counts as noise, whatever the relative difference. */
  readonly noise: number
  /** Smallest relative difference that counts as a change. Default {@link relativeThreshold}. */
  readonly threshold?: number
  /** The value; `null` if nothing was observed. */
  readonly read: (telemetry: Telemetry) => number | null
}

/** The four statistics of one latency. */
const latency = (name: keyof Telemetry['latency']): ComparedMetric[] =>
  (['mean', 'p50', 'p95', 'p99'] as const).map((statistic) => ({
    metric: `latency.${name}.${statistic}`,
    unit: 's',
    better: 'lower',
    noise: 0.002,
    read: (telemetry) => telemetry.latency[name][statistic],
  }))

/**
 * All metrics of a telemetry, in its order. The noise is in the unit of the metric: a few requests at the edge of the
 * window, 2 ms of latency (less than one engine step), one KV block of 16 tokens, 2 % of the KV cache.
 */
const metrics: readonly ComparedMetric[] = [
  {
    metric: 'requests.served',
    unit: 'requests',
    better: 'higher',
    noise: 1,
    threshold: servedThreshold,
    read: ({ requests }) => requests.served,
  },
  { metric: 'requests.failed', unit: 'requests', better: 'lower', noise: 1, read: ({ requests }) => requests.failed },
  {
    metric: 'requests.unfinished',
    unit: 'requests',
    better: 'lower',
    noise: 5,
    read: ({ requests }) => requests.unfinished,
  },
  {
    metric: 'requests.preemptions',
    unit: 'preemptions',
    better: 'lower',
    noise: 5,
    read: ({ requests }) => requests.preemptions,
  },
  ...latency('ttft_s'),
  ...latency('inter_token_s'),
  ...latency('e2e_s'),
  ...latency('queue_s'),
  ...latency('prefill_s'),
  ...latency('decode_s'),
  {
    metric: 'throughput.requests_per_s',
    unit: '1/s',
    better: 'higher',
    noise: 0.005,
    read: ({ throughput }) => throughput.requests_per_s,
  },
  {
    metric: 'throughput.prompt_tokens_per_s',
    unit: '1/s',
    better: 'higher',
    noise: 1,
    read: ({ throughput }) => throughput.prompt_tokens_per_s,
  },
  {
    metric: 'throughput.generation_tokens_per_s',
    unit: '1/s',
    better: 'higher',
    noise: 1,
    read: ({ throughput }) => throughput.generation_tokens_per_s,
  },
  {
    metric: 'queue.waiting_mean',
    unit: 'requests',
    better: 'lower',
    noise: 0.5,
    read: ({ queue }) => queue.waiting_mean,
  },
  { metric: 'queue.waiting_max', unit: 'requests', better: 'lower', noise: 3, read: ({ queue }) => queue.waiting_max },
  {
    // More running requests can mean more throughput or more pressure.
    metric: 'queue.running_mean',
    unit: 'requests',
    better: 'neither',
    noise: 0.5,
    read: ({ queue }) => queue.running_mean,
  },
  {
    metric: 'queue.running_max',
    unit: 'requests',
    better: 'neither',
    noise: 3,
    read: ({ queue }) => queue.running_max,
  },
  {
    metric: 'kv_cache.capacity_tokens',
    unit: 'tokens',
    better: 'higher',
    noise: 16,
    read: ({ kv_cache }) => kv_cache.capacity_tokens,
  },
  {
    metric: 'kv_cache.usage_mean',
    unit: 'share',
    better: 'lower',
    noise: 0.02,
    read: ({ kv_cache }) => kv_cache.usage_mean,
  },
  {
    metric: 'kv_cache.usage_max',
    unit: 'share',
    better: 'lower',
    noise: 0.02,
    read: ({ kv_cache }) => kv_cache.usage_max,
  },
  {
    // The number of workers is a setting, not a result.
    metric: 'health.healthy_workers',
    unit: 'workers',
    better: 'neither',
    noise: 0,
    read: ({ health }) => health.healthy_workers,
  },
  {
    metric: 'health.stuck_workers',
    unit: 'workers',
    better: 'lower',
    noise: 0,
    read: ({ health }) => health.stuck_workers,
  },
]

/**
 * Compares every metric of two telemetries.
 *
 * A metric is `same` up to its noise or a relative difference of 5 % (1 % for served requests). It is `unknown` if it was not observed, or if
 * neither direction is better.
 */
export function metricDeltas(before: Telemetry, after: Telemetry): MetricDelta[] {
  const windows = [withoutMissingFigures(before), withoutMissingFigures(after)] as const
  return metrics.map((compared) => {
    const from = compared.read(windows[0])
    const to = compared.read(windows[1])
    // A change from 0 has no percentage.
    const relative = from === null || to === null || from === 0 ? null : (to - from) / from
    return {
      metric: compared.metric,
      unit: compared.unit,
      before: from,
      after: to,
      relative,
      verdict: verdictOf(compared, from, to),
    }
  })
}

/** The paired figures as metrics. The noise is in the unit of the metric, as above. */
const pairedMetrics: readonly {
  readonly name: keyof PairedSide
  readonly unit: MetricDelta['unit']
  readonly noise: number
}[] = [
  { name: 'ttft_p95_s', unit: 's', noise: 0.002 },
  { name: 'e2e_p95_s', unit: 's', noise: 0.002 },
  { name: 'inter_token_mean_s', unit: 's', noise: 0.002 },
  { name: 'stalled_share', unit: 'share', noise: 0.01 },
  { name: 'cut', unit: 'requests', noise: 0 },
]

/**
 * The figures of the same requests as metrics, each the median over the seeds. A metric is `better` or `worse` if the
 * sign of its change holds. Empty for one window alone, whose metrics `metricDeltas` has.
 */
export function pairedDeltas({ seeds, before, after }: PairedSeeds): MetricDelta[] {
  if (seeds.length === 1) return []
  return pairedMetrics.map(({ name, unit, noise }) => {
    const [from, to] = [medianOf(before[name]), medianOf(after[name])]
    const { size, holds } = effectOf(after[name].map((value, seed) => (value ?? 0) - (before[name][seed] ?? 0)))
    const isSame = !holds || Math.abs(size) <= Math.max(noise, relativeThreshold * (from ?? 0))
    const changed = size > 0 ? 'worse' : 'better'
    return {
      metric: `paired.${name}`,
      unit,
      before: from,
      after: to,
      relative: from === null || to === null || from === 0 ? null : (to - from) / from,
      verdict: from === null || to === null ? 'unknown' : isSame ? 'same' : changed,
    }
  })
}

/** Compares two values of a metric. */
function verdictOf(compared: ComparedMetric, from: number | null, to: number | null): MetricDelta['verdict'] {
  if (from === null || to === null) return 'unknown'
  const difference = to - from
  if (Math.abs(difference) <= Math.max(compared.noise, (compared.threshold ?? relativeThreshold) * Math.abs(from)))
    return 'same'
  if (compared.better === 'neither') return 'unknown'
  return difference > 0 === (compared.better === 'higher') ? 'better' : 'worse'
}

/** Metrics of what users get; the others describe the engine. */
const noticed = /^(requests|latency|throughput|paired)\./

/** The metric of the users' experience that got worse by the largest factor; `undefined` if none did. */
export function largestWorsening(deltas: readonly MetricDelta[]): MetricDelta | undefined {
  const [largest] = deltas
    .filter(({ metric, verdict }) => verdict === 'worse' && noticed.test(metric))
    .toSorted((a, b) => factorOf(b) - factorOf(a))
  return largest
}

/** How much a metric changed, as a logarithm. Values near 0 count as small ones, so that no factor is infinite. */
function factorOf({ before, after, unit }: MetricDelta): number {
  const floor = unit === 's' || unit === 'share' ? 0.01 : 1
  return Math.abs(Math.log(Math.max(after ?? 0, floor) / Math.max(before ?? 0, floor)))
}

/** A figure with its unit, as all texts show it: `250 ms`, `97 %`, `1 request`, `1.5/s`. `–` for `null`. */
export function formatFigure(value: number | null, unit: string): string {
  if (value === null) return '–'
  if (unit === 's' && Math.abs(value) < 1) return `${roundFigure(value * 1000)} ms`
  if (unit === 'share') return `${roundFigure(value * 100)} %`
  if (unit === '1/s') return `${roundFigure(value)}/s`
  const rounded = roundFigure(value)
  return `${rounded} ${rounded === '1' && unit !== 's' ? unit.replace(/s$/, '') : unit}`
}

/** Three significant digits; whole numbers from 100. */
export function roundFigure(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** A figure as views show it: three significant digits, and whole numbers as they are. */
export function shownFigure(value: number): number {
  return Number.isInteger(value) ? value : Number(roundFigure(value))
}
