import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { applyFixSimulation, inferScenario, predict, telemetryFromPages } from '../../../tools/index.ts'
import { residualText } from '../../../tools/inference/residuals.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { call } from '../call.ts'

// Several pages show what one page does not: that an engine makes no progress, that it restarted, or that a page is a copy.

const slo = { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.95 }

const page = (waiting: number, tokens: number, { start = 1_000, preemptions = 10, running = 4, cpu = tokens } = {}) =>
  [
    `process_start_time_seconds ${start}`,
    `process_cpu_seconds_total ${cpu}`,
    `vllm:num_requests_running{engine="0",model_name="m"} ${running}`,
    `vllm:num_requests_waiting{engine="0",model_name="m"} ${waiting}`,
    `vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.91`,
    `vllm:num_preemptions_total{engine="0",model_name="m"} ${preemptions}`,
    `vllm:generation_tokens_total{engine="0",model_name="m"} ${tokens}`,
    `vllm:request_success_total{engine="0",model_name="m",finished_reason="stop"} ${Math.floor(tokens / 100)}`,
    '',
  ].join('\n')

const analysed = (first: string, second: string) => {
  const telemetry = telemetryFromPages(
    [
      { text: first, atS: 2_000 },
      { text: second, atS: 2_300 },
    ],
    { slo },
  )
  return { telemetry, ...analyzeSamples(telemetry, parseMetricsPage(second).samples).hotspot }
}

test('an engine with requests and without a token between two pages is stalled, whatever its past shows', () => {
  const { telemetry, kind, because } = analysed(page(8, 1_000), page(44, 1_000, { cpu: 1_001 }))
  expect(telemetry.health.no_progress_s).toBe(300)
  expect(kind).toBe('engine_stalled')
  expect(because[0]).toContain('none in the 300 s between the pages')
})

test('an engine that is idle at one page, or generates tokens, is not stalled', () => {
  const idle = analysed(page(0, 1_000, { running: 0 }), page(1, 1_000, { cpu: 1_001 }))
  const busy = analysed(page(8, 1_000), page(44, 9_000))
  expect([idle.telemetry.health.no_progress_s, busy.telemetry.health.no_progress_s]).toEqual([undefined, undefined])
  expect(busy.kind).not.toBe('engine_stalled')
})

test('preemptions before the first page are no preemption storm', () => {
  const { kind } = analysed(page(8, 1_000), page(8, 9_000))
  expect(kind).not.toBe('kv_cache')
  expect(analysed(page(8, 1_000), page(8, 9_000, { preemptions: 90 })).kind).toBe('kv_cache')
})

test('after a restart nothing is said to be well', () => {
  const { telemetry, kind, because } = analysed(
    page(8, 1_000),
    page(0, 0, { start: 2_200, running: 0, preemptions: 0 }),
  )
  expect(telemetry.health.restarts).toBe(1)
  expect(kind).toBe('unknown')
  expect(because[0]).toMatch(/^The engine restarted between the pages/)
})

test('two pages with the same values, the CPU time included, are refused as copies', () => {
  expect(() => analysed(page(8, 1_000), page(8, 1_000))).toThrow(/one is a copy of the other/)
})

test('a small difference keeps its error and says why it is accepted', () => {
  const residual = { figure: 'ttft_mean_s', page: 0.0205, simulated: 0.0133, error: -0.35, isTolerated: true } as const
  expect(residualText(residual)).toMatch(/35 % off, accepted/)
})

const { deployment } = loadScenario('kv_cache_pressure')
const actionsWithoutVersion = [
  { action: 'restart_engine' },
  { action: 'set_env', env: { A_NEW_NAME: '1' } },
  { action: 'reset_gpu', gpu: deployment.placement.gpus?.[0] ?? 0 },
] as const

test.each(actionsWithoutVersion)('$action needs no version of vLLM', async (action) => {
  const current_config = { ...deployment, vllm_version: 'unknown' }
  const { diff } = await call(applyFixSimulation, { current_config, fix_plan: { summary: 'x', actions: [action] } })
  expect(diff).not.toEqual([])
})

test.each([
  ['a lower share of memory than the default', { gpu_memory_utilization: 0.83 }, /0\.83: Less KV cache/],
  ['the default', { gpu_memory_utilization: 0.9 }, /It has this value already, by default/],
  ['a higher share', { gpu_memory_utilization: 0.95 }, /0\.95: More KV cache/],
])('the effect of an argument that was not set is compared with its default: %s', async (_, args, effect) => {
  const current_config = { ...deployment, vllm_version: '0.15.0', engine_args: {} }
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args' as const, args }] }
  const { expected_impact } = await call(applyFixSimulation, { current_config, fix_plan })
  expect(expected_impact[0]).toMatch(effect)
})

test.each([
  ['a name that vLLM does not have', { max_num_seq: 3 }, /Did you mean "max_num_seqs"/],
  ['a value that no engine accepts', { max_num_seqs: -3 }, /max_num_seqs: expected .*-3/],
])('no effect is predicted for %s', (_, args, reason) => {
  const scenario = loadScenario('kv_cache_pressure')
  const inference = { kind: 'inferred', scenario, residuals: [], assumptions: [] } as const
  const changed = { ...deployment, engine_args: { ...deployment.engine_args, ...args } }
  const predicted = predict(inference, changed)
  expect(predicted.kind === 'refused' && predicted.reasons.join(' ')).toMatch(reason)
})

test('a prediction without an inference says what it needs', () => {
  expect(predict(inferScenario([], { config: deployment, slo }), deployment).kind).toBe('refused')
  // @ts-expect-error: a caller in JavaScript
  expect(() => predict(undefined, deployment)).toThrow(/^inference must be the result of inferScenario/)
})
