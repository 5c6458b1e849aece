import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { knownModels } from '../../../tools/simulation/known-models.ts'
import { architectureOf, modelOf } from '../../../tools/simulation/model-names.ts'
import { weightBytes } from '../../../tools/simulation/models.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const llama8b = architectureOf('meta-llama/Llama-3.1-8B-Instruct')

test.each(Object.entries(knownModels))('%s is found by its repository', (key, { repository }) => {
  expect(architectureOf(repository)).toEqual(architectureOf(key))
})

test.each([
  'meta-llama/Llama-3.1-8B',
  'meta-llama/Meta-Llama-3.1-8B-Instruct',
  'unsloth/Meta-Llama-3.1-8B-Instruct',
  'NousResearch/Meta-Llama-3.1-8B',
  '/models/llama-3.1-8b',
  '/models/llama-3.1-8b/',
  './Llama3.1-8B-Instruct',
  '/data/llama-3_1-8b-instruct/main',
  '/root/.cache/huggingface/hub/models--meta-llama--Llama-3.1-8B-Instruct/snapshots/0e9e39f249a16976918f6564b8830bc894c89659',
  'deepseek-ai/DeepSeek-R1-Distill-Llama-8B',
])('%s is Llama 3.1 8B', (name) => {
  expect(architectureOf(name)).toEqual(llama8b)
})

test('Llama 3 and Llama 3.1 differ in the longest request', () => {
  const earlier = architectureOf('meta-llama/Meta-Llama-3-8B-Instruct')
  expect(earlier).toEqual({ ...llama8b, maxModelLen: 8192 })
})

test.each([
  ['RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8', 1],
  ['RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic', 1],
  ['nvidia/Llama-3.1-8B-Instruct-FP8', 1],
  ['RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8', 1],
  ['hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4', 0.5195],
  ['RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16', 0.5156],
  ['nvidia/Llama-3.1-8B-Instruct-NVFP4', 0.5625],
  ['Qwen/Qwen2.5-7B-Instruct-AWQ', 0.5195],
  ['Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4', 0.5195],
  ['Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8', 1.0234],
  ['unsloth/gpt-oss-120b-BF16', 2],
])('the name %s shows %d bytes per weight', (name, bytes) => {
  expect(architectureOf(name).weights.attention.bytesPerParameter).toBeCloseTo(bytes, 4)
})

test('unquantised gpt-oss takes the memory of 16 bits per weight', () => {
  expect(weightBytes(architectureOf('unsloth/gpt-oss-20b-BF16')) / 2 ** 30).toBeCloseTo(38.96, 1)
})

test.each([
  ['acme/none', 'which the simulation does not know'],
  ['', 'which the simulation does not know'],
  ['/', 'which the simulation does not know'],
  ['constructor', 'which the simulation does not know'],
  ['__proto__', 'which the simulation does not know'],
  ['llama', 'which the simulation does not know'],
  ['nvidia/Llama-3.1-Nemotron-Ultra-253B-v1', 'which the simulation does not know'],
  ['meta-llama/Llama-3.1-9B-Instruct', 'Did you mean meta-llama/Llama-3.1-8B-Instruct?'],
  ['bartowski/Meta-Llama-3.1-8B-Instruct-GGUF', 'the architecture is that of meta-llama/Llama-3.1-8B-Instruct'],
  ['x'.repeat(100_000), 'model_config'],
])('the unknown name %.60s is an error that says what helps', (name, message) => {
  expect(() => architectureOf(name)).toThrow(
    expect.objectContaining({ code: 'unknown_model', field: 'model', message: expect.stringContaining(message) }),
  )
  expect(() => architectureOf(name)).toThrow('model_config')
})

test('model_config overrides what is known about the name, and makes any name possible', () => {
  const { config } = knownModels['qwen2.5-7b'] ?? {}
  const described = modelOf({ model: 'acme/our-model', model_config: config })
  expect(described).toEqual(architectureOf('Qwen/Qwen2.5-7B-Instruct'))
  expect(modelOf({ model: 'meta-llama/Llama-3.1-8B-Instruct', model_config: config })).toEqual(described)
})

test('a scenario runs a model of its own model_config as the known model with the same config', () => {
  const scenario = exampleScenario({ args: { max_model_len: 4096 } })
  const known = { ...scenario.deployment, model: 'Qwen/Qwen3-8B' }
  const model_config = knownModels['qwen3-8b']?.config
  const own = simulate(scenario, {
    ...known,
    model: 'acme/x',
    ...(model_config && { model_config: { ...model_config } }),
  })
  expect(own.memory).toEqual(simulate(scenario, known).memory)
  expect(own.counts).toEqual(simulate(scenario, known).counts)
  expect(own.counts.generationTokens).toBeGreaterThan(0)
})

test('every model of a scenario is known', () => {
  expect(() => modelOf(loadScenario('kv_cache_pressure').deployment)).not.toThrow()
})
