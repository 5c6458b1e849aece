import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../tools/errors.ts'
import { architectureFromConfig, parameterCount } from '../../../tools/index.ts'
import { knownModels } from '../../../tools/simulation/known-models.ts'
import { readArchitecture } from '../../../tools/simulation/model-config.ts'
import { kvBytesPerToken } from '../../../tools/simulation/models.ts'

/** A complete file of a small dense model. */
const dense = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  num_hidden_layers: 4,
  hidden_size: 256,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  intermediate_size: 512,
  vocab_size: 1000,
  max_position_embeddings: 4096,
  tie_word_embeddings: false,
}
const deepseek = { ...knownModels['deepseek-v3']?.config }
const gptOss = { ...knownModels['gpt-oss-20b']?.config }
const mixtral = { ...knownModels['mixtral-8x7b']?.config }
const withQuantization = (quantization_config: unknown) => architectureFromConfig({ ...dense, quantization_config })

test('text and parsed JSON give the same, and null counts as absent', () => {
  const { head_dim: _, ...architecture } = { ...architectureFromConfig(dense), head_dim: 0 }
  expect(architectureFromConfig(JSON.stringify(dense))).toEqual(architecture)
  expect(architectureFromConfig({ ...dense, head_dim: null, sliding_window: null, rope_scaling: null })).toEqual(
    architecture,
  )
  expect(architecture).toMatchObject({ className: 'LlamaForCausalLM', layers: 4, headDim: 32, kvBytesPerElement: 2 })
})

test.each([
  ['0.29.0', 32_768 * 4],
  ['0.30.0', 32_768],
])('vLLM %s reads %i tokens from the YaRN of a Qwen model', (version, length) => {
  const rope_scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 }
  const config = { ...dense, max_position_embeddings: 32_768, rope_scaling }
  expect(readArchitecture(config, 'model_config', version).maxModelLen).toBe(length)
})

test('a stated head_dim may differ from hidden_size / num_attention_heads', () => {
  const model = architectureFromConfig({ ...dense, head_dim: 64 })
  expect(kvBytesPerToken(model, 2)).toBe(2 * 4 * 2 * 64 * 2)
})

describe('sliding windows', () => {
  test.each([
    ['every layer of Mistral 7B v0.1', { model_type: 'mistral', sliding_window: 1024 }, { tokens: 1024, layers: 4 }],
    ['every other layer of Gemma 2', { model_type: 'gemma2', sliding_window: 1024 }, { tokens: 1024, layers: 2 }],
    [
      'five of six layers of Gemma 3',
      { model_type: 'gemma3_text', num_hidden_layers: 12 },
      { tokens: 2048, layers: 10 },
    ],
    [
      'the layers that layer_types names',
      { layer_types: ['full_attention', 'sliding_attention', 'full_attention', 'full_attention'] },
      { tokens: 2048, layers: 1 },
    ],
    ['the pattern of EXAONE', { model_type: 'exaone4', sliding_window_pattern: 'LLLG' }, { tokens: 2048, layers: 3 }],
    ['none if use_sliding_window is false', { model_type: 'qwen2', use_sliding_window: false }, undefined],
    ['none if Qwen does not switch it on', { model_type: 'qwen3' }, undefined],
    [
      'layers from max_window_layers on do not count',
      { model_type: 'qwen2', use_sliding_window: true, max_window_layers: 1 },
      { tokens: 2048, layers: 3 },
    ],
    ['none if the window is as long as the longest request', { sliding_window: 4096 }, undefined],
    ['none if it is 0', { sliding_window: 0 }, undefined],
  ])('%s', (_, members, window) => {
    expect(architectureFromConfig({ ...dense, sliding_window: 2048, ...members }).slidingWindow).toEqual(window)
  })
})

describe('longest request, as vLLM derives it', () => {
  test.each([
    [
      'Llama 3: the scaling is part of max_position_embeddings',
      { rope_scaling: { rope_type: 'llama3', factor: 8 } },
      4096,
    ],
    ['linear scaling', { rope_scaling: { type: 'linear', factor: 2 } }, 8192],
    ['YaRN', { rope_scaling: { type: 'yarn', factor: 40, original_max_position_embeddings: 1024 } }, 40_960],
    ['Transformers 5', { rope_parameters: { rope_type: 'default', rope_theta: 10_000 } }, 4096],
    ['M-RoPE', { rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] } }, 4096],
    ['the smallest member', { seq_length: 2048 }, 2048],
    ['Command R', { model_max_length: 131_072 }, 131_072],
  ])('%s', (_, members, length) => {
    expect(architectureFromConfig({ ...dense, ...members }).maxModelLen).toBe(length)
  })
})

