import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { timeOf } from '../../../tools/logs/log-time.ts'
import { pythonFloat } from '../../../tools/prometheus/page-writer.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import type { MetricSample } from '../../../tools/types.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import { recordedPage } from '../../support/recorded-pages.ts'

/** A scenario with the version and the model length of a recorded page. */
function like(version: string, maxModelLen: number, rate = 2): Scenario {
  const scenario = exampleScenario({ rate, durationS: 60, args: { max_model_len: maxModelLen } })
  return { ...scenario, deployment: { ...scenario.deployment, vllm_version: version } }
}

/** Labels whose values are the same on every page. Values of other labels depend on the deployment. */
const fixedLabels = new Set(['le', 'generation', 'sleep_state', 'reason', 'source', 'finished_reason', 'method'])

/** Names, types, help texts and labels of all lines in the order of the page, without values. */
function shapeOf(page: string): string[] {
  return page.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return line === '' ? [] : [line]
    const [sample] = parseMetricsPage(`${line}\n`).samples
    if (sample === undefined) return []
    const labels = Object.entries(sample.labels).map(([name, value]) => [name, fixedLabels.has(name) ? value : '*'])
    return [`${sample.name} ${JSON.stringify(labels)}`]
  })
}

describe('the page has the lines of the recorded page, in the same order', () => {
  test('vLLM 0.15.0, from its logger without an HTTP server', () => {
    const written = shapeOf(vllmPage(like('0.15.0', 32_768)))
    const server = written.findIndex((line) => line.includes('http_'))
    expect(written.slice(0, server)).toEqual(shapeOf(recordedPage('0.15.0-logger')))
  })

  test.each([
    ['0.32.0-saturated', 2],
    ['0.32.0-kv-pressure', 2],
    ['0.32.0-idle', 0],
  ])('vLLM 0.32.0: %s', (name, rate) => {
    expect(shapeOf(vllmPage(like('0.32.0', 2048, rate)))).toEqual(shapeOf(recordedPage(name)))
  })

  test.each(['0.15.0-logger', '0.32.0-saturated'])(
    'every number of %s is written as prometheus_client wrote it',
    (name) => {
      const numbers = recordedPage(name)
        .split('\n')
        .flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.slice(line.lastIndexOf(' ') + 1)]))
      expect(numbers.map((text) => pythonFloat(Number(text)))).toEqual(numbers)
      expect([0.00012, 0.000012, 1.5e-7].map(pythonFloat)).toEqual(['0.00012', '1.2e-05', '1.5e-07'])
    },
  )
})

test.each([
  // Members that follow from the memory plan, and those that a CPU build sets differently.
  ['0.15.0', '0.15.0-logger', ['num_gpu_blocks', 'cpu_kvcache_space_bytes']],
  [
    '0.32.0',
    '0.32.0-idle',
    [
      ...['num_gpu_blocks', 'kv_cache_size_tokens', 'kv_cache_max_concurrency'],
      ...['block_size', 'effective_attention_block_size', 'kv_cache_memory_bytes', 'mamba_ssm_cache_dtype'],
    ],
  ],
])('cache_config_info of vLLM %s has the values of the recorded page', (version, name, others) => {
  const labelsOf = (page: string) => {
    const { samples } = parseMetricsPage(page)
    const labels = samples.find((sample) => sample.name === 'vllm:cache_config_info')?.labels ?? {}
    return Object.fromEntries(Object.entries(labels).filter(([label]) => !others.includes(label)))
  }
  const scenario = like(version, 2048)
  const { engine_args: _, ...deployment } = scenario.deployment
  const defaults = { ...scenario, deployment: { ...deployment, engine_args: { max_model_len: 2048 } } }
  expect(labelsOf(vllmPage(defaults))).toEqual(labelsOf(recordedPage(name)))
})

