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
