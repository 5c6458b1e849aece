import type { Scenario } from '../../fixtures/scenario.ts'
import { Distribution } from '../simulation/distribution.ts'
import { compareVersions } from '../simulation/engine-settings.ts'
import { simulate } from '../simulation/simulate.ts'
import { PageWriter } from './page-writer.ts'

/**
 * Writes the metrics page of vLLM V1 at the end of the scenario's window, in text format 0.0.4.
 *
 * Counters start when the window opens, so totals are sums over the window. The page of an engine that is down is empty.
 * An engine without statistics exposes only the metrics of its process.
 */
export function vllmPage(scenario: Scenario): string {
  const window = simulate(scenario)
  if (!window.engine.up) return ''
  if (window.notObserved.has('engine')) return processPage(scenario)
  const { deployment, load } = scenario
  const { counts, end, observed, settings } = window
  const page = new PageWriter({ engine: '0', model_name: deployment.model }, Date.parse(scenario.window.start) / 1000)
  const gauge = (name: string, help: string, value: number) => page.gauge(`vllm:${name}`, help, [[{}, value]])
  const counter = (name: string, help: string, value: number) => page.counter(`vllm:${name}`, help, [[{}, value]])
  const histogram = (name: string, help: string, limits: readonly number[], values: Distribution) =>
    page.histogram(`vllm:${name}`, help, limits, values)

  // Names, help texts and order are those of `vllm/v1/metrics/loggers.py`.
  gauge('num_requests_running', 'Number of requests in model execution batches.', end.running)
  gauge('num_requests_waiting', 'Number of requests waiting to be processed.', end.waiting)
  page.gauge(
    'vllm:engine_sleep_state',
    'Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.',
    [
      [{ sleep_state: 'awake' }, 1],
      [{ sleep_state: 'weights_offloaded' }, 0],
      [{ sleep_state: 'discard_all' }, 0],
    ],
  )
  // KV cache and prefix cache.
  gauge('kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', end.kvUsage)
  counter('prefix_cache_queries', 'Prefix cache queries, in terms of number of queried tokens.', counts.prefixQueries)
  counter('prefix_cache_hits', 'Prefix cache hits, in terms of number of cached tokens.', counts.prefixHits)
  counter('num_preemptions', 'Cumulative number of preemption from the engine.', counts.preemptions)
  // Tokens and finished requests.
  counter('prompt_tokens', 'Number of prefill tokens processed.', counts.promptTokens)
  counter('generation_tokens', 'Number of generation tokens processed.', counts.generationTokens)
  page.counter('vllm:request_success', 'Count of successfully processed requests.', [
    [{ finished_reason: 'stop' }, counts.stopped],
    [{ finished_reason: 'length' }, counts.cutByLength],
    [{ finished_reason: 'abort' }, counts.aborted],
    [{ finished_reason: 'error' }, counts.errored],
  ])
  const lengths = tokenBuckets(settings.maxModelLen)
  const finished = observed.e2e.count
  // Lengths of requests and batches.
  histogram('request_prompt_tokens', 'Number of prefill tokens processed.', lengths, observed.promptTokens)
  histogram('request_generation_tokens', 'Number of generation tokens processed.', lengths, observed.generationTokens)
  histogram(
    'iteration_tokens_total',
    'Histogram of number of tokens per engine_step.',
    iterationBuckets,
    observed.iterationTokens,
  )
  histogram(
    'request_max_num_generation_tokens',
    'Histogram of maximum number of requested generation tokens.',
    lengths,
    observed.generationTokens,
  )
  histogram(
    'request_params_n',
    'Histogram of the n request parameter.',
    samplesPerRequestBuckets,
    constant(1, finished),
  )
  histogram(
    'request_params_max_tokens',
    'Histogram of the max_tokens request parameter.',
    lengths,
    constant(load.output_tokens.max, finished),
  )
  // Latencies.
  histogram('time_to_first_token_seconds', 'Histogram of time to first token in seconds.', ttftBuckets, observed.ttft)
  histogram(
    'inter_token_latency_seconds',
    'Histogram of inter-token latency in seconds.',
    interTokenBuckets,
    observed.interToken,
  )
  histogram(
    'request_time_per_output_token_seconds',
    'Histogram of time_per_output_token_seconds per request.',
    interTokenBuckets,
    observed.timePerOutputToken,
  )
  histogram('e2e_request_latency_seconds', 'Histogram of e2e request latency in seconds.', requestBuckets, observed.e2e)
  const phase = (name: string) => `Histogram of time spent in ${name} phase for request.`
  histogram('request_queue_time_seconds', phase('WAITING'), requestBuckets, observed.queue)
  histogram('request_inference_time_seconds', phase('RUNNING'), requestBuckets, observed.inference)
  histogram('request_prefill_time_seconds', phase('PREFILL'), requestBuckets, observed.prefill)
  histogram('request_decode_time_seconds', phase('DECODE'), requestBuckets, observed.decode)
  // Added in vLLM 0.13.0.
  if (compareVersions(deployment.vllm_version, '0.13.0') >= 0) {
    histogram(
      'request_prefill_kv_computed_tokens',
      'Histogram of new KV tokens computed during prefill (excluding cached tokens).',
      lengths,
      observed.computedPromptTokens,
    )
  }
  page.info('vllm:cache_config_info', 'Information of the LLMEngine CacheConfig', {
    block_size: String(settings.blockSize),
    cache_dtype: String(deployment.engine_args['kv_cache_dtype'] ?? 'auto'),
    enable_prefix_caching: settings.enablePrefixCaching ? 'True' : 'False',
    engine: '0',
    gpu_memory_utilization: String(settings.gpuMemoryUtilization),
    kv_cache_memory_bytes: settings.kvCacheMemoryBytes === undefined ? 'None' : String(settings.kvCacheMemoryBytes),
    num_gpu_blocks: String(window.memory?.kvBlocks ?? 0),
  })
  return page.text()
}

/** The page of an engine that was started with `--disable-log-stats`. */
function processPage({ window }: Scenario): string {
  const start = Date.parse(window.start) / 1000
  const page = new PageWriter({}, start)
  const help = 'Start time of the process since unix epoch in seconds.'
  page.gauge('process_start_time_seconds', help, [[{}, start]])
  return page.text()
}

/** `count` observations of the same value, for parameters that are equal for all requests. */
function constant(value: number, count: number): Distribution {
  const observations = new Distribution()
  observations.add(value, count)
  return observations
}

// Limits of the buckets of vLLM V1's histograms (`vllm/v1/metrics/loggers.py`), without `+Inf`. Times are in seconds.
const ttftBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
]
const interTokenBuckets = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
]
const requestBuckets = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680]
const iterationBuckets = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
const samplesPerRequestBuckets = [1, 2, 5, 10, 20]

/** Buckets for numbers of tokens: 1, 2, 5, 10, 20, 50, … up to the longest request. */
function tokenBuckets(maxModelLen: number): number[] {
  const limits: number[] = []
  for (let power = 1; power <= maxModelLen; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power <= maxModelLen) limits.push(step * power)
  }
  return limits
}
