/** The name of a figure for people, and its unit. */
interface FigureLabel {
  readonly label: string
  readonly unit: string
}

/** Names of figures for people, and their units, by the name that documents have. One table, so that all texts agree. */
const figureLabels = new Map<string, FigureLabel>(
  Object.entries({
    ttft_mean_s: { label: 'time to first token mean', unit: 's' },
    ttft_p95_s: { label: 'time to first token p95', unit: 's' },
    inter_token_mean_s: { label: 'inter-token latency mean', unit: 's' },
    e2e_mean_s: { label: 'end-to-end latency mean', unit: 's' },
    e2e_p95_s: { label: 'end-to-end latency p95', unit: 's' },
    served: { label: 'served requests', unit: 'requests' },
    served_per_s: { label: 'served requests', unit: '1/s' },
    generation_tokens_per_s: { label: 'generated tokens', unit: '1/s' },
    stalled_share: { label: 'share of streams that pause longer than the limit', unit: 'share' },
    stall_excess: { label: 'excess of the longest pauses over the limit', unit: 'share' },
  }),
)

/** The name of a figure for people, with its unit. An unknown figure keeps its name and has no unit. */
export function figureLabel(figure: string): FigureLabel {
  return figureLabels.get(figure) ?? { label: figure, unit: '' }
}

/** Members of a telemetry whose figures have several statistics, in words. */
const members: Readonly<Record<string, string>> = {
  'latency.ttft_s': 'time to first token',
  'latency.inter_token_s': 'inter-token latency',
  'latency.e2e_s': 'end-to-end latency',
  'latency.queue_s': 'time in the queue',
  'latency.prefill_s': 'time of the prefill',
  'latency.decode_s': 'time of the decode',
  'queue.waiting': 'waiting requests',
  'queue.running': 'running requests',
  'kv_cache.usage': 'KV cache usage',
}

/** Single figures of a telemetry, in words. */
const metricLabels: Readonly<Record<string, string>> = {
  'requests.served': 'served requests',
  'requests.failed': 'failed requests',
  'requests.unfinished': 'unfinished requests',
  'requests.preemptions': 'preemptions',
  'throughput.requests_per_s': 'served requests per second',
  'throughput.prompt_tokens_per_s': 'prompt tokens per second',
  'throughput.generation_tokens_per_s': 'generated tokens per second',
  'kv_cache.capacity_tokens': 'KV cache size',
  'health.healthy_workers': 'healthy workers',
  'health.stuck_workers': 'stuck workers',
  'paired.cut': 'answers cut short, over the seeds',
}

/**
 * The name of a metric for people, by its path in the telemetry: `latency.ttft_s.p95` is `time to first token p95`. An unknown
 * metric keeps its path.
 */
export function metricLabel(metric: string): string {
  const own = Object.hasOwn(metricLabels, metric) ? metricLabels[metric] : undefined
  if (own !== undefined) return own
  if (metric.startsWith('paired.')) return `${figureLabel(metric.slice('paired.'.length)).label}, over the seeds`
  const [, member = '', statistic = ''] = /^(.*)[._](mean|max|p50|p95|p99)$/.exec(metric) ?? []
  const label = Object.hasOwn(members, member) ? members[member] : undefined
  return label === undefined ? metric : `${label} ${statistic}`
}
