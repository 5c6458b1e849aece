import { expect, test } from 'vitest'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Tool } from '../../router/tool.ts'
import {
  analyzeMetrics,
  applyFixSimulation,
  collectPostTelemetry,
  fetchConfig,
  fetchPrometheusMetrics,
  fetchSystemLogs,
  fetchVllmLogs,
  incidentTools,
  parseMetricsPage,
  validateImprovement,
} from '../../tools/index.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { FixAction } from '../../tools/types.ts'
import { call } from './call.ts'

const scenario = 'kv_cache_pressure'
const current_config = loadScenario(scenario).deployment
const telemetry = telemetryOf(scenario)

const fetchTools: readonly Tool[] = incidentTools.slice(0, 6)

test('the ten tools are listed in order, and are read-only and idempotent', () => {
  expect(incidentTools.map(({ name }) => name)).toEqual([
    'fetch_vllm_logs',
    'fetch_system_logs',
    'fetch_prometheus_metrics',
    'fetch_config',
    'fetch_runtime_state',
    'fetch_gpu_stats',
    'analyze_metrics',
    'apply_fix_simulation',
    'collect_post_telemetry',
    'validate_improvement',
  ])
  for (const { annotations } of incidentTools) {
    expect(annotations).toEqual({ readOnlyHint: true, idempotentHint: true, openWorldHint: false })
  }
})

test.each(fetchTools.map((tool) => [tool.name, tool] as const))(
  '%s: the error for an unknown scenario lists the ids',
  async (_, tool) => {
    await expect(call(tool, { scenario: '../oracles/kv_cache_pressure' })).rejects.toThrow(
      /Unknown scenario.*healthy_control.*kv_cache_pressure/,
    )
    await expect(call(tool, {})).rejects.toThrow('scenario')
    await expect(call(tool, { scenario, colour: 'red' })).rejects.toThrow('colour')
  },
)

test('a bad window, limit or level is rejected', async () => {
  await expect(call(fetchVllmLogs, { scenario, window: 'today' })).rejects.toThrow('window "today" is not a duration')
  await expect(call(fetchSystemLogs, { scenario, window: '-5m' })).rejects.toThrow('window')
  await expect(call(fetchVllmLogs, { scenario, limit: 0 })).rejects.toThrow('limit')
  await expect(call(fetchVllmLogs, { scenario, level: 'loud' })).rejects.toThrow('level')
})

test('the error for an unknown config_id lists the known ids', async () => {
  await expect(call(fetchConfig, { config_id: 'kv_cache_pressure/123' })).rejects.toThrow('kv_cache_pressure/initial')
  expect((await call(fetchConfig, { config_id: 'kv_cache_pressure/initial' })).config).toEqual(current_config)
})

test.each<{ actions: FixAction[]; message: string }>([
  { actions: [], message: 'actions' },
  { actions: [{ action: 'set_engine_args', args: { swap_space: 8 } }], message: 'V1 preempts by recomputation' },
  { actions: [{ action: 'set_engine_args', args: { max_num_seq: 8 } }], message: 'Did you mean "max_num_seqs"' },
  {
    actions: [{ action: 'set_engine_args', args: { constructor: 8 } }],
    message: 'unknown engine argument "constructor"',
  },
  { actions: [{ action: 'set_engine_args', args: { max_num_seqs: 1.5 } }], message: 'expected integer, got 1.5' },
  {
    actions: [{ action: 'set_engine_args', args: { gpu_memory_utilization: 92 } }],
    message: 'expected more than 0 and at most 1, got 92',
  },
  { actions: [{ action: 'set_engine_args', args: { kv_cache_dtype: 'int4' } }], message: 'expected one of auto' },
  {
    actions: [{ action: 'restart_engine' }, { action: 'no_change', reason: 'x' }],
    message: 'no_change must be the only action',
  },
  {
    actions: [
      { action: 'set_engine_args', args: { max_num_seqs: 8 } },
      { action: 'set_engine_args', args: { max_num_seqs: 16 } },
    ],
    message: 'sets engine_args.max_num_seqs to 16, but fix_plan/actions/0 sets it to 8',
  },
  {
    actions: [{ action: 'set_engine_args', args: { kv_cache_memory_bytes: 1e10, gpu_memory_utilization: 0.9 } }],
    message:
      'fix_plan/actions/0/args/gpu_memory_utilization: it has no effect, because kv_cache_memory_bytes overrides it',
  },
  {
    actions: [{ action: 'set_engine_args', args: { limit_mm_per_prompt: '[1]' } }],
    message: 'expected a JSON object as text',
  },
  {
    actions: [
      { action: 'set_env', env: { NCCL_PROTO: null } },
      { action: 'align_nccl_env', env: { NCCL_PROTO: 'Simple' } },
    ],
    message: 'sets env.NCCL_PROTO to "Simple", but fix_plan/actions/0 sets it to null',
  },
  {
    actions: [
      { action: 'drain_node', node: 'gpu-node-07' },
      { action: 'drain_node', node: 'gpu-node-11' },
    ],
    message: 'sets placement.node to "gpu-node-11"',
  },
  {
    actions: [{ action: 'align_nccl_env', env: { LD_LIBRARY_PATH: '/x' } }],
    message: 'LD_LIBRARY_PATH',
  },
  { actions: [{ action: 'set_engine_args', args: { preemption_mode: 'swap' } }], message: 'belonged to V0' },
  { actions: [{ action: 'set_engine_args', args: { kv_cache_dtype: 16 } }], message: 'expected string, got 16' },
  { actions: [{ action: 'drain_node', node: 'gpu-node-99' }], message: 'runs on "gpu-node-07"' },
  { actions: [{ action: 'reset_gpu', gpu: 31 }], message: 'has no GPU 31' },
  { actions: [{ action: 'change_image', image: 'vllm/vllm-openai:latest' }], message: 'no version in its tag' },
  {
    actions: [{ action: 'change_image', image: 'vllm/vllm-openai:v0.6.3' }],
    message: 'vLLM 0.6.3 runs on the V0 engine',
  },
  { actions: [{ action: 'set_engine_args', args: { block_size: 7 } }], message: 'expected one of 1, 8, 16' },
  { actions: [{ action: 'set_engine_args', args: { speculative_model: 'x' } }], message: 'Use speculative_config' },
])('a plan is rejected: $message', async ({ actions, message }) => {
  await expect(call(applyFixSimulation, { current_config, fix_plan: { summary: 'x', actions } })).rejects.toThrow(
    message,
  )
})

