import type { MetricSample } from '../types.ts'
import { decreases } from './metric-samples.ts'
import { clockToleranceS, finite, isoTime, labelValues, startOf } from './metric-values.ts'

// The rules by which pages belong together: each is of one vLLM server, and they follow each other in its time.

/** A scrape of a server. */
export interface Scrape {
  /** When it was made, in Unix seconds. */
  readonly atS: number
  /** All samples of the page, in the names of V1. */
  readonly samples: readonly MetricSample[]
}

/** Why a page is not a scrape of one vLLM server, or why two pages do not belong together. */
export interface PageProblem {
  /**
   * `no_metrics`: of no vLLM engine. `other_server`: of several ones, or of several scrapes. `order`: the times of the pages
   * are wrong.
   */
  readonly reason: 'no_metrics' | 'other_server' | 'order'
  /** A sentence that continues the name of the page or the names of the two, and the next step. */
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
export function notOneServer(samples: readonly MetricSample[]): PageProblem | undefined {
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

/** The problem of one page: it is not of one server, or its time is wrong. `undefined` if it has none. */
export function scrapeProblem({ atS, samples }: Scrape): PageProblem | undefined {
  const found = notOneServer(samples)
  if (found !== undefined) return found
  const startedAt = startOf(samples)
  if (startedAt === undefined || atS >= startedAt - clockToleranceS) return undefined
  return {
    reason: 'order',
    problem: `has the time ${isoTime(atS)}, but its process started later, at ${isoTime(startedAt)}. Correct the time.`,
  }
}

/** Two scrapes that are closer than this, in seconds, have the same time. Names of files have whole seconds. */
const sameTimeS = 1

/**
 * How a page follows the previous one: in the same run of the server, or after a restart, which sets counters to 0.
 *
 * @returns the problem if the pages are of different servers, or if their times are wrong.
 */
export function stepBetween(earlier: Scrape, later: Scrape): 'same_run' | 'restart' | PageProblem {
  if (later.atS - earlier.atS < sameTimeS) {
    return {
      reason: 'order',
      problem: `have the same time ${isoTime(later.atS)}. Leave one out, or correct its time.`,
    }
  }
  if (areCopies(earlier.samples, later.samples)) {
    return {
      reason: 'order',
      problem:
        'have the same values in all metrics, also the CPU time of the process: one is a copy of the other. Leave one out.',
    }
  }
  const [models, otherModels] = [earlier, later].map(({ samples }) => labelValues(samples, 'model_name'))
  if (models !== otherModels) return otherServer(`they serve the models ${models} and ${otherModels}`)
  const [from, to] = [startOf(earlier.samples), startOf(later.samples)]
  if (from !== undefined && to !== undefined && !isSameStart(from, to)) {
    const isParallel = to < from || to < earlier.atS - clockToleranceS
    const starts = `their processes started at ${isoTime(from)} and ${isoTime(to)} and ran at the same time`
    return isParallel ? otherServer(starts) : 'restart'
  }
  if (areSwapped(earlier.samples, later.samples)) {
    return {
      reason: 'order',
      problem: 'are of one process, but counters of the later page are lower. Correct the times of the pages.',
    }
  }
  // If only some counters are lower, one engine restarted inside the process.
  if (decreases(earlier.samples, later.samples)) return 'restart'
  const [engines, otherEngines] = [earlier, later].map(({ samples }) => labelValues(samples, 'engine'))
  return engines === otherEngines ? 'same_run' : otherServer(`they have the engines ${engines} and ${otherEngines}`)
}

/** Whether a page is a copy of another one. A process that answers needs CPU time, also if its engine is stalled. */
function areCopies(earlier: readonly MetricSample[], later: readonly MetricSample[]): boolean {
  const [from, to] = [earlier, later].map((samples) =>
    samples.map(({ name, labels, value }) => JSON.stringify([name, labels, String(value)])),
  )
  const hasCpuTime = earlier.some(({ name }) => name === 'process_cpu_seconds_total')
  return hasCpuTime && from?.length === to?.length && from?.every((sample, index) => sample === to?.[index]) === true
}

/** Whether the counters of one process only fall from one page to the other, so that the first one is the later one. */
export function areSwapped(earlier: readonly MetricSample[], later: readonly MetricSample[]): boolean {
  const [from, to] = [startOf(earlier), startOf(later)]
  const [process, otherProcess] = [earlier, later].map((samples) => finite(samples, 'process_start_time_seconds')[0])
  const isRestarted = process !== undefined && otherProcess !== undefined && !isSameStart(process, otherProcess)
  const isSameProcess = from !== undefined && to !== undefined && isSameStart(from, to) && !isRestarted
  return isSameProcess && decreases(earlier, later) && !decreases(later, earlier)
}

/** Whether two pages state the start of the same process, in Unix seconds. Clocks are adjusted. */
function isSameStart(from: number, to: number): boolean {
  return Math.abs(to - from) <= 1
}

function otherServer(difference: string): PageProblem {
  return { reason: 'other_server', problem: `are of different servers: ${difference}.` }
}
