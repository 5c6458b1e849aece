import type { Scenario } from '../../fixtures/scenario.ts'
import { compareVersions } from '../arguments/version.ts'
import { Distribution } from '../simulation/distribution.ts'
import { windowOfEngine } from '../simulation/engine-windows.ts'
import type { SimulatedWindow } from '../simulation/window.ts'
import { cacheConfigLabels } from './cache-config-labels.ts'
import { writeNixlMetrics } from './nixl-metrics.ts'
import type { Labels, PageWriter } from './page-writer.ts'

/** Input of {@link writeEngineMetrics}. */
interface EngineMetricsInput {
  readonly scenario: Scenario
  /** The simulation of the scenario. */
  readonly window: SimulatedWindow
  /** Creation of the metrics, in Unix seconds. */
  readonly createdAt: number
}

/**
 * Writes the `vllm:` families that the scenario's version of vLLM has from 0.11.0 on, in the order of its page. Each engine
 * has series of its own: those with the same other labels follow each other, in order of the engines.
 *
 * Names, labels, help texts, buckets and order are those of `vllm/v1/metrics/loggers.py` and `perf.py` of each version.
 * Families that only exist with a feature that is off by default are left out (KV connectors, LoRA, sampled block
 * lifetimes), except for those of speculative decoding and of NIXL. Older versions are written like 0.11.0.
 */
export function writeEngineMetrics(page: PageWriter, { scenario, window, createdAt }: EngineMetricsInput): void {
  const { deployment } = scenario
  const since = (version: string) => compareVersions(deployment.vllm_version, version) >= 0
  // Every engine has the same families, so the first one tells which they are.
  const [first = [], ...others] = window.engines.map((engine) =>
    familiesOf(windowOfEngine(window, engine), since, scenario.load.output_tokens.max),
  )
  for (const [position, { kind, name, help, limits, series }] of first.entries()) {
    const engines = [series, ...others.map((families) => families[position]?.series ?? [])]
    const labelled = series.flatMap((_, index) =>
      engines.flatMap((own, engine) => {
        const [labels, value] = own[index] ?? []
        return value === undefined
          ? []
          : [[{ engine: String(engine), model_name: deployment.model, ...labels }, value] as const]
      }),
    )
    const numbers = labelled.flatMap(([labels, value]) => (typeof value === 'number' ? [[labels, value] as const] : []))
    const distributions = labelled.flatMap(([labels, value]) =>
      typeof value === 'number' ? [] : [[labels, value] as const],
    )
    if (kind === 'gauge') page.gauge(`vllm:${name}`, help, numbers)
    else if (kind === 'counter') page.counter(`vllm:${name}`, help, numbers, createdAt)
    else page.histogram(`vllm:${name}`, help, limits, distributions, createdAt)
    // Admission control is not simulated. The counters of the front end have no engine.
    if (name === 'request_success' && since('0.32.0')) {
      const rejected = (reason: string) => [{ model_name: deployment.model, reason }, 0] as const
      const rejections = 'Number of admission attempts rejected by a queue limit, by reason.'
      const reasons = [rejected('max_num_queued_reqs'), rejected('max_num_queued_tokens')]
      page.counter('vllm:admission_rejections', rejections, reasons, createdAt)
    }
  }
  const cacheConfig = cacheConfigLabels(deployment, window)
  page.gauge(
    'vllm:cache_config_info',
    'Information of the LLMEngine CacheConfig',
    window.engines.map((_, engine) => [{ ...cacheConfig, engine: String(engine) }, 1]),
  )
}

/** A family of one engine. */
interface Family {
  readonly kind: 'gauge' | 'counter' | 'histogram'
  readonly name: string
  readonly help: string
  /** Limits of the buckets of a histogram. */
  readonly limits: readonly number[]
  /** Labels besides those of the engine, and values. */
  readonly series: readonly (readonly [labels: Labels, value: number | Distribution])[]
}

/** The families of one engine, in the order of the page. */
function familiesOf(window: SimulatedWindow, since: (version: string) => boolean, maxTokens: number): Family[] {
  const all: Family[] = []
  const add =
    (kind: 'gauge' | 'counter') =>
    (name: string, help: string, ...series: readonly Series[]) => {
      const labelled = series.map((entry) => (typeof entry === 'number' ? ([{}, entry] as const) : entry))
      all.push({ kind, name, help, limits: [], series: labelled })
    }
  const families: FamilyWriter = {
    since,
    gauge: add('gauge'),
    counter: add('counter'),
    histogram: (name, help, limits, observations) =>
      all.push({ kind: 'histogram', name, help, limits, series: [[{}, observations]] }),
  }
  writeDrafts(families, window)
  writeNixlMetrics(families, window)
  // The estimates stay 0 unless `--enable-mfu-metrics` is set.
  if (since('0.17.0')) writeEstimates(families)
  writeSchedulerState(families, window)
  writeCaches(families, window)
  families.counter('num_preemptions', 'Cumulative number of preemption from the engine.', window.counts.preemptions)
  writeTokens(families, window)
  writeOutcomes(families, window)
  writeLengths(families, window, maxTokens)
  writeLatencies(families, window)
  const lengths = tokenBuckets(window.settings.maxModelLen)
  if (since('0.30.0')) {
    families.histogram(
      'request_num_preemptions',
      'Histogram of the number of times a request was preempted.',
      preemptionBuckets,
      window.observed.preemptions,
    )
  }
  if (since('0.13.0')) {
    families.histogram(
      'request_prefill_kv_computed_tokens',
      'Histogram of new KV tokens computed during prefill (excluding cached tokens).',
      lengths,
      window.observed.computedPromptTokens,
    )
  }
  return all
}