test('a configuration of another scenario, or an incomplete one, is rejected', async () => {
  await expect(
    call(collectPostTelemetry, { scenario: 'healthy_control', updated_config: current_config }),
  ).rejects.toThrow('updated_config.scenario')
  await expect(call(collectPostTelemetry, { scenario, updated_config: { scenario } })).rejects.toThrow('engine_args')
  const updated_config = { ...current_config, model: 'acme/none' }
  await expect(call(collectPostTelemetry, { scenario, updated_config })).rejects.toThrow(
    'updated_config.model is "acme/none"',
  )
})

test.each([
  ['latest', 'vllm_version is "latest", but it must be a version'],
  ['0.6.3', 'vllm_version is 0.6.3, which runs on the V0 engine'],
])('a configuration of vLLM %s is rejected', async (vllm_version, message) => {
  const updated_config = { ...current_config, vllm_version }
  await expect(call(collectPostTelemetry, { scenario, updated_config })).rejects.toThrow(message)
})

test('a configuration that describes another model or GPU is rejected', async () => {
  const ofModel = { ...current_config, model_config: { model_type: 'llama' } }
  await expect(call(collectPostTelemetry, { scenario, updated_config: ofModel })).rejects.toThrow(
    'updated_config.model_config is not that of the deployment',
  )
  const ofGpu = { ...current_config, placement: { ...current_config.placement, gpu: { memory_gib: 10 } } }
  await expect(call(collectPostTelemetry, { scenario, updated_config: ofGpu })).rejects.toThrow(
    'updated_config.placement.gpu is not that of the deployment',
  )
})

test('a configuration of an unknown scenario, or with invalid arguments, is rejected', async () => {
  const fix_plan = { summary: 'x', actions: [{ action: 'restart_engine' }] }
  await expect(
    call(applyFixSimulation, { current_config: { ...current_config, scenario: 'x' }, fix_plan }),
  ).rejects.toThrow('current_config.scenario: unknown scenario "x"')
  const withArgument = (name: string, value: number) =>
    call(collectPostTelemetry, {
      scenario,
      updated_config: { ...current_config, engine_args: { ...current_config.engine_args, [name]: value } },
    })
  await expect(withArgument('max_num_seqs', -4)).rejects.toThrow('updated_config/engine_args/max_num_seqs')
  await expect(withArgument('swap_space', 4)).rejects.toThrow('updated_config/engine_args/swap_space')
})

test('the engine does not start with a tensor parallel size that does not divide the heads', async () => {
  const updated_config = { ...current_config, engine_args: { ...current_config.engine_args, tensor_parallel_size: 3 } }
  const { post_telemetry } = await call(collectPostTelemetry, { scenario, updated_config })
  expect(post_telemetry.health).toMatchObject({ engine_up: false, reason: expect.stringContaining('(3)') })
})

test('telemetries that are swapped or have different objectives are rejected', async () => {
  const post = { ...telemetry, phase: 'post' as const }
  await expect(call(validateImprovement, { pre_telemetry: post, post_telemetry: telemetry })).rejects.toThrow('swapped')
  const slo = { ...telemetry.slo, ttft_p95_s: 1e6 }
  await expect(
    call(validateImprovement, { pre_telemetry: telemetry, post_telemetry: { ...post, slo } }),
  ).rejects.toThrow('post_telemetry.slo.ttft_p95_s is 1000000')
  const window = { ...telemetry.window, duration_s: 5 }
  await expect(
    call(validateImprovement, { pre_telemetry: telemetry, post_telemetry: { ...post, window } }),
  ).rejects.toThrow('post_telemetry.window.duration_s is 5')
})

