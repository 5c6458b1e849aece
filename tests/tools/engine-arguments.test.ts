import { expect, test } from 'vitest'
import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import { applyFixSimulation, collectPostTelemetry } from '../../tools/index.ts'
import { countedRequests } from '../support/counted-requests.ts'
import { call } from './call.ts'

const scenario = 'kv_cache_pressure'
const current_config = loadScenario(scenario).deployment

type Arguments = { readonly [name: string]: EngineArgumentValue }

const apply = (args: Arguments) =>
  call(applyFixSimulation, {
    current_config,
    fix_plan: { summary: 'x', actions: [{ action: 'set_engine_args', args }] },
  })

const collect = (args: Arguments) =>
  call(collectPostTelemetry, {
    scenario,
    updated_config: { ...current_config, engine_args: { ...current_config.engine_args, ...args } },
  })

test.each<Arguments>([
  { data_parallel_backend: 'ray' },
  { dtype: 'float16' },
  { quantization: 'fp8' },
  { stream_interval: 4 },
  { scheduling_policy: 'priority' },
])('%j: an argument that the simulation does not model is rejected', async (args) => {
  const [name] = Object.keys(args)
  const reason = new RegExp(`/${name}: vLLM has "${name}".*, but the simulation does not model it`)
  await expect(apply(args)).rejects.toThrow(reason)
  await expect(collect(args)).rejects.toThrow(reason)
})

test('the rejection quotes the documentation and the next step', async () => {
  await expect(apply({ scheduling_policy: 'priority' })).rejects.toThrow(
    'fix_plan/actions/0/args/scheduling_policy: vLLM has "scheduling_policy" (Order of the waiting queue), ' +
      'but the simulation does not model it, so its effect would not be visible. ' +
      'Remove it from the actions; recommend it in the rationale of the plan instead.',
  )
})

test('a count above the largest 32-bit integer is rejected', async () => {
  await expect(apply({ max_num_batched_tokens: 1e13 })).rejects.toThrow(
    'fix_plan/actions/0/args/max_num_batched_tokens: expected 1 to 2147483647, got 10000000000000.',
  )
  expect((await apply({ kv_cache_memory_bytes: 2 ** 35 })).diff).toHaveLength(1)
})

test('a wrong value is reported first, and the default can be restored', async () => {
  await expect(apply({ dtype: 'int7' })).rejects.toThrow('expected one of auto')
  expect((await apply({ dtype: null })).diff).toEqual([])
})

test('a number of KV blocks changes the measured service and overrides the other cache size arguments', async () => {
  const { updated_config, diff, expected_impact } = await apply({ num_gpu_blocks_override: 4000 })
  expect(diff).toEqual([{ op: 'add', path: '/engine_args/num_gpu_blocks_override', value: 4000 }])
  expect(expected_impact[0]).toContain('Sets the number of KV blocks directly')
  const { post_telemetry } = await call(collectPostTelemetry, { scenario, updated_config })
  const before = await collect({})
  expect(post_telemetry.kv_cache.capacity_tokens).toBe(4000 * 16)
  expect(post_telemetry.requests.served).toBeLessThan(countedRequests(before.post_telemetry).served)
  for (const weak of ['kv_cache_memory_bytes', 'gpu_memory_utilization']) {
    await expect(apply({ num_gpu_blocks_override: 4000, [weak]: 1 })).rejects.toThrow(
      `${weak}: it has no effect, because num_gpu_blocks_override overrides it`,
    )
  }
})

test.each<[before: Arguments, change: Arguments, effect: string]>([
  [{ kv_offloading_size: 96 }, { kv_offloading_size: null }, 'less host memory used.'],
  [{ kv_offloading_size: 96 }, { kv_offloading_size: 32 }, 'less host memory used.'],
  [{}, { kv_offloading_size: 32 }, 'more host memory used.'],
  [{}, { kv_offloading_size: 0 }, 'It has this value already, by default.'],
  [{ api_server_count: 4 }, { api_server_count: 1 }, 'Fewer API servers'],
  [{ data_parallel_size: 4 }, { api_server_count: 1 }, 'Fewer API servers'],
  [{ data_parallel_size: 4, api_server_count: 1 }, { api_server_count: null }, 'More API servers'],
  [{}, { api_server_count: 1 }, 'It has this value already, by default.'],
  [{ cpu_offload_gb: 16 }, { cpu_offload_gb: null }, 'Fewer weights in host memory'],
  [{ num_gpu_blocks_override: 4000 }, { num_gpu_blocks_override: null }, 'follows from gpu_memory_utilization'],
  [{ max_model_len: null }, { max_model_len: 4096 }, 'Longer requests are refused.'],
  [{ max_model_len: 4096 }, { max_model_len: null }, 'Longer requests are accepted'],
  [
    { max_num_seqs: 256 },
    { max_num_seqs: null },
    'vLLM derives the default. If the value is now higher: More requests',
  ],
  [{}, { enable_prefix_caching: false }, 'Every prompt is computed in full.'],
  [{ enable_prefix_caching: false }, { enable_prefix_caching: null }, 'Shared prefixes are computed once.'],
  [{ async_scheduling: false }, { async_scheduling: null }, 'The next step is scheduled while'],
  [{ kv_cache_dtype: 'fp8' }, { kv_cache_dtype: null }, 'The KV cache has the element type of the model'],
  [{ kv_cache_dtype: 'fp8' }, { kv_cache_dtype: 'auto' }, 'The KV cache has the element type of the model'],
  [{ long_prefill_token_threshold: 2048 }, { long_prefill_token_threshold: null }, 'Larger chunks'],
  [{}, { long_prefill_token_threshold: 2048 }, 'Limits the chunk'],
])('%j with %j: the effect has the direction of the change', async (before, change, effect) => {
  const config = { ...current_config, engine_args: before }
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args', args: change }] }
  const { expected_impact } = await call(applyFixSimulation, { current_config: config, fix_plan })
  expect(expected_impact[0]).toContain(effect)
})