describe('experts', () => {
  test.each([
    ['all layers', {}, 61 - 3],
    ['every second layer', { moe_layer_freq: 2 }, 29],
    ['listed layers', { moe_layer_freq: [...Array(60).fill(0), 1] }, 1],
    ['dense layers by number', { mlp_only_layers: [3, 4] }, 56],
  ])('%s', (_, members, layers) => {
    expect(architectureFromConfig({ ...deepseek, ...members }).experts).toMatchObject({
      layers,
      count: 256,
      perToken: 8,
    })
  })

  test('a model of dense layers has none', () => {
    expect(architectureFromConfig({ ...dense, num_experts: 0 }).experts).toBeUndefined()
  })
})

describe('weights by quantization_config, in bytes', () => {
  const group = (weights: object) => ({ group_0: { targets: ['Linear'], weights } })
  test.each([
    ['fp8 per tensor', { quant_method: 'fp8' }, 1],
    ['fp8 in blocks', { quant_method: 'fp8', weight_block_size: [128, 128] }, 1 + 4 / 16_384],
    ['AWQ', { quant_method: 'awq', bits: 4, group_size: 128 }, 0.5 + 2.5 / 128],
    ['AWQ with older names', { quant_method: 'awq', w_bit: 4, q_group_size: 64 }, 0.5 + 2.5 / 64],
    ['GPTQ with one group', { quant_method: 'gptq', bits: 8, group_size: -1 }, 1],
    ['bitsandbytes, 4 bits', { quant_method: 'bitsandbytes', load_in_4bit: true }, 0.5625],
    ['bitsandbytes, 8 bits', { quant_method: 'bitsandbytes', load_in_8bit: true }, 1],
    [
      'int4 of compressed-tensors',
      { quant_method: 'compressed-tensors', config_groups: group({ num_bits: 4, type: 'int', group_size: 32 }) },
      0.5625,
    ],
    [
      'fp8 of compressed-tensors',
      { quant_method: 'compressed-tensors', config_groups: group({ num_bits: 8, type: 'float' }) },
      1,
    ],
    [
      'NVFP4 of compressed-tensors',
      { quant_method: 'compressed-tensors', config_groups: group({ num_bits: 4, type: 'float', group_size: 16 }) },
      0.5625,
    ],
    ['fp8 of ModelOpt', { quant_method: 'modelopt', quant_algo: 'FP8' }, 1],
    ['NVFP4 of ModelOpt', { producer: { name: 'modelopt' }, quantization: { quant_algo: 'NVFP4' } }, 0.5625],
  ])('%s', (_, quantization, bytes) => {
    const { weights } = withQuantization(quantization)
    expect(weights.attention.bytesPerParameter).toBeCloseTo(bytes, 6)
    expect(weights.feedForward.bytesPerParameter).toBeCloseTo(bytes, 6)
    // vLLM keeps the embedding, the head and the norms in 16 bits.
    expect([weights.embedding, weights.head, weights.other].map((part) => part.bytesPerParameter)).toEqual([2, 2, 2])
  })

  test('MXFP4 is for experts only, with the padding of the kernel', () => {
    const { weights } = architectureFromConfig(gptOss)
    expect(weights.attention.bytesPerParameter).toBe(2)
    expect(weights.experts.bytesPerParameter).toBeCloseTo((0.53125 * 3072 * 2944) / 2880 ** 2, 6)
  })

  test('excluded modules keep 16 bits, as in Kimi K2 Thinking: only the experts have 4', () => {
    const ignore = ['lm_head', 're:.*self_attn.*', 're:.*shared_experts.*', 're:.*mlp\\.(gate|up|gate_up|down)_proj.*']
    const { weights } = architectureFromConfig({
      ...deepseek,
      quantization_config: {
        quant_method: 'compressed-tensors',
        config_groups: group({ num_bits: 4, type: 'int', group_size: 32 }),
        ignore,
      },
    })
    expect([weights.attention, weights.feedForward].map((part) => part.bytesPerParameter)).toEqual([2, 2])
    expect(weights.experts.bytesPerParameter).toBe(0.5625)
  })

  test('an entry for one layer excludes the share of that layer, and a router excludes no matrix', () => {
    const { weights } = withQuantization({
      quant_method: 'fp8',
      modules_to_not_convert: ['model.layers.0.self_attn', 'model.layers.1.self_attn', 'model.layers.0.mlp.gate'],
    })
    expect(weights.attention.bytesPerParameter).toBe(1.5)
    expect(weights.feedForward.bytesPerParameter).toBe(1)
  })

  test.each([
    ['compressed-tensors', { quant_method: 'fp8', kv_cache_scheme: { num_bits: 8, type: 'float' } }],
    ['ModelOpt', { quant_method: 'modelopt', quant_algo: 'FP8', kv_cache_quant_algo: 'FP8' }],
  ])('a checkpoint of %s with scales for the KV cache halves it', (_, quantization) => {
    expect(withQuantization(quantization).kvBytesPerElement).toBe(1)
  })
})