test('families appear and disappear with the version of vLLM', () => {
  const has = (version: string, text: string) => vllmPage(like(version, 2048)).includes(text)
  const since = (version: string, before: string, text: string) => [has(before, text), has(version, text)]
  expect(since('0.12.0', '0.11.0', 'vllm:external_prefix_cache_queries_total')).toEqual([false, true])
  expect(since('0.12.0', '0.11.0', 'vllm:time_per_output_token_seconds_sum')).toEqual([true, false])
  expect(since('0.13.0', '0.12.0', 'vllm:request_prefill_kv_computed_tokens')).toEqual([false, true])
  expect(since('0.16.0', '0.15.1', 'vllm:prompt_tokens_by_source_total')).toEqual([false, true])
  expect(since('0.17.0', '0.16.0', 'finished_reason="repetition"')).toEqual([false, true])
  expect(since('0.18.0', '0.17.1', 'swap_space="4"')).toEqual([true, false])
  expect(since('0.20.0', '0.19.1', 'vllm:prompt_tokens_recomputed_total')).toEqual([true, false])
  expect(since('0.20.1', '0.19.1', 'vllm:num_requests_waiting_by_reason')).toEqual([false, true])
  expect(since('0.30.0', '0.29.0', 'vllm:request_num_preemptions_bucket')).toEqual([false, true])
  expect(since('0.32.0', '0.31.0', 'vllm:admission_rejections_total')).toEqual([false, true])
})

/** Sum of all series of a name. */
function sumOf(samples: readonly MetricSample[], name: string): number {
  return samples.reduce((sum, sample) => (sample.name === name ? sum + Number(sample.value) : sum), 0)
}

/** Expects the relations between the counters that hold on every page of vLLM. */
function expectIdentities(samples: readonly MetricSample[]): void {
  const value = (name: string) => sumOf(samples, `vllm:${name}`)
  const prompt = value('prompt_tokens_total')
  const finished = value('request_success_total')
  expect(value('iteration_tokens_total_sum')).toBe(prompt + value('generation_tokens_total'))
  expect(value('time_to_first_token_seconds_count') + value('inter_token_latency_seconds_count')).toBe(
    value('generation_tokens_total'),
  )
  expect(value('request_prompt_tokens_sum')).toBeLessThanOrEqual(prompt)
  expect(value('request_generation_tokens_sum')).toBeLessThanOrEqual(value('generation_tokens_total'))
  expect(value('prefix_cache_hits_total')).toBeLessThanOrEqual(value('prefix_cache_queries_total'))
  expect(value('request_num_preemptions_sum')).toBeLessThanOrEqual(value('num_preemptions_total'))
  expect(value('prompt_tokens_by_source_total')).toBe(prompt)
  expect(value('prompt_tokens_cached_by_source_total')).toBe(value('prefix_cache_hits_total'))
  expect(value('num_requests_waiting_by_reason')).toBe(value('num_requests_waiting'))
  for (const name of ['e2e_request_latency_seconds', 'request_time_per_output_token_seconds', 'request_params_n']) {
    expect(value(`${name}_count`)).toBe(finished)
  }
  expect(sumOf(samples, 'http_requests_total')).toBe(sumOf(samples, 'http_request_duration_highr_seconds_count'))
}

/** Loads that end before the window does, on few KV blocks, so that requests are preempted and all of them finish. */
const drained = fc
  .record({
    rate: fc.double({ min: 0.2, max: 6, noNaN: true }),
    prompt: fc.integer({ min: 1, max: 1500 }),
    output: fc.integer({ min: 1, max: 600 }),
    seed: fc.integer(),
    prefix: fc.integer({ min: 0, max: 600 }),
    args: fc.record({
      max_model_len: fc.constant(2048),
      max_num_seqs: fc.integer({ min: 1, max: 32 }),
      max_num_batched_tokens: fc.integer({ min: 32, max: 2048 }),
      num_gpu_blocks_override: fc.integer({ min: 140, max: 600 }),
      enable_prefix_caching: fc.boolean(),
      async_scheduling: fc.boolean(),
    }),
  })
  .map(({ rate, prompt, output, seed, prefix, args }) => {
    const scenario = exampleScenario({
      args,
      durationS: 3000,
      load: {
        seed,
        phases: [
          { start_s: 0, requests_per_s: rate },
          { start_s: 20, requests_per_s: 0 },
        ],
        shared_prefix_tokens: Math.min(prefix, prompt - 1),
        prompt_tokens: { median: prompt, sigma: 0.5, min: 1, max: 1500 },
        output_tokens: { median: output, sigma: 0.5, min: 1, max: 600 },
      },
    })
    return { ...scenario, deployment: { ...scenario.deployment, vllm_version: '0.32.0' } }
  })

