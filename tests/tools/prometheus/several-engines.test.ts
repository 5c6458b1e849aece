import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { histogramOf } from '../../../tools/prometheus/metric-samples.ts'
import { ofEngine, total } from '../../../tools/prometheus/metric-values.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { telemetryFromPages } from '../../../tools/prometheus/telemetry-from-pages.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'

const scenario = loadScenario('data_parallel_imbalance')
const page = vllmPage(scenario)
const { samples } = parseMetricsPage(page)
const telemetry = telemetryOf(scenario.id)
const ranks = ['0', '1', '2', '3']

test('every family of the engine has the series of each engine, with the same other labels in order of the engines', () => {
  const engines = (family: string) =>
    samples.flatMap(({ name, labels }) =>
      name === family ? [`${labels['finished_reason'] ?? ''}${labels['engine']}`] : [],
    )
  expect(engines('vllm:num_requests_running')).toEqual(ranks)
  expect(engines('vllm:request_success_total').slice(0, 8)).toEqual([
    ...ranks.map((rank) => `stop${rank}`),
    ...ranks.map((rank) => `length${rank}`),
  ])
  const families = new Set(samples.flatMap(({ name }) => (name.startsWith('vllm:') ? [name] : [])))
  for (const family of families) {
    const own = new Set(samples.filter(({ name }) => name === family).map(({ labels }) => labels['engine']))
    expect([...own], family).toEqual(ranks)
  }
})

test('the series of each engine show what that engine did, and add up to the telemetry', () => {
  const { engines } = simulate(scenario)
  for (const [rank, { counts, end, observed }] of engines.entries()) {
    const own = ofEngine(samples, String(rank))
    expect(total(own, 'vllm:num_preemptions_total')).toBe(counts.preemptions)
    expect(total(own, 'vllm:num_requests_waiting')).toBe(end.waiting)
    expect(total(own, 'vllm:kv_cache_usage_perc')).toBe(end.kvUsage)
    expect(histogramOf(own, 'vllm:time_to_first_token_seconds')?.count).toBe(observed.ttft.count)
  }
  expect(total(samples, 'vllm:num_preemptions_total')).toBe(telemetry.requests.preemptions)
  expect(histogramOf(samples, 'vllm:e2e_request_latency_seconds')?.count).toBe(telemetry.requests.served)
})

test('the number of KV blocks is the sum of all engines, as vLLM states it, and is read as such', () => {
  const { memory } = simulate(scenario)
  const infos = samples.filter(({ name }) => name === 'vllm:cache_config_info')
  expect(infos.map(({ labels }) => Number(labels['num_gpu_blocks']))).toEqual(
    ranks.map(() => 4 * (memory?.kvBlocks ?? 0)),
  )
  const at = (engine?: string) =>
    telemetryFromPages([{ text: page, atS: Date.parse(scenario.window.start) / 1000 + 900 }], {
      slo: scenario.slo,
      ...(engine === undefined ? {} : { engine }),
    }).kv_cache.capacity_tokens
  expect(at()).toBe(telemetry.kv_cache.capacity_tokens)
  expect(at('2')).toBe(memory?.kvTokens)
})

test('the full engine is named in the telemetry and by the analysis, which trusts both', () => {
  const full = telemetry.engines?.filter(({ kv_usage_max }) => kv_usage_max > 0.9)
  expect(full).toMatchObject([{ engine: '2', kv_usage_max: 1 }])
  expect(full?.[0]?.waiting_mean).toBeGreaterThan(100)
  const { hotspot, engines = [], contradictions } = analyzeSamples(telemetry, samples)
  expect(contradictions).toBeUndefined()
  expect(hotspot.kind).toBe('kv_cache')
  expect(hotspot.because[0]).toMatch(/^Engine 2: KV cache usage reached .* of 145248 tokens/)
  expect(hotspot.because.join(' ')).toContain('The load is not balanced: engine 2 has')
  expect(engines.map(({ hotspot: { kind } }) => kind)).toEqual(['none', 'none', 'kv_cache', 'none'])
})

test('of two engines, one with nearly all requests is named as unbalanced', () => {
  const two = samples.filter(({ labels }) => ['0', '2', undefined].includes(labels['engine']))
  const { hotspot, engines } = analyzeSamples(telemetry, two)
  expect(engines).toHaveLength(2)
  expect(hotspot.because.join(' ')).toMatch(
    /engine 2 has 9\d % of the requests that are running or waiting now in 2 engines\. It served \d+ % of the requests that were served\./,
  )
})