describe('bad input is an error with a code and the path of the member', () => {
  const without = (name: keyof typeof dense) => ({ ...dense, [name]: undefined })
  const text = (members: object) => ({ architectures: ['X'], model_type: 'gemma3', text_config: members })
  test.each([
    ['no JSON', '{"model_type": ', 'config', 'must be the JSON object'],
    ['a list', [dense], 'config', 'must be the JSON object'],
    ['nothing', undefined, 'config', 'must be the JSON object'],
    ['a number', 7, 'config', 'must be the JSON object'],
    ['no class', without('architectures'), 'config.architectures', 'LlamaForCausalLM'],
    ['no type', without('model_type'), 'config.model_type', 'is missing'],
    [
      'a class that is no list',
      { ...dense, architectures: 'LlamaForCausalLM' },
      'config.architectures',
      'must be a list',
    ],
    ['a path in place of the content', '/models/my-model/config.json', 'config', 'pass the content of the file'],
    ['bytes in place of the content', Buffer.from(JSON.stringify(dense)), 'config', 'as text or parsed'],
    ['a size that is not a number', { ...dense, hidden_size: Number.NaN }, 'config.hidden_size', 'is NaN, but'],
    ['no layers', without('num_hidden_layers'), 'config.num_hidden_layers', 'Pass the whole config.json'],
    ['no width', without('hidden_size'), 'config.hidden_size', 'Pass the whole config.json'],
    ['no heads', without('num_attention_heads'), 'config.num_attention_heads', 'Pass the whole config.json'],
    ['no feed-forward width', without('intermediate_size'), 'config.intermediate_size', 'Pass the whole config.json'],
    ['no vocabulary', without('vocab_size'), 'config.vocab_size', 'Pass the whole config.json'],
    ['no length', without('max_position_embeddings'), 'config.max_position_embeddings', 'longest request'],
    [
      'a number as text',
      { ...dense, num_hidden_layers: '32' },
      'config.num_hidden_layers',
      'is "32", but it must be an integer',
    ],
    ['a negative number', { ...dense, hidden_size: -1 }, 'config.hidden_size', 'an integer from 1'],
    ['a fraction', { ...dense, hidden_size: 1.5 }, 'config.hidden_size', 'an integer from 1'],
    ['a huge number', { ...dense, num_hidden_layers: 1e9 }, 'config.num_hidden_layers', 'an integer from 1 to 1000'],
    [
      'heads that no KV heads divide',
      { ...dense, num_key_value_heads: 3 },
      'config.num_key_value_heads',
      'does not divide num_attention_heads (8)',
    ],
    [
      'heads that do not divide the width',
      { ...dense, hidden_size: 250 },
      'config.head_dim',
      'not a multiple of num_attention_heads (8)',
    ],
    [
      'more experts per token than experts',
      { ...mixtral, num_experts_per_tok: 9 },
      'config.num_experts_per_tok',
      'only 8 experts',
    ],
    [
      'a mixture without experts',
      { ...mixtral, num_local_experts: undefined },
      'config.num_local_experts',
      'is missing',
    ],
    [
      'no layer left for experts',
      { ...deepseek, first_k_dense_replace: 61 },
      'config.first_k_dense_replace',
      'none of the 61 layers',
    ],
    [
      'more dense layers than layers',
      { ...deepseek, first_k_dense_replace: 99 },
      'config.first_k_dense_replace',
      'from 0 to 61',
    ],
    ['latent attention without rank', { ...deepseek, kv_lora_rank: undefined }, 'config.kv_lora_rank', 'is missing'],
    [
      'another number of layer types',
      { ...dense, layer_types: ['full_attention'] },
      'config.layer_types',
      '1 entries, but num_hidden_layers is 4',
    ],
    [
      'a member in the text part',
      text({ model_type: 'gemma3_text' }),
      'config.text_config.num_hidden_layers',
      'is missing',
    ],
    ['a text part that is no object', text([]), 'config.text_config', 'must be an object'],
    ['a flag that is a number', { ...dense, tie_word_embeddings: 1 }, 'config.tie_word_embeddings', 'true or false'],
    [
      'a quantisation that is text',
      { ...dense, quantization_config: 'fp8' },
      'config.quantization_config',
      'must be an object',
    ],
    [
      'a quantisation without method',
      { ...dense, quantization_config: {} },
      'config.quantization_config.quant_method',
      'is missing',
    ],
    [
      'a quantisation without bits',
      { ...dense, quantization_config: { quant_method: 'gptq' } },
      'config.quantization_config.bits',
      'is missing. It must be',
    ],
    ['an empty vision part', { ...dense, vision_config: {} }, 'config.vision_config', 'Remove vision_config'],
  ])('%s', (_, config, field, message) => {
    expect(() => architectureFromConfig(config)).toThrow(
      expect.objectContaining({ code: 'invalid_model_config', field, message: expect.stringContaining(message) }),
    )
  })

  test.each([
    [
      'an unknown architecture',
      { ...dense, model_type: 'qwen9_next' },
      'config.model_type',
      'set model_type to that one, e.g. "llama"',
    ],
    ['a name of the prototype', { ...dense, model_type: 'constructor' }, 'config.model_type', 'does not know'],
    [
      'a state space model',
      { ...dense, layer_types: ['mamba', 'mamba', 'mamba', 'full_attention'] },
      'config.layer_types',
      'are not simulated',
    ],
    [
      'a classifier',
      { ...dense, architectures: ['LlamaForSequenceClassification'] },
      'config.architectures',
      'does not generate text',
    ],
    [
      'an unknown quantisation',
      { ...dense, quantization_config: { quant_method: 'aqlm' } },
      'config.quantization_config.quant_method',
      'weight sizes are not known',
    ],
    [
      'mixed quantisation',
      {
        ...dense,
        quantization_config: {
          quant_method: 'compressed-tensors',
          config_groups: { a: { weights: { num_bits: 4 } }, b: { weights: { num_bits: 8 } } },
        },
      },
      'config.quantization_config.config_groups',
      'the same bits',
    ],
  ])('%s is not supported', (_, config, field, message) => {
    expect(() => architectureFromConfig(config)).toThrow(
      expect.objectContaining({ code: 'unsupported_model', field, message: expect.stringContaining(message) }),
    )
  })

  test('a value that contains itself is refused', () => {
    const circular: Record<string, unknown> = { ...dense }
    circular['self'] = circular
    expect(() => architectureFromConfig(circular)).toThrow(expect.objectContaining({ code: 'invalid_model_config' }))
    expect(() => architectureFromConfig({ ...dense, big: 1n })).toThrow(ConfigError)
  })

  test('a document of 10 MB is refused, as text and as an object, with what to pass instead', () => {
    const large = { ...dense, vocabulary: 'x'.repeat(10_000_000) }
    for (const config of [large, JSON.stringify(large)]) {
      expect(() => architectureFromConfig(config)).toThrow(
        expect.objectContaining({
          code: 'invalid_model_config',
          field: 'config',
          message: expect.stringContaining('not tokenizer.json'),
        }),
      )
    }
  })

  test('any change of one member gives an architecture with finite figures or a ConfigError', () => {
    const member = fc.constantFrom(
      ...Object.keys({ ...deepseek, ...gptOss, rope_scaling: 0, layer_types: 0, vision_config: 0, text_config: 0 }),
    )
    fc.assert(
      fc.property(fc.constantFrom(dense, deepseek, gptOss, mixtral), member, fc.jsonValue(), (base, name, value) => {
        try {
          const model = architectureFromConfig({ ...base, [name]: value })
          expect(parameterCount(model)).toBeGreaterThan(0)
          expect(kvBytesPerToken(model, 2)).toBeGreaterThan(0)
          expect(Number.isFinite(parameterCount(model) + model.maxModelLen)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

test('the text part, its quantisation and the image encoder of Kimi K2.5 are read', () => {
  const { architectures: _, quantization_config: __, ...text } = deepseek
  const ignore = ['lm_head', 're:.*self_attn.*', 're:.*shared_experts.*', 're:.*mlp\\.(gate|up|gate_up|down)_proj.*']
  const config_groups = { group_0: { targets: ['Linear'], weights: { num_bits: 4, type: 'int', group_size: 32 } } }
  const model = architectureFromConfig({
    architectures: ['KimiK25ForConditionalGeneration'],
    model_type: 'kimi_k25',
    text_config: { ...text, quantization_config: { quant_method: 'compressed-tensors', config_groups, ignore } },
    vision_config: {
      vt_hidden_size: 1152,
      vt_intermediate_size: 4304,
      vt_num_hidden_layers: 27,
      patch_size: 14,
      merge_kernel_size: [2, 2],
    },
  })
  expect(model).toMatchObject({ className: 'KimiK25ForConditionalGeneration', vision: { pixelsPerToken: 784 } })
  expect(model.weights.experts.bytesPerParameter).toBe(0.5625)
  expect(model.weights.vision.parameters / 1e6).toBeGreaterThan(400)
})