describe('counters', () => {
  test.each(['0.32.0-idle', '0.32.0-saturated', '0.32.0-kv-pressure'])(
    'the identities hold on the real page %s',
    (name) => {
      expectIdentities(parseMetricsPage(recordedPage(name)).samples)
    },
  )

  test('the identities hold for every load, with preemptions, with and without prefix caching', () => {
    let preemptions = 0
    fc.assert(
      fc.property(drained, (scenario) => {
        const { samples } = parseMetricsPage(vllmPage(scenario))
        const value = (name: string) => sumOf(samples, `vllm:${name}`)
        expectIdentities(samples)
        expect(value('num_requests_running') + value('num_requests_waiting')).toBe(0)
        // Everything has prefilled, so lookups and prompts are the same tokens. Without caching nothing is looked up.
        const caching = scenario.deployment.engine_args['enable_prefix_caching'] === true
        expect(value('prefix_cache_queries_total')).toBe(caching ? value('prompt_tokens_total') : 0)
        expect(value('prompt_tokens_cached_total')).toBe(value('prefix_cache_hits_total'))
        expect(value('request_prompt_tokens_sum')).toBe(value('prompt_tokens_total'))
        expect(value('request_prefill_kv_computed_tokens_sum')).toBe(
          value('prompt_tokens_total') - value('prompt_tokens_cached_total'),
        )
        expect(value('request_num_preemptions_sum')).toBe(value('num_preemptions_total'))
        preemptions += value('num_preemptions_total')
      }),
      { numRuns: 40 },
    )
    expect(preemptions).toBeGreaterThan(0)
  })

  test('before 0.27 a lookup counts again if the request could not be admitted', () => {
    const args = { num_gpu_blocks_override: 140, max_model_len: 2048 }
    const scenario = exampleScenario({ rate: 4, durationS: 60, args })
    const looked = (vllm_version: string) => {
      const page = vllmPage({ ...scenario, deployment: { ...scenario.deployment, vllm_version } })
      const { samples } = parseMetricsPage(page)
      return sumOf(samples, 'vllm:prefix_cache_queries_total') / sumOf(samples, 'vllm:prompt_tokens_total')
    }
    expect(looked('0.26.0')).toBeGreaterThan(2)
    expect(looked('0.27.0')).toBeLessThan(2)
  })

  test('they hold while requests are running, waiting, refused and aborted', () => {
    const load = { client_timeout_s: 20, prompt_tokens: { median: 2000, sigma: 1, min: 1, max: 12_000 } }
    for (const vllm_version of ['0.32.0', '0.20.1']) {
      const scenario = exampleScenario({ rate: 8, durationS: 60, load, args: { max_model_len: 4096 } })
      const page = vllmPage({ ...scenario, deployment: { ...scenario.deployment, vllm_version } })
      expect(page).toContain('status="4xx"')
      if (vllm_version === '0.32.0') expectIdentities(parseMetricsPage(page).samples)
    }
  })
})

test.each(['kv_cache_pressure', 'concurrency_cap', 'healthy_control'])(
  'the process of %s starts shortly before the first line of its log',
  (id) => {
    const scenario = loadScenario(id)
    const { samples } = parseMetricsPage(vllmPage(scenario))
    const started = sumOf(samples, 'process_start_time_seconds')
    const windowStart = Date.parse(scenario.window.start)
    const [first] = readLog(scenario, 'vllm').flatMap((line) => timeOf(line, windowStart) ?? [])
    expect((first ?? 0) / 1000 - started).toBeGreaterThan(1)
    expect((first ?? 0) / 1000 - started).toBeLessThan(30)
  },
)
