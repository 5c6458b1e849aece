import { expect, test } from 'vitest'
import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import { applyFixSimulation, collectPostTelemetry } from '../../tools/index.ts'
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
  { data_parallel_size: 2 },
  { dtype: 'float16' },
  { quantization: 'fp8' },
  { speculative_config: '{"method": "ngram"}' },
  { async_scheduling: false },
])('%j: an argument that the simulation does not know is refused instead of doing nothing', async (args) => {
  const [name] = Object.keys(args)
  const reason = new RegExp(`/${name}: vLLM has "${name}".*, but it is not part of the simulation`)
  await expect(apply(args)).rejects.toThrow(reason)
  await expect(collect(args)).rejects.toThrow(reason)
})

test('the refusal tells what the documentation says, and what to do', async () => {
  await expect(apply({ data_parallel_size: 2 })).rejects.toThrow(
    'fix_plan/actions/0/args/data_parallel_size: vLLM has "data_parallel_size" (More replicas: throughput and isolation, no ' +
      'gain for a single request), but it is not part of the simulation: no measurement would show what it does. ' +
      'Leave it out; the rationale of the plan may recommend it.',
  )
})

test('a wrong value is told first, and the default may be restored', async () => {
  await expect(apply({ dtype: 'int7' })).rejects.toThrow('expected one of auto')
  expect((await apply({ dtype: null })).diff).toEqual([])
})

test('a number of KV blocks shows in what is measured, and overrides the arguments that size the cache otherwise', async () => {
  const { updated_config, diff, expected_impact } = await apply({ num_gpu_blocks_override: 4000 })
  expect(diff).toEqual([{ op: 'add', path: '/engine_args/num_gpu_blocks_override', value: 4000 }])
  expect(expected_impact[0]).toContain('Sets the number of KV blocks directly')
  const { post_telemetry } = await call(collectPostTelemetry, { scenario, updated_config })
  const before = await collect({})
  expect(post_telemetry.requests.preemptions).toBeGreaterThan(before.post_telemetry.requests.preemptions)
  for (const weak of ['kv_cache_memory_bytes', 'gpu_memory_utilization']) {
    await expect(apply({ num_gpu_blocks_override: 4000, [weak]: 1 })).rejects.toThrow(
      `${weak}: it has no effect beside num_gpu_blocks_override`,
    )
  }
})