test('a telemetry that contradicts itself, or a value that is not a number, is not analysed', async () => {
  const pre_telemetry = { ...telemetry, requests: { ...telemetry.requests, served: 9999 } }
  await expect(call(analyzeMetrics, { pre_telemetry, prometheus_samples: [] })).rejects.toThrow(
    'pre_telemetry.requests contradicts itself',
  )
  const prometheus_samples = [{ name: 'vllm:num_requests_waiting', labels: {}, value: 'many' }]
  await expect(call(analyzeMetrics, { pre_telemetry: telemetry, prometheus_samples })).rejects.toThrow(
    '/prometheus_samples/0/value',
  )
})

test('metrics that were not observed have no delta', async () => {
  const pre_telemetry = { ...telemetry, missing: ['latency' as const] }
  const { deltas } = await call(validateImprovement, { pre_telemetry, post_telemetry: telemetry })
  expect(deltas.find(({ metric }) => metric === 'latency.ttft_s.p95')).toMatchObject({
    before: null,
    verdict: 'unknown',
  })
  expect(deltas.find(({ metric }) => metric === 'requests.served')).toMatchObject({ verdict: 'same' })
})

test('a telemetry that contradicts itself or belongs to another scenario is rejected', async () => {
  const post_telemetry = { ...telemetry, requests: { ...telemetry.requests, served: 9999 } }
  await expect(call(validateImprovement, { pre_telemetry: telemetry, post_telemetry })).rejects.toThrow(
    'post_telemetry.requests contradicts itself',
  )
  await expect(
    call(validateImprovement, { pre_telemetry: telemetry, post_telemetry: telemetryOf('healthy_control') }),
  ).rejects.toThrow('post_telemetry.scenario')
})

test('a telemetry whose quantiles contradict each other is rejected', async () => {
  const ttft_s = { ...telemetry.latency.ttft_s, p50: 1e6 }
  const post_telemetry = { ...telemetry, latency: { ...telemetry.latency, ttft_s } }
  await expect(call(validateImprovement, { pre_telemetry: telemetry, post_telemetry })).rejects.toThrow(
    'post_telemetry.latency.ttft_s contradicts itself',
  )
})

test.each([
  ['requests', { served: Number.NaN }],
  ['requests', { served: -1 }],
  ['requests', {}],
  ['latency', {}],
  ['window', { start: 'yesterday', end: 'today', duration_s: 0 }],
])('a telemetry with a bad %s is rejected: %j', async (field, value) => {
  const pre_telemetry = { ...telemetry, [field]: value }
  await expect(call(validateImprovement, { pre_telemetry, post_telemetry: telemetry })).rejects.toThrow(
    `pre_telemetry/${field}`,
  )
})

test('a page that is cut off, or a sample without a value, is rejected', async () => {
  const { raw_text } = await call(fetchPrometheusMetrics, { scenario })
  expect(() => parseMetricsPage(raw_text.slice(0, raw_text.length / 2))).toThrow(/^line \d+: .*cut off/)
  const prometheus_samples = [{ name: 'vllm:num_requests_waiting', labels: {} }]
  await expect(call(analyzeMetrics, { pre_telemetry: telemetry, prometheus_samples })).rejects.toThrow('value')
})

test('samples without known metrics give an unknown hotspot and null values', async () => {
  const empty = await call(analyzeMetrics, { pre_telemetry: telemetry, prometheus_samples: [] })
  expect(empty.hotspot.kind).toBe('unknown')
  expect(new Set(Object.values(empty.derived_metrics))).toEqual(new Set([null]))
  const odd = await call(analyzeMetrics, {
    pre_telemetry: telemetry,
    prometheus_samples: ['NaN', '+Inf', '-Inf'].map((value) => ({
      name: 'vllm:num_requests_waiting',
      labels: {},
      value,
    })),
  })
  expect(odd.derived_metrics.waiting).toBeNull()
})

test('a window whose times are in the wrong order is answered with the right order', async () => {
  const window = '14:10/14:05'
  await expect(call(fetchVllmLogs, { scenario, window })).rejects.toThrow(/wrong order.*"14:05\/14:10"/)
})

test('a spare node as the node to drain is answered with the node to leave', async () => {
  const plan = { summary: 'Move.', actions: [{ action: 'drain_node', node: 'gpu-node-11' }] }
  await expect(call(applyFixSimulation, { current_config, fix_plan: plan })).rejects.toThrow(
    /"gpu-node-11" is a spare node, and `node` is the node to leave. The deployment runs on "gpu-node-07"/,
  )
})

test('a comparison of a telemetry with itself says so', async () => {
  const { summary } = await call(validateImprovement, { pre_telemetry: telemetry, post_telemetry: telemetry })
  expect(summary).toMatch(/same telemetry.*collect_post_telemetry#\/post_telemetry/)
})