/** A value without further labels, or a series with the labels that it has besides those of the engine. */
type Series = number | readonly [labels: Labels, value: number]

/** Writes families of one engine and one version. Names have no `vllm:`. */
interface FamilyWriter {
  readonly since: (version: string) => boolean
  readonly gauge: (name: string, help: string, ...series: readonly Series[]) => void
  readonly counter: (name: string, help: string, ...series: readonly Series[]) => void
  readonly histogram: (name: string, help: string, limits: readonly number[], observations: Distribution) => void
}

/** The families of `vllm/v1/spec_decode/metrics.py`. */
function writeDrafts({ counter }: FamilyWriter, { drafts }: SimulatedWindow): void {
  if (drafts === undefined) return
  counter('spec_decode_num_drafts', 'Number of spec decoding drafts.', drafts.drafts)
  counter('spec_decode_num_draft_tokens', 'Number of draft tokens.', drafts.draftTokens)
  counter('spec_decode_num_accepted_tokens', 'Number of accepted tokens.', drafts.acceptedTokens)
  const perPosition = drafts.acceptedPerPosition.map((count, position) => [{ position: `${position}` }, count] as const)
  counter('spec_decode_num_accepted_tokens_per_pos', 'Accepted tokens per draft position.', ...perPosition)
}

function writeEstimates({ counter }: FamilyWriter): void {
  const purpose = '(for Model Flops Utilization calculations).'
  counter('estimated_flops_per_gpu', `Estimated number of floating point operations per GPU ${purpose}`, 0)
  counter('estimated_read_bytes_per_gpu', `Estimated number of bytes read from memory per GPU ${purpose}`, 0)
  counter('estimated_write_bytes_per_gpu', `Estimated number of bytes written to memory per GPU ${purpose}`, 0)
}

function writeSchedulerState({ gauge, since }: FamilyWriter, { end, transfers }: SimulatedWindow): void {
  const deferred = transfers?.waiting ?? 0
  gauge('num_requests_running', 'Number of requests in model execution batches.', end.running)
  gauge('num_requests_waiting', 'Number of requests waiting to be processed.', end.waiting)
  if (since('0.20.0')) {
    gauge(
      'num_requests_waiting_by_reason',
      "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling capacity; 'deferred' = deferred by transient constraints (LoRA budget, KV transfer, blocked status). Sum of all reasons equals vllm:num_requests_waiting.",
      [{ reason: 'capacity' }, end.waiting - deferred],
      [{ reason: 'deferred' }, deferred],
    )
  }
  if (since('0.12.0')) {
    gauge(
      'engine_sleep_state',
      'Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.',
      [{ sleep_state: 'awake' }, 1],
      [{ sleep_state: 'weights_offloaded' }, 0],
      [{ sleep_state: 'discard_all' }, 0],
    )
  }
  gauge('kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', end.kvUsage)
}

function writeCaches({ counter, since }: FamilyWriter, { counts }: SimulatedWindow): void {
  counter('prefix_cache_queries', 'Prefix cache queries, in terms of number of queried tokens.', counts.prefixQueries)
  counter('prefix_cache_hits', 'Prefix cache hits, in terms of number of cached tokens.', counts.prefixHits)
  if (!since('0.12.0')) return
  const external = 'from KV connector cross-instance cache sharing, in terms of number of'
  counter(
    'external_prefix_cache_queries',
    `External prefix cache queries ${external} queried tokens.`,
    counts.externalQueries,
  )
  counter('external_prefix_cache_hits', `External prefix cache hits ${external} cached tokens.`, counts.externalHits)
  counter('mm_cache_queries', 'Multi-modal cache queries, in terms of number of queried items.', counts.images)
  counter('mm_cache_hits', 'Multi-modal cache hits, in terms of number of cached items.', counts.imagesFound)
}

