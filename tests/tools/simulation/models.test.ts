import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { architectureOf } from '../../../tools/simulation/model-names.ts'
import {
  activeParameterCount,
  kvBytesPerToken,
  kvBytesPerTokenOfRank,
  parameterCount,
  weightBytes,
  weightBytesRead,
} from '../../../tools/simulation/models.ts'

const gib = 2 ** 30

/**
 * Numbers of weights, by model:
 *
 * - `billions` and `active billions` are published, with the source of the row;
 * - `counted` is the number of parameters that the class of Hugging Face Transformers 5.19 has for the same `config.json`,
 *   without an image encoder. It was counted on the device `meta`.
 */
const rows = readFileSync(join(import.meta.dirname, 'published-sizes.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [model = '', billions, active, counted, source = ''] = line.split('\t')
    return { model, billions: Number(billions), active: Number(active), counted: Number(counted), source }
  })

describe.each(rows)('$model', ({ model, billions, active, counted, source }) => {
  const architecture = architectureOf(model)

  test('has the published number of weights', () => {
    expect(source).not.toBe('')
    expect(Math.abs(parameterCount(architecture) / 1e9 / billions - 1)).toBeLessThanOrEqual(0.0125)
  })

  test.runIf(counted > 0)('has the weights of its class in Transformers within 0.01 %', () => {
    const text = parameterCount(architecture) - architecture.weights.vision.parameters
    expect(Math.abs(text / counted - 1)).toBeLessThanOrEqual(1e-4)
  })

  // Some cards count the embedding among the active weights, and some do not.
  test.runIf(active > 0)('has the published number of active weights within 8 %', () => {
    expect(Math.abs(activeParameterCount(architecture) / 1e9 / active - 1)).toBeLessThanOrEqual(0.08)
  })
})

test('at least twenty models have a published size', () => {
  expect(rows.length).toBeGreaterThanOrEqual(20)
})

test.each([
  // vLLM logged "Model loading took 14.99 GiB" for Llama 3.1 8B (0.19.0, H100), and 8.49 GiB with fp8 weights.
  ['meta-llama/Llama-3.1-8B-Instruct', 14.99, 0.01],
  ['RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8', 8.49, 0.01],
  // vLLM issue 23278: 65.97 GiB for gpt-oss-120b.
  ['openai/gpt-oss-120b', 65.97, 0.01],
])('%s takes the logged memory for weights: %d GiB', (name, published, band) => {
  expect(Math.abs(weightBytes(architectureOf(name)) / gib / published - 1)).toBeLessThanOrEqual(band)
})

test.each([
  ['llama-3.1-8b', 131_072],
  ['llama-3.1-70b', 327_680],
  // vLLM 0.19 logged 1,096,000 tokens in 58.53 GiB.
  ['qwen2.5-7b', 57_344],
  // vLLM issue 33155: 130,960 tokens in 8.99 GiB.
  ['gpt-oss-120b', 73_728],
  // 61 layers with 512 + 64 numbers, shared by all heads.
  ['deepseek-v3', 70_272],
])('a token of %s takes %d bytes of the KV cache', (name, bytes) => {
  expect(kvBytesPerToken(architectureOf(name), 2)).toBe(bytes)
})

test('ranks divide the KV heads, copy them when there are more ranks, and copy latent vectors', () => {
  const llama = architectureOf('llama-3.1-8b')
  expect(kvBytesPerTokenOfRank(llama, 2, 4, 1)).toBe(131_072 / 4)
  expect(kvBytesPerTokenOfRank(llama, 2, 4, 2)).toBe(131_072 / 8)
  expect(kvBytesPerTokenOfRank(llama, 2, 16, 1)).toBe(131_072 / 8)
  expect(kvBytesPerTokenOfRank(architectureOf('deepseek-v3'), 2, 8, 1)).toBe(70_272)
})

test('few tokens read few experts, and many tokens read all of them but not the embedding', () => {
  const model = architectureOf('gpt-oss-120b')
  const { embedding, experts, head, attention, other } = model.weights
  const bytes = (group: typeof experts) => group.parameters * group.bytesPerParameter
  const always = bytes(head) + bytes(attention) + bytes(other)
  // 1 − (1 − 4/128)^23 = 52 %.
  expect((weightBytesRead(model, 23) - always) / bytes(experts)).toBeCloseTo(0.518, 3)
  expect(weightBytesRead(model, 1e6)).toBeCloseTo(weightBytes(model) - bytes(embedding), 0)
})

test('a tied head is stored once and read in every step', () => {
  const model = architectureOf('qwen2.5-0.5b')
  expect(model.weights.head.parameters).toBe(0)
  expect(weightBytesRead(model, 1)).toBeCloseTo(weightBytes(model), 0)
})
