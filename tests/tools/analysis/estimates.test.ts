import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { pagesOfWindow } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { metricsAnalysisView } from '../../../tools/views/metrics-analysis.ts'

const scenario = loadScenario('kv_cache_pressure')
const telemetry = telemetryOf(scenario.id)
const samplesAt = (page: number) => parseMetricsPage(pagesOfWindow(scenario).at(page)?.text ?? '').samples
const last = samplesAt(-1)

test('each quantile has the range of its bucket, and a figure of the telemetry that differs is explained', () => {
  const { estimates = [], derived_metrics } = analyzeSamples(telemetry, last)
  const { p95 } = telemetry.latency.ttft_s
  expect(estimates[0]).toBe(
    `ttft_p95_s: the histogram shows 20 to 40 s, estimated ${Number(derived_metrics.ttft_p95_s).toFixed(1)} s; pre_telemetry has ${p95?.toFixed(1)} s.`,
  )
  expect(estimates).toHaveLength(4)
  expect(estimates.at(-1)).toContain('for the same observations use the figures of pre_telemetry')
})

test('a figure of other observations names both counts', () => {
  const { estimates = [] } = analyzeSamples(telemetry, last, samplesAt(-2))
  expect(estimates[0]).toMatch(/ of \d+ observations instead of \d+\.$/)
  expect(estimates.join(' ')).not.toContain('for the same observations')
})

test('without figures of the telemetry only the range is given', () => {
  const { estimates } = analyzeSamples({ ...telemetry, missing: ['latency'] }, last)
  expect(estimates).toHaveLength(3)
  expect(estimates?.join(' ')).not.toContain('pre_telemetry')
})

test('a quantile beyond the last bucket has no estimate', () => {
  const text = [
    'vllm:num_requests_running{engine="0",model_name="m"} 1',
    'vllm:num_requests_waiting{engine="0",model_name="m"} 0',
    'vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="m",le="1"} 1',
    'vllm:e2e_request_latency_seconds_bucket{engine="0",model_name="m",le="+Inf"} 9',
    'vllm:e2e_request_latency_seconds_count{engine="0",model_name="m"} 9',
    'vllm:e2e_request_latency_seconds_sum{engine="0",model_name="m"} 90',
    '',
  ].join('\n')
  const { estimates } = analyzeSamples({ ...telemetry, missing: ['latency'] }, parseMetricsPage(text).samples)
  expect(estimates).toEqual(['e2e_p95_s: the histogram shows 1 to 83 s.'])
})

test('the view has the hotspot first, three digits, marks on estimates, and only names what the page lacks', () => {
  const analysis = analyzeSamples(telemetry, last)
  const view = metricsAnalysisView(analysis)
  expect(Object.keys(view)[0]).toBe('hotspot')
  expect(view).toMatchObject({
    hotspot: analysis.hotspot,
    derived_metrics: {
      ttft_p95_s: expect.stringMatching(/^~\d\d\.\d$/),
      generation_tokens: analysis.derived_metrics.generation_tokens,
      preemptions_per_served: expect.closeTo(analysis.derived_metrics.preemptions_per_served ?? 0, 2),
    },
    not_on_the_page: expect.stringContaining('draft_acceptance_rate'),
  })
  const text = JSON.stringify(view)
  expect(text).not.toContain('null')
  expect(text).not.toMatch(/0\.0*[1-9]\d{3}/)
  expect(Buffer.byteLength(text)).toBeLessThan(1500)
})

test('the view of an analysis without samples is only its hotspot', () => {
  const view = metricsAnalysisView(analyzeSamples(telemetry, []))
  expect(view).toMatchObject({ latency_breakdown: null, derived_metrics: null, not_on_the_page: 'any metric of vLLM' })
})

test('the view compares the engines of a server by a few figures each', () => {
  const uneven = loadScenario('data_parallel_imbalance')
  const { samples } = parseMetricsPage(pagesOfWindow(uneven).at(-1)?.text ?? '')
  const analysis = analyzeSamples(telemetryOf(uneven.id), samples)
  const view = metricsAnalysisView(analysis)
  expect(view).toMatchObject({ engines: [{}, {}, { engine: '2', hotspot: 'kv_cache', waiting: 445 }, {}] })
  expect(Buffer.byteLength(JSON.stringify(view))).toBeLessThan(2600)
})