function writeTokens({ counter, since }: FamilyWriter, { counts }: SimulatedWindow): void {
  const { promptTokens, cachedPromptTokens, externalPromptTokens: external, generationTokens } = counts
  counter('prompt_tokens', 'Number of prefill tokens processed.', promptTokens)
  if (since('0.16.0')) {
    counter(
      'prompt_tokens_by_source',
      'Number of prompt tokens by source.',
      [{ source: 'local_compute' }, promptTokens - cachedPromptTokens],
      [{ source: 'local_cache_hit' }, cachedPromptTokens - external],
      [{ source: 'external_kv_transfer' }, external],
    )
    counter('prompt_tokens_cached', 'Number of cached prompt tokens (local + external).', cachedPromptTokens)
    if (!since('0.20.0')) {
      counter('prompt_tokens_recomputed', 'Number of cached tokens recomputed for forward pass.', 0)
    }
  }
  if (since('0.32.0')) {
    const others = ['host', 'p2p', 'disk', 'external_unspecified']
    counter(
      'prompt_tokens_cached_by_source',
      'Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host (offloaded to DRAM), disk, p2p (transferred from another vLLM instance) or external_unspecified. Counted at admission; sums to vllm:prefix_cache_hits + vllm:external_prefix_cache_hits.',
      [{ source: 'device' }, counts.prefixHits],
      ...others.map((source) => [{ source }, source === 'p2p' ? counts.externalHits : 0] as const),
    )
  }
  counter('generation_tokens', 'Number of generation tokens processed.', generationTokens)
}

function writeOutcomes({ counter, since }: FamilyWriter, { counts }: SimulatedWindow): void {
  // V1 forgets a request whose client disconnects before it counts it, so `abort` stays 0.
  const outcomes: [reason: string, count: number][] = [
    ['stop', counts.stopped],
    ['length', counts.cutByLength],
    ['abort', 0],
  ]
  if (since('0.13.0')) outcomes.push(['error', 0])
  if (since('0.17.0')) outcomes.push(['repetition', 0])
  const series = outcomes.map(([finished_reason, count]) => [{ finished_reason }, count] as const)
  counter('request_success', 'Count of successfully processed requests.', ...series)
}

function writeLengths({ histogram }: FamilyWriter, { observed, settings }: SimulatedWindow, maxTokens: number): void {
  const lengths = tokenBuckets(settings.maxModelLen)
  const finished = observed.e2e.count
  histogram('request_prompt_tokens', 'Number of prefill tokens processed.', lengths, observed.promptTokens)
  histogram('request_generation_tokens', 'Number of generation tokens processed.', lengths, observed.generationTokens)
  const perStep = 'Histogram of number of tokens per engine_step.'
  histogram('iteration_tokens_total', perStep, iterationBuckets, observed.iterationTokens)
  const requested = 'Histogram of maximum number of requested generation tokens.'
  histogram('request_max_num_generation_tokens', requested, lengths, observed.generationTokens)
  const samples = 'Histogram of the n request parameter.'
  histogram('request_params_n', samples, samplesPerRequestBuckets, constant(1, finished))
  const limit = 'Histogram of the max_tokens request parameter.'
  histogram('request_params_max_tokens', limit, lengths, constant(maxTokens, finished))
}

function writeLatencies({ histogram, since }: FamilyWriter, { observed }: SimulatedWindow): void {
  const firstToken = 'Histogram of time to first token in seconds.'
  histogram('time_to_first_token_seconds', firstToken, ttftBuckets, observed.ttft)
  if (!since('0.12.0')) {
    const deprecated =
      'Histogram of time per output token in seconds.DEPRECATED: Use vllm:inter_token_latency_seconds instead.'
    histogram('time_per_output_token_seconds', deprecated, interTokenBuckets, observed.interToken)
  }
  const interToken = 'Histogram of inter-token latency in seconds.'
  histogram('inter_token_latency_seconds', interToken, interTokenBuckets, observed.interToken)
  const perRequest = 'Histogram of time_per_output_token_seconds per request.'
  histogram('request_time_per_output_token_seconds', perRequest, interTokenBuckets, observed.timePerOutputToken)
  histogram('e2e_request_latency_seconds', 'Histogram of e2e request latency in seconds.', requestBuckets, observed.e2e)
  const phase = (name: string) => `Histogram of time spent in ${name} phase for request.`
  histogram('request_queue_time_seconds', phase('WAITING'), requestBuckets, observed.queue)
  histogram('request_inference_time_seconds', phase('RUNNING'), requestBuckets, observed.inference)
  histogram('request_prefill_time_seconds', phase('PREFILL'), requestBuckets, observed.prefill)
  histogram('request_decode_time_seconds', phase('DECODE'), requestBuckets, observed.decode)
}

/** `count` observations of the same value, for parameters that are equal for all requests. */
function constant(value: number, count: number): Distribution {
  const observations = new Distribution()
  observations.add(value, count)
  return observations
}

// Limits of the buckets without `+Inf`. Times are in seconds.
const ttftBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
]
const interTokenBuckets = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
]
const requestBuckets = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680]
const iterationBuckets = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
const samplesPerRequestBuckets = [1, 2, 5, 10, 20]
const preemptionBuckets = [1, 2, 3, 4, 5, 10, 20]

/** Buckets for numbers of tokens: 1, 2, 5, 10, 20, 50, … up to the longest request. */
function tokenBuckets(maxModelLen: number): number[] {
  const limits: number[] = []
  for (let power = 1; power <= maxModelLen; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power <= maxModelLen) limits.push(step * power)
  }
  return limits
}
