import { expect, test } from 'vitest'
import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { readArguments } from '../../../tools/arguments/read-arguments.ts'
import { checkOwnArguments } from '../../../tools/fix/check-engine-argument.ts'
import { applyFixSimulation, collectPostTelemetry, fetchConfig, validateImprovement } from '../../../tools/index.ts'
import { simulateTelemetry } from '../../../tools/simulation/collect-telemetry.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import { call } from '../call.ts'

type Arguments = { readonly [name: string]: EngineArgumentValue }

const healthy = loadScenario('healthy_control').deployment

test.each<[kind: string, args: Arguments]>([
  ['not_simulated', { quantization: 'fp8' }],
  ['not_simulated', { dtype: 'float32' }],
  ['not_simulated', { data_parallel_backend: 'ray' }],
  ['not_simulated', { speculative_config: '{"method": "medusa", "model": "m", "num_speculative_tokens": 3}' }],
  ['not_simulated', { enable_expert_parallel: true }],
  ['not_an_argument', { max_num_seq: 8 }],
  ['not_an_argument', { watermark: 0.1 }],
  ['wrong_value', { kv_cache_dtype: 'fp7' }],
  ['wrong_value', { speculative_config: '{"method": "ngram"}' }],
  ['out_of_range', { num_gpu_blocks_override: 0 }],
])('%s: %j in the configuration of a scenario is reported, not ignored', (kind, args) => {
  const scenario = exampleScenario({ args })
  const [argument] = Object.keys(args)
  expect(readArguments(scenario.deployment).findings).toEqual([{ argument, kind, message: expect.any(String) }])
  expect(simulateTelemetry(scenario, scenario.deployment, 'pre').ignored_arguments).toEqual([argument])
})

test('fetch_config reports the arguments, and no built-in scenario has one that is not followed', async () => {
  for (const scenario of listScenarios()) {
    expect((await call(fetchConfig, { scenario })).argument_findings, scenario).toEqual([])
  }
})

test('the arguments of a scenario can be spelled as on the command line', () => {
  const plain = simulate(exampleScenario({ args: { max_num_batched_tokens: 4096, enable_prefix_caching: false } }))
  const flags = simulate(
    exampleScenario({ args: { '--max-num-batched-tokens': '4K', 'no-enable-prefix-caching': true } }),
  )
  expect(flags.settings.maxNumBatchedTokens).toBe(4096)
  expect(flags.counts).toEqual(plain.counts)
  const memory = (args: Arguments) => simulate(exampleScenario({ args })).memory?.weightsGib
  expect(memory({ '-q': 'fp8' })).toBe(memory({ quantization: 'fp8' }))
  expect(memory({ '-tp': '2' })).toBe(memory({ tensor_parallel_size: 2 }))
})

test('a verdict names the arguments that it does not cover', async () => {
  const scenario = exampleScenario({ args: { quantization: 'fp8', max_num_seq: 8 } })
  const pre_telemetry = simulateTelemetry(scenario, scenario.deployment, 'pre')
  const post_telemetry = simulateTelemetry(scenario, scenario.deployment, 'post')
  const { limits, summary } = await call(validateImprovement, { pre_telemetry, post_telemetry })
  expect(limits).toEqual([
    'The simulation does not follow quantization, max_num_seq: the real effect of the fix may differ.',
  ])
  expect(summary).toContain('does not follow quantization, max_num_seq')
})

const plan = (args: Arguments) =>
  call(applyFixSimulation, {
    current_config: healthy,
    fix_plan: { summary: 'x', actions: [{ action: 'set_engine_args', args }] },
  })

test('a plan may spell arguments as on the command line, and the configuration has their Python names', async () => {
  const { updated_config, diff } = await plan({ '--max-num-seqs': '64', 'no-enable-prefix-caching': true })
  expect(updated_config.engine_args).toMatchObject({ max_num_seqs: 64, enable_prefix_caching: false })
  expect(diff).toHaveLength(2)
  const sizes = await plan({ max_num_batched_tokens: '8k' })
  expect(sizes.updated_config.engine_args['max_num_batched_tokens']).toBe(8000)
})

