import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { allReduceMs } from '../../../tools/simulation/all-reduce.ts'
import { engineSettings } from '../../../tools/simulation/engine-settings.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { layersMs } from '../../../tools/simulation/matrix-products.ts'
import { readArchitecture } from '../../../tools/simulation/model-config.ts'
import { architectureOf } from '../../../tools/simulation/model-names.ts'
import type { ModelArchitecture } from '../../../tools/simulation/models.ts'
import { stepTime } from '../../../tools/simulation/step-time.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import { a100, h100 } from '../../support/measured-figures.ts'

interface Measurement {
  readonly gpu: string
  readonly model: string
  readonly ranks: number
  readonly tokens: number
  readonly microseconds: number
  /** `undefined`: not measured. */
  readonly allReduce: number | undefined
}

/** Measurements at sizes that the product's table does not contain: see the README in the folder. */
const measurements = readFileSync('tests/reference/step-times/layers.tsv', 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line): Measurement => {
    const [gpu = '', model = '', ranks, tokens, microseconds, allReduce = ''] = line.split('\t')
    return {
      gpu: gpu === 'A100' ? a100 : h100,
      model,
      ranks: Number(ranks),
      tokens: Number(tokens),
      microseconds: Number(microseconds),
      allReduce: allReduce === '' ? undefined : Number(allReduce),
    }
  })

const llama = (sizes: { [name: string]: number }) =>
  readArchitecture(
    { architectures: ['LlamaForCausalLM'], model_type: 'llama', max_position_embeddings: 8192, ...sizes },
    'config',
  )
/** Layers of other shapes than those of the table. The constants of the formula are the same without these models. */
const otherShapes: { readonly [model: string]: ModelArchitecture } = {
  'Qwen/Qwen-72B': llama({
    num_hidden_layers: 80,
    hidden_size: 8192,
    num_attention_heads: 64,
    num_key_value_heads: 64,
    intermediate_size: 24_576,
    vocab_size: 152_064,
  }),
  'codellama/CodeLlama-34b-Instruct-hf': llama({
    num_hidden_layers: 48,
    hidden_size: 8192,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    intermediate_size: 22_016,
    vocab_size: 32_768,
  }),
  'internlm/internlm-20b': llama({
    num_hidden_layers: 60,
    hidden_size: 5120,
    num_attention_heads: 40,
    num_key_value_heads: 40,
    intermediate_size: 13_824,
    vocab_size: 103_168,
  }),
}
const sameShapes: { readonly [model: string]: ModelArchitecture } = {
  'meta-llama/Meta-Llama-3-8B': architectureOf('meta-llama/Meta-Llama-3-8B'),
  'meta-llama/Meta-Llama-3-70B': architectureOf('meta-llama/Meta-Llama-3-70B'),
  'meta-llama/Llama-2-70b-hf': architectureOf('meta-llama/Meta-Llama-3-70B'),
}

/** Absolute relative errors of whole steps: layers, and two all-reduces in each. */
function errorsOf(models: { readonly [model: string]: ModelArchitecture }, rows: readonly Measurement[]): number[] {
  return rows.flatMap(({ gpu, model: name, ranks, tokens, microseconds, allReduce }) => {
    const model = models[name]
    if (model === undefined || allReduce === undefined || tokens <= 64) return []
    const simulated =
      layersMs(model, gpuOf(gpu), gpu, ranks)(tokens) + allReduceMs(model, gpuOf(gpu), ranks, false)(tokens)
    const measured = (model.layers * (microseconds + 2 * allReduce)) / 1000
    return [Math.abs(simulated / measured - 1)]
  })
}

const quantile = (values: readonly number[], share: number) =>
  values.toSorted((left, right) => left - right)[Math.floor(share * values.length)] ?? Number.NaN

test('measured layers: 90 % of the steps above 64 tokens are within 15 % of the measurement, at other sizes than the table', () => {
  const errors = errorsOf(sameShapes, measurements)
  console.log(
    `measured layers: n ${errors.length}, p50 ${quantile(errors, 0.5).toFixed(3)}, p90 ${quantile(errors, 0.9).toFixed(3)}`,
  )
  expect(errors.length).toBeGreaterThan(300)
  expect(quantile(errors, 0.9)).toBeLessThanOrEqual(0.15)
})

test('the formula, used for shapes without a measurement, is within 20 % for 90 % of the steps of three other models', () => {
  const errors = errorsOf(otherShapes, measurements)
  console.log(
    `formula: n ${errors.length}, p50 ${quantile(errors, 0.5).toFixed(3)}, p90 ${quantile(errors, 0.9).toFixed(3)}`,
  )
  expect(errors.length).toBeGreaterThan(500)
  expect(quantile(errors, 0.9)).toBeLessThanOrEqual(0.2)
})

describe('the step time', () => {
  const timesOf = (name: string, args: { [argument: string]: number | boolean } = {}, gpu = h100) => {
    const { deployment } = exampleScenario({ model: name, gpu, args })
    const model = architectureOf(name)
    return stepTime(model, gpuOf(gpu), gpu, engineSettings(deployment, model, gpuOf(gpu)))
  }

  test('grows smoothly around the knee: no doubling of the tokens more than doubles the time', () => {
    const { ofBatch } = timesOf('Qwen/Qwen2.5-7B-Instruct')
    for (let tokens = 1; tokens <= 16_384; tokens *= 2) {
      expect(ofBatch(2 * tokens, 1) / ofBatch(tokens, 1)).toBeGreaterThanOrEqual(0.999)
      expect(ofBatch(2 * tokens, 1) / ofBatch(tokens, 1)).toBeLessThan(2.1)
    }
  })

  test('of a mixture of experts rises with the experts that few tokens use', () => {
    const experts = timesOf('openai/gpt-oss-120b').ofBatch
    const dense = timesOf('meta-llama/Llama-3.1-8B-Instruct').ofBatch
    expect(experts(32, 32) / experts(1, 1)).toBeGreaterThan(2)
    expect(dense(32, 32) / dense(1, 1)).toBeLessThan(1.2)
  })

  test('has a floor: a small model is limited by the kernels of its layers, not by its weights', () => {
    const alone = timesOf('Qwen/Qwen2.5-0.5B-Instruct').ofBatch(1, 1)
    // 0.99 GB of weights at 3350 GB/s take 0.3 ms.
    expect(alone).toBeGreaterThan(0.001)
  })

  test('is several times as long if tensor parallel ranks are on several nodes', () => {
    const model = architectureOf('meta-llama/Llama-3.3-70B-Instruct')
    const [near, far] = [false, true].map((severalNodes) => allReduceMs(model, gpuOf(h100), 8, severalNodes)(1024))
    expect(far ?? 0).toBeGreaterThan(5 * (near ?? 1))
  })
})
