import type { MetricDelta, Telemetry } from '../types.ts'

/** A figure counts as changed from this relative difference on. */
export const relativeThreshold = 0.05

interface Figure {
  readonly metric: string
  readonly unit: string
  readonly better: 'lower' | 'higher' | 'neither'
  /** Differences below this are measurement noise, however large relatively. */
  readonly noise: number
  readonly read: (telemetry: Telemetry) => number | null
}

const latency = (name: keyof Telemetry['latency']): Figure[] =>
  (['mean', 'p50', 'p95', 'p99'] as const).map((statistic) => ({
    metric: `latency.${name}.${statistic}`,
    unit: 's',
    better: 'lower',
    noise: 0.002,
    read: (telemetry) => telemetry.latency[name][statistic],
  }))

const figures: readonly Figure[] = [
  { metric: 'requests.served', unit: 'requests', better: 'higher', noise: 1, read: ({ requests }) => requests.served },
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

/** Every figure of two telemetries side by side. */
export function metricDeltas(before: Telemetry, after: Telemetry): MetricDelta[] {
  return figures.map((figure) => {
    const from = observed(figure, before)
    const to = observed(figure, after)
    const relative = from === null || to === null || from === 0 ? null : (to - from) / from
    return {
      metric: figure.metric,
      unit: figure.unit,
      before: from,
      after: to,
      relative,
      verdict: verdictOf(figure, from, to),
    }
  })
}

/** What nobody observed stands as zero in a telemetry, which is no figure. */
function observed({ metric, read }: Figure, telemetry: Telemetry): number | null {
  const unseen = telemetry.missing?.some((section) => metric.startsWith(`${section}.`)) ?? false
  return unseen ? null : read(telemetry)
}

function verdictOf(figure: Figure, from: number | null, to: number | null): MetricDelta['verdict'] {
  if (from === null || to === null) return 'unknown'
  const difference = to - from
  if (Math.abs(difference) <= Math.max(figure.noise, relativeThreshold * Math.abs(from))) return 'same'
  if (figure.better === 'neither') return 'unknown'
  return difference > 0 === (figure.better === 'higher') ? 'better' : 'worse'
}
