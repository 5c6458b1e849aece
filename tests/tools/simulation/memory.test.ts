import { expect, test } from 'vitest'
import { simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const started = (args: Parameters<typeof exampleScenario>[0]) => simulate(exampleScenario(args))

test('KV cache: 8B bfloat16 takes 128 KiB per token, fp8 half of it', () => {
  const auto = started({}).memory
  const fp8 = started({ args: { kv_cache_dtype: 'fp8' } }).memory
  expect((auto?.availableKvGib ?? 0) * 8192).toBeCloseTo(auto?.kvTokens ?? 0, -2)
  expect((fp8?.kvTokens ?? 0) / (auto?.kvTokens ?? 1)).toBeCloseTo(2, 2)
})

test('num_gpu_blocks_override replaces the profiled number of KV blocks and frees the rest', () => {
  const profiled = started({ rate: 8 })
  const half = Math.floor((profiled.memory?.kvBlocks ?? 0) / 2)
  const { memory } = started({ args: { num_gpu_blocks_override: half } })
  expect(memory).toMatchObject({ kvBlocks: half, kvTokens: half * 16 })
  const freedGib = (profiled.memory?.availableKvGib ?? 0) - (memory?.availableKvGib ?? 0)
  expect(memory?.slackGib).toBeCloseTo((profiled.memory?.slackGib ?? 0) + freedGib, 6)
  const both = started({ args: { num_gpu_blocks_override: half, kv_cache_memory_bytes: 2 ** 34 } })
  expect(both.memory?.kvBlocks).toBe(half)
  const few = started({ rate: 8, args: { num_gpu_blocks_override: 520 } })
  expect([profiled.counts.preemptions, few.counts.preemptions > 100]).toEqual([0, true])
})

test.each([
  { args: { num_gpu_blocks_override: 100_000 }, reason: 'CUDA out of memory' },
  { args: { gpu_memory_utilization: 0.995 }, reason: 'is less than desired GPU memory utilization (0.995' },
  { args: { gpu_memory_utilization: 0.3 }, reason: 'No available memory for the cache blocks' },
  {
    args: { gpu_memory_utilization: 0.45, max_model_len: 32_768 },
    reason: 'KV cache is needed, which is larger than the available',
  },
  { args: { kv_cache_memory_bytes: 40 * 2 ** 30 }, reason: 'CUDA out of memory' },
  {
    args: { max_model_len: 150_000 },
    reason:
      'User-specified max_model_len (150000) is greater than the derived max_model_len (max_position_embeddings=131072',
  },
  { args: { max_num_batched_tokens: 1e13, max_num_seqs: 1e9 }, reason: 'No available memory for the cache blocks' },
  { args: { tensor_parallel_size: 4 }, reason: 'World size (4) is larger than the number of available GPUs (2)' },
  { args: { enable_chunked_prefill: false, max_num_batched_tokens: 2048 }, reason: 'is smaller than max_model_len' },
  { args: { kv_cache_memory_bytes: 2 ** 29 }, reason: 'the estimated maximum model length is 4096. Try increasing' },
  { args: { max_num_seqs: 4096 }, reason: 'must be greater than or equal to max_num_seqs (4096).' },
  { args: { max_num_seqs: 'many' }, reason: "argument --max-num-seqs: invalid int value: 'many'" },
  { args: { kv_cache_dtype: 'fp7' }, reason: "argument --kv-cache-dtype: invalid choice: 'fp7' (choose from 'auto'" },
])('an engine that cannot start reports "$reason" and serves no request', ({ args, reason }) => {
  const scenario = exampleScenario({ args })
  const telemetry = simulateTelemetry(scenario, scenario.deployment, 'post')
  expect(telemetry.health).toMatchObject({ engine_up: false, healthy_workers: 0 })
  expect(telemetry.health.reason).toContain(reason)
  expect(telemetry.requests).toMatchObject({ served: 0, failed: telemetry.requests.arrived, unfinished: 0 })
})

test('a longer max_model_len is accepted with the environment variable that vLLM names', () => {
  const scenario = exampleScenario({ args: { max_model_len: 140_000, kv_cache_dtype: 'fp8' } })
  const allowed = { ...scenario.deployment, env: { VLLM_ALLOW_LONG_MAX_MODEL_LEN: '1' } }
  expect(simulate(scenario).engine.started).toBe(false)
  expect(simulate(scenario, allowed).engine.reason ?? '').not.toContain('User-specified max_model_len')
})

test('the errors for an unknown model and an unknown GPU name the value', () => {
  expect(() => started({ model: 'acme/none' })).toThrow('model is "acme/none", which the simulation does not know')
  expect(() => started({ gpu: 'toString' })).toThrow(
    'placement.gpu_model is "toString", which the simulation does not know',
  )
})

const vision = 'Qwen/Qwen3-VL-4B-Instruct'
const consumer = 'NVIDIA GeForce RTX 3090'

test.each([
  {
    kind: 'less memory is free than requested',
    args: { gpu_memory_utilization: 0.985 },
    reason: 'Free memory on device cuda:0',
  },
  {
    kind: 'no memory is left for the KV cache',
    args: { gpu_memory_utilization: 0.35 },
    reason: 'No available memory for the cache blocks',
  },
  {
    kind: 'the sampler does not fit',
    args: { gpu_memory_utilization: 0.96, max_num_seqs: 2048, enforce_eager: true },
    reason: 'when warming up sampler with 2048 dummy requests',
  },
  {
    kind: 'the graphs do not fit',
    args: { gpu_memory_utilization: 0.96, max_num_seqs: 16 },
    reason: 'Capturing CUDA graphs failed. torch.OutOfMemoryError: CUDA out of memory.',
  },
])('at startup, $kind', ({ args, reason }) => {
  expect(started({ model: vision, gpu: consumer, args }).engine.reason).toContain(reason)
})

test('the remedies of the first two shortages are opposite', () => {
  const at = (gpu_memory_utilization: number) =>
    started({ model: vision, gpu: consumer, args: { gpu_memory_utilization } })
  expect([0.35, 0.9, 0.985].map((utilization) => at(utilization).engine.up)).toEqual([false, true, false])
})

test('memory that another process holds is not available to the engine', () => {
  const neighbour = { kind: 'gpu_memory_taken', when: { always: true }, gib: 12, reason: 'x' } as const
  const at = (gpu_memory_utilization: number) =>
    started({ impairments: [neighbour], args: { gpu_memory_utilization } }).engine
  expect(at(0.9).reason).toContain('Free memory on device cuda:0 (26.89/39.39 GiB)')
  expect(at(0.65).up).toBe(true)
})

test('at run time, images in one step need too much memory; a lower utilisation, chunks or fewer images help', () => {
  const load = { images: { per_prompt: { median: 10, sigma: 0, min: 10, max: 10 }, tokens_per_image: 1280 } }
  const base = {
    gpu_memory_utilization: 0.95,
    max_model_len: 32_768,
    enforce_eager: true,
    enable_chunked_prefill: false,
  }
  const engine = (changes: object) =>
    started({ model: vision, gpu: consumer, rate: 0.03, load, args: { ...base, ...changes } }).engine
  expect(engine({}).reason).toMatch(
    /^torch\.OutOfMemoryError: CUDA out of memory\. Tried to allocate [\d.]+ MiB\. GPU 0 has a total capacity of 23\.57 GiB of which .* reserved by PyTorch but unallocated\./,
  )
  expect(engine({ gpu_memory_utilization: 0.9 }).up).toBe(true)
  expect(engine({ enable_chunked_prefill: true }).up).toBe(true)
  expect(engine({ mm_processor_kwargs: '{"max_pixels": 655360}' }).up).toBe(true)
  expect(engine({ limit_mm_per_prompt: '{"image": 4}' })).toMatchObject({ up: true })
  expect(engine({ limit_mm_per_prompt: 'four' }).reason).toContain('argument --limit-mm-per-prompt: Value four')
})

test('host memory: a KV buffer that is larger than the limit fills until the kernel kills the engine', () => {
  const downAt = (host_memory_gb: number, args: Parameters<typeof exampleScenario>[0] = {}) => {
    const scenario = exampleScenario({ rate: 4, args: { kv_offloading_size: 64 }, ...args })
    const resources = { ...scenario.deployment.resources, host_memory_gb }
    return simulate(scenario, { ...scenario.deployment, resources }).engine
  }
  const [tight, wider, enough] = [24, 40, 96].map((limit) => downAt(limit).downAtS)
  expect(tight).toBeGreaterThan(30)
  expect(wider).toBeGreaterThan((tight ?? 0) + 30)
  expect(enough).toBeUndefined()
  expect(downAt(24).reason).toContain('Engine core proc EngineCore_DP0 died unexpectedly')
  expect(downAt(24, { args: { kv_offloading_size: 8 } }).up).toBe(true)
  expect(downAt(24, { args: { cpu_offload_gb: 16 } })).toMatchObject({ up: false, started: false, downAtS: 0 })
})