test('two spellings of one argument contradict each other', async () => {
  await expect(
    call(applyFixSimulation, {
      current_config: healthy,
      fix_plan: {
        summary: 'x',
        actions: [
          { action: 'set_engine_args', args: { max_num_seqs: 8 } },
          { action: 'set_engine_args', args: { '--max-num-seqs': 16 } },
        ],
      },
    }),
  ).rejects.toThrow('sets engine_args.max_num_seqs to 16, but fix_plan/actions/0 sets it to 8')
  await expect(plan({ '--num-gpu-blocks-override': 4000, gpu_memory_utilization: 0.8 })).rejects.toThrow(
    'num_gpu_blocks_override overrides it',
  )
  await expect(plan({ max_num_seqs: 8, '--max-num-seqs': 16 })).rejects.toThrow('sets engine_args.max_num_seqs to 16')
})

test.each([
  // Since 0.20 the blocks of the argument count, and since 0.29 one of them is the null block.
  ['0.20.0', 16_000],
  ['0.32.0', 15_984],
])('vLLM %s lowers max_model_len auto to what 1000 KV blocks hold', (vllm_version, length) => {
  const scenario = exampleScenario({ args: { max_model_len: 'auto', num_gpu_blocks_override: 1000 } })
  const auto = { ...scenario.deployment, vllm_version }
  expect(simulate(scenario, auto).settings.maxModelLen).toBe(length)
  const whole = { ...auto, engine_args: { ...auto.engine_args, max_model_len: null } }
  expect(simulate(scenario, whole).engine).toMatchObject({
    started: false,
    reason: expect.stringContaining(`Based on the available memory, the estimated maximum model length is ${length}.`),
  })
})

test('before 0.20 an engine with too few blocks starts, and a request that does not fit waits for ever', () => {
  const args = { num_gpu_blocks_override: 20, max_model_len: 8192 }
  const scenario = exampleScenario({ args, durationS: 60 })
  const { engine, counts, end } = simulate(scenario)
  expect(engine.up).toBe(true)
  expect(counts.stopped + counts.cutByLength).toBe(0)
  expect(end.running + end.waiting).toBe(counts.arrived)
  const patient = { ...scenario, load: { ...scenario.load, client_timeout_s: 5 } }
  expect(simulate(patient).counts.aborted).toBeGreaterThan(0)
})

test.each<[args: Arguments, reason: string]>([
  [{ max_num_seqs: 4096 }, 'max_num_batched_tokens (2048) must be greater than or equal to max_num_seqs (4096).'],
  [
    { max_num_seqs: 256, max_num_batched_tokens: 128 },
    'max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256).',
  ],
  [{ tensor_parallel_size: 3 }, 'Total number of attention heads (64) must be divisible by tensor parallel size (3).'],
])('a fix with which vLLM does not start is no improvement: %j', async (args, reason) => {
  const { updated_config } = await plan(args)
  const { post_telemetry } = await call(collectPostTelemetry, { scenario: 'healthy_control', updated_config })
  expect(post_telemetry.health).toMatchObject({ engine_up: false, reason })
  const pre_telemetry = simulateTelemetry(loadScenario('healthy_control'), healthy, 'pre')
  expect((await call(validateImprovement, { pre_telemetry, post_telemetry })).status).toBe('regressed')
})

test('max_num_seqs is lowered to a budget below its default, and is never changed if it is set', () => {
  const settings = (args: Arguments) => simulate(exampleScenario({ args })).settings
  expect(settings({ max_num_batched_tokens: 64 }).maxNumSeqs).toBe(64)
  expect(settings({ max_num_batched_tokens: 64, max_num_seqs: 32 }).maxNumSeqs).toBe(32)
})

test('an argument that the deployment runs with need not be simulated after a fix, and another one must be', () => {
  const own = { quantization: 'fp8', max_model_len: 8192 }
  const check = (args: Arguments) => () => checkOwnArguments(args, own, '0.15.0', 'at')
  expect(check({ ...own, max_num_seqs: 8 })).not.toThrow()
  expect(check({ ...own, quantization: 'awq' })).toThrow('at/quantization: vLLM has "quantization"')
  expect(check({ ...own, max_num_seq: 8 })).toThrow('Did you mean "max_num_seqs"?')
})
