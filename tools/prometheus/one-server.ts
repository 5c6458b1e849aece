import type { MetricSample } from '../types.ts'

/** Why samples are not those of one vLLM server. */
export interface NotOneServer {
  /** `no_metrics`: of no vLLM engine. `other_server`: of several ones, or of several scrapes. */
  readonly reason: 'no_metrics' | 'other_server'
  /** A sentence that continues the name of the page, and the next step. */
  readonly problem: string
}

/** Other servers and proxies of language models, by the prefix of their metrics. */
const otherServers: readonly (readonly [prefix: RegExp, name: string])[] = [
  [/^sglang[:_]/, 'SGLang'],
  [/^tgi_/, 'Text Generation Inference'],
  [/^trtllm_/, 'TensorRT-LLM'],
  [/^nv_inference_/, 'Triton'],
  [/^lmdeploy[:_]/, 'LMDeploy'],
  [/^llamacpp:/, 'llama.cpp'],
  [/^litellm_/, 'LiteLLM'],
  [/^ray_/, 'Ray'],
  [/^envoy_/, 'Envoy'],
  [/^nginx_/, 'nginx'],
]

/**
 * Checks that a page is of one vLLM server. A server has one series of the requests that run per engine.
 *
 * Routers have the names of vLLM with one series per server, Prometheus' `/federate` adds a label such as `instance`, and
 * two scrapes in one file repeat all series. Their sums would describe no server.
 *
 * @param samples in the names of V1.
 * @returns the problem; `undefined` if the page is of one server.
 */
export function notOneServer(samples: readonly MetricSample[]): NotOneServer | undefined {
  if (!samples.some(({ name }) => name.startsWith('vllm:'))) {
    const other = otherServers.find(([prefix]) => samples.some(({ name }) => prefix.test(name)))?.[1]
    const whose = other === undefined ? '' : `: it is a page of ${other}`
    return {
      reason: 'no_metrics',
      problem:
        `has no vllm: metrics${whose}. ` +
        'Give the /metrics page of a vLLM server that runs without --disable-log-stats.',
    }
  }
  // Only the router of vLLM's production stack has it (`vllm_router/services/metrics_service`).
  if (samples.some(({ name }) => name === 'vllm:current_qps')) {
    return {
      reason: 'other_server',
      problem:
        "is a page of vLLM's router, not of an engine. Give the /metrics page of a server that it sends requests to.",
    }
  }
  const series = samples.filter(({ name }) => name === 'vllm:num_requests_running')
  const [first, second] = repeated(series)
  if (first === undefined || second === undefined) return undefined
  const labels = [...new Set([...Object.keys(first.labels), ...Object.keys(second.labels)])]
  const label = labels.find((one) => first.labels[one] !== second.labels[one])
  if (label === undefined) {
    return {
      reason: 'other_server',
      problem: 'has vllm:num_requests_running twice with the same labels: it has two scrapes. Split it into two pages.',
    }
  }
  const values = [...new Set(series.map(({ labels }) => labels[label] ?? ''))].sort().join(', ')
  return {
    reason: 'other_server',
    problem: `is of several servers: its label ${label} is ${values}. Give the /metrics page of one of them.`,
  }
}

/** The first two series of one engine. */
function repeated(series: readonly MetricSample[]): readonly MetricSample[] {
  const known = new Map<string, MetricSample>()
  for (const sample of series) {
    const engine = sample.labels['engine'] ?? ''
    const before = known.get(engine)
    if (before !== undefined) return [before, sample]
    known.set(engine, sample)
  }
  return []
}
