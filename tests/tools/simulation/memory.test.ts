import { expect, test } from 'vitest'
import { telemetryWith } from '../../../tools/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const started = (args: Parameters<typeof exampleScenario>[0]) => simulate(exampleScenario(args))

test('KV cache: 8B bfloat16 takes 128 KiB per token, fp8 half of it', () => {
  const auto = started({}).memory
  const fp8 = started({ args: { kv_cache_dtype: 'fp8' } }).memory
  expect((auto?.availableKvGib ?? 0) * 8192).toBeCloseTo(auto?.kvTokens ?? 0, -2)
  expect((fp8?.kvTokens ?? 0) / (auto?.kvTokens ?? 1)).toBeCloseTo(2, 2)
})

test.each([
  { args: { gpu_memory_utilization: 0.995 }, reason: 'is less than desired GPU memory utilization (0.995' },
  { args: { gpu_memory_utilization: 0.3 }, reason: 'No available memory for the cache blocks' },
  {
    args: { gpu_memory_utilization: 0.45, max_model_len: 32_768 },
    reason: 'KV cache is needed, which is larger than the available',
  },
  { args: { kv_cache_memory_bytes: 40 * 2 ** 30 }, reason: 'CUDA out of memory' },
  { args: { tensor_parallel_size: 4 }, reason: 'World size (4) is larger than the number of available GPUs (2)' },
  { args: { enable_chunked_prefill: false }, reason: 'is smaller than max_model_len' },
])('an engine that cannot start says "$reason" and serves nobody', ({ args, reason }) => {
  const scenario = exampleScenario({ args })
  const telemetry = telemetryWith(scenario, scenario.deployment, 'post')
  expect(telemetry.health).toMatchObject({ engine_up: false, healthy_workers: 0 })
  expect(telemetry.health.reason).toContain(reason)
  expect(telemetry.requests).toMatchObject({ served: 0, failed: telemetry.requests.arrived, unfinished: 0 })
})

test('an unknown model, an unknown GPU and an argument of a wrong type name themselves', () => {
  expect(() => started({ model: 'acme/none' })).toThrow('model "acme/none" is unknown')
  expect(() => started({ gpu: 'toString' })).toThrow('placement.gpu_model "toString" is unknown')
  expect(() => started({ args: { max_num_seqs: 'many' } })).toThrow('engine_args.max_num_seqs is "many"')
})
