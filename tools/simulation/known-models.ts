import type { UnknownObject } from '../../router/json/json.ts'

// The members of `config.json` that the simulation reads, of models that are often served. Source of each entry: the file
// `config.json` of the repository on Hugging Face that the entry names. tests/tools/simulation/models.test.ts compares the
// numbers of weights that follow with the published ones.

/** A model by its repository. Other repositories of the same architecture have the same figures. */
export interface KnownModel {
  /** Repository on Hugging Face. */
  readonly repository: string
  /** Its `config.json`, reduced to the members that the simulation reads. */
  readonly config: UnknownObject
}

/** Layers, hidden size, heads, key and value heads, feed-forward size, vocabulary, longest request. */
type Sizes = readonly [number, number, number, number, number, number, number]

/** The members that every architecture has. */
function config(architecture: string, model_type: string, sizes: Sizes, further: UnknownObject = {}): UnknownObject {
  const [layers, hidden, heads, kvHeads, intermediate, vocabulary, length] = sizes
  return {
    architectures: [architecture],
    model_type,
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    intermediate_size: intermediate,
    vocab_size: vocabulary,
    max_position_embeddings: length,
    ...further,
  }
}

const llama = (sizes: Sizes, further?: UnknownObject) => config('LlamaForCausalLM', 'llama', sizes, further)
const mistral = (sizes: Sizes, further?: UnknownObject) => config('MistralForCausalLM', 'mistral', sizes, further)
const qwen2 = (sizes: Sizes, further?: UnknownObject) => config('Qwen2ForCausalLM', 'qwen2', sizes, further)
const qwen3 = (sizes: Sizes, further?: UnknownObject) =>
  config('Qwen3ForCausalLM', 'qwen3', sizes, { head_dim: 128, ...further })
const qwen3Moe = (sizes: Sizes, moe_intermediate_size: number) =>
  config('Qwen3MoeForCausalLM', 'qwen3_moe', sizes, {
    head_dim: 128,
    moe_intermediate_size,
    num_experts: 128,
    num_experts_per_tok: 8,
  })
const gptOss = (layers: number, num_local_experts: number) =>
  config('GptOssForCausalLM', 'gpt_oss', [layers, 2880, 64, 8, 2880, 201_088, 131_072], {
    head_dim: 64,
    num_local_experts,
    num_experts_per_tok: 4,
    sliding_window: 128,
    quantization_config: { quant_method: 'mxfp4' },
  })
const gemma2 = (sizes: Sizes, head_dim: number) =>
  config('Gemma2ForCausalLM', 'gemma2', sizes, { head_dim, sliding_window: 4096 })
const gemma3 = (sizes: Sizes, text: UnknownObject) => ({
  architectures: ['Gemma3ForConditionalGeneration'],
  model_type: 'gemma3',
  mm_tokens_per_image: 256,
  text_config: config('', 'gemma3_text', sizes, { sliding_window: 1024, ...text }),
  vision_config: {
    hidden_size: 1152,
    intermediate_size: 4304,
    num_hidden_layers: 27,
    image_size: 896,
    patch_size: 14,
  },
})
/** Latent attention and experts of DeepSeek-V3, which Kimi K2 has too. */
const deepseekV3 = {
  kv_lora_rank: 512,
  q_lora_rank: 1536,
  qk_rope_head_dim: 64,
  qk_nope_head_dim: 128,
  v_head_dim: 128,
  moe_intermediate_size: 2048,
  n_shared_experts: 1,
  num_experts_per_tok: 8,
  quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] },
}

/** By the name of the architecture: the repository's name in lower case, without words for tuning and format. */
export const knownModels: { readonly [name: string]: KnownModel } = {
  'llama-2-7b': {
    repository: 'meta-llama/Llama-2-7b-hf',
    config: llama([32, 4096, 32, 32, 11_008, 32_000, 4096]),
  },
  'llama-2-13b': {
    repository: 'meta-llama/Llama-2-13b-hf',
    config: llama([40, 5120, 40, 40, 13_824, 32_000, 4096]),
  },
  'llama-2-70b': {
    repository: 'meta-llama/Llama-2-70b-hf',
    config: llama([80, 8192, 64, 8, 28_672, 32_000, 4096]),
  },
  'llama-3-8b': {
    repository: 'meta-llama/Meta-Llama-3-8B',
    config: llama([32, 4096, 32, 8, 14_336, 128_256, 8192]),
  },
  'llama-3-70b': {
    repository: 'meta-llama/Meta-Llama-3-70B',
    config: llama([80, 8192, 64, 8, 28_672, 128_256, 8192]),
  },
  'llama-3.1-8b': {
    repository: 'meta-llama/Llama-3.1-8B-Instruct',
    config: llama([32, 4096, 32, 8, 14_336, 128_256, 131_072]),
  },
  'llama-3.1-70b': {
    repository: 'meta-llama/Llama-3.1-70B-Instruct',
    config: llama([80, 8192, 64, 8, 28_672, 128_256, 131_072]),
  },
  'llama-3.1-405b': {
    repository: 'meta-llama/Llama-3.1-405B-Instruct',
    config: llama([126, 16_384, 128, 8, 53_248, 128_256, 131_072]),
  },
  'llama-3.2-1b': {
    repository: 'meta-llama/Llama-3.2-1B-Instruct',
    config: llama([16, 2048, 32, 8, 8192, 128_256, 131_072], { head_dim: 64, tie_word_embeddings: true }),
  },
  'llama-3.2-3b': {
    repository: 'meta-llama/Llama-3.2-3B-Instruct',
    config: llama([28, 3072, 24, 8, 8192, 128_256, 131_072], { head_dim: 128, tie_word_embeddings: true }),
  },
  'llama-3.3-70b': {
    repository: 'meta-llama/Llama-3.3-70B-Instruct',
    config: llama([80, 8192, 64, 8, 28_672, 128_256, 131_072]),
  },
  'mistral-7b-v0.1': {
    repository: 'mistralai/Mistral-7B-v0.1',
    config: mistral([32, 4096, 32, 8, 14_336, 32_000, 32_768], { sliding_window: 4096 }),
  },
  'mistral-7b-v0.2': {
    repository: 'mistralai/Mistral-7B-Instruct-v0.2',
    config: mistral([32, 4096, 32, 8, 14_336, 32_000, 32_768]),
  },
  'mistral-7b-v0.3': {
    repository: 'mistralai/Mistral-7B-Instruct-v0.3',
    config: mistral([32, 4096, 32, 8, 14_336, 32_768, 32_768]),
  },
  'mistral-small-24b': {
    repository: 'mistralai/Mistral-Small-24B-Instruct-2501',
    config: mistral([40, 5120, 32, 8, 32_768, 131_072, 32_768], { head_dim: 128 }),
  },
  'mixtral-8x7b': {
    repository: 'mistralai/Mixtral-8x7B-Instruct-v0.1',
    config: config('MixtralForCausalLM', 'mixtral', [32, 4096, 32, 8, 14_336, 32_000, 32_768], {
      num_local_experts: 8,
      num_experts_per_tok: 2,
    }),
  },
  'mixtral-8x22b': {
    repository: 'mistralai/Mixtral-8x22B-Instruct-v0.1',
    config: config('MixtralForCausalLM', 'mixtral', [56, 6144, 48, 8, 16_384, 32_768, 65_536], {
      num_local_experts: 8,
      num_experts_per_tok: 2,
    }),
  },
  'qwen2.5-0.5b': {
    repository: 'Qwen/Qwen2.5-0.5B-Instruct',
    config: qwen2([24, 896, 14, 2, 4864, 151_936, 32_768], { tie_word_embeddings: true }),
  },
  'qwen2.5-1.5b': {
    repository: 'Qwen/Qwen2.5-1.5B-Instruct',
    config: qwen2([28, 1536, 12, 2, 8960, 151_936, 32_768], { tie_word_embeddings: true }),
  },
  'qwen2.5-3b': {
    repository: 'Qwen/Qwen2.5-3B-Instruct',
    config: qwen2([36, 2048, 16, 2, 11_008, 151_936, 32_768], { tie_word_embeddings: true }),
  },
  'qwen2.5-7b': {
    repository: 'Qwen/Qwen2.5-7B-Instruct',
    config: qwen2([28, 3584, 28, 4, 18_944, 152_064, 32_768]),
  },
  'qwen2.5-14b': {
    repository: 'Qwen/Qwen2.5-14B-Instruct',
    config: qwen2([48, 5120, 40, 8, 13_824, 152_064, 32_768]),
  },
  'qwen2.5-32b': {
    repository: 'Qwen/Qwen2.5-32B-Instruct',
    config: qwen2([64, 5120, 40, 8, 27_648, 152_064, 32_768]),
  },
  'qwen2.5-72b': {
    repository: 'Qwen/Qwen2.5-72B-Instruct',
    config: qwen2([80, 8192, 64, 8, 29_568, 152_064, 32_768]),
  },
  'qwen3-0.6b': {
    repository: 'Qwen/Qwen3-0.6B',
    config: qwen3([28, 1024, 16, 8, 3072, 151_936, 40_960], { tie_word_embeddings: true }),
  },
  'qwen3-1.7b': {
    repository: 'Qwen/Qwen3-1.7B',
    config: qwen3([28, 2048, 16, 8, 6144, 151_936, 40_960], { tie_word_embeddings: true }),
  },
  'qwen3-4b': {
    repository: 'Qwen/Qwen3-4B',
    config: qwen3([36, 2560, 32, 8, 9728, 151_936, 40_960], { tie_word_embeddings: true }),
  },
  'qwen3-8b': { repository: 'Qwen/Qwen3-8B', config: qwen3([36, 4096, 32, 8, 12_288, 151_936, 40_960]) },
  'qwen3-14b': { repository: 'Qwen/Qwen3-14B', config: qwen3([40, 5120, 40, 8, 17_408, 151_936, 40_960]) },
  'qwen3-32b': { repository: 'Qwen/Qwen3-32B', config: qwen3([64, 5120, 64, 8, 25_600, 151_936, 40_960]) },
  'qwen3-30b-a3b': {
    repository: 'Qwen/Qwen3-30B-A3B',
    config: qwen3Moe([48, 2048, 32, 4, 6144, 151_936, 40_960], 768),
  },
  'qwen3-30b-a3b-2507': {
    repository: 'Qwen/Qwen3-30B-A3B-Instruct-2507',
    config: qwen3Moe([48, 2048, 32, 4, 6144, 151_936, 262_144], 768),
  },
  'qwen3-235b-a22b': {
    repository: 'Qwen/Qwen3-235B-A22B',
    config: qwen3Moe([94, 4096, 64, 4, 12_288, 151_936, 40_960], 1536),
  },
  'qwen3-235b-a22b-2507': {
    repository: 'Qwen/Qwen3-235B-A22B-Instruct-2507',
    config: qwen3Moe([94, 4096, 64, 4, 12_288, 151_936, 262_144], 1536),
  },
  'qwen3-vl-4b': {
    repository: 'Qwen/Qwen3-VL-4B-Instruct',
    config: {
      architectures: ['Qwen3VLForConditionalGeneration'],
      model_type: 'qwen3_vl',
      tie_word_embeddings: true,
      text_config: config('', 'qwen3_vl_text', [36, 2560, 32, 8, 9728, 151_936, 262_144], { head_dim: 128 }),
      vision_config: {
        depth: 24,
        hidden_size: 1024,
        intermediate_size: 4096,
        patch_size: 16,
        spatial_merge_size: 2,
        deepstack_visual_indexes: [5, 11, 17],
      },
    },
  },
  'gpt-oss-20b': { repository: 'openai/gpt-oss-20b', config: gptOss(24, 32) },
  'gpt-oss-120b': { repository: 'openai/gpt-oss-120b', config: gptOss(36, 128) },
  'gemma-2-2b': { repository: 'google/gemma-2-2b-it', config: gemma2([26, 2304, 8, 4, 9216, 256_000, 8192], 256) },
  'gemma-2-9b': { repository: 'google/gemma-2-9b-it', config: gemma2([42, 3584, 16, 8, 14_336, 256_000, 8192], 256) },
  'gemma-2-27b': {
    repository: 'google/gemma-2-27b-it',
    config: gemma2([46, 4608, 32, 16, 36_864, 256_000, 8192], 128),
  },
  'gemma-3-1b': {
    repository: 'google/gemma-3-1b-it',
    config: config('Gemma3ForCausalLM', 'gemma3_text', [26, 1152, 4, 1, 6912, 262_144, 32_768], {
      head_dim: 256,
      sliding_window: 512,
    }),
  },
  'gemma-3-4b': {
    repository: 'google/gemma-3-4b-it',
    config: gemma3([34, 2560, 8, 4, 10_240, 262_208, 131_072], { head_dim: 256 }),
  },
  'gemma-3-12b': {
    repository: 'google/gemma-3-12b-it',
    config: gemma3([48, 3840, 16, 8, 15_360, 262_208, 131_072], { head_dim: 256 }),
  },
  'gemma-3-27b': {
    repository: 'google/gemma-3-27b-it',
    config: gemma3([62, 5376, 32, 16, 21_504, 262_208, 131_072], { head_dim: 128 }),
  },
  'phi-4': {
    repository: 'microsoft/phi-4',
    config: config('Phi3ForCausalLM', 'phi3', [40, 5120, 40, 10, 17_920, 100_352, 16_384]),
  },
  'phi-3-mini-4k': {
    repository: 'microsoft/Phi-3-mini-4k-instruct',
    config: config('Phi3ForCausalLM', 'phi3', [32, 3072, 32, 32, 8192, 32_064, 4096], { sliding_window: 2047 }),
  },
  'deepseek-v2-lite': {
    repository: 'deepseek-ai/DeepSeek-V2-Lite-Chat',
    config: config('DeepseekV2ForCausalLM', 'deepseek_v2', [27, 2048, 16, 16, 10_944, 102_400, 163_840], {
      kv_lora_rank: 512,
      qk_rope_head_dim: 64,
      qk_nope_head_dim: 128,
      v_head_dim: 128,
      moe_intermediate_size: 1408,
      n_routed_experts: 64,
      n_shared_experts: 2,
      num_experts_per_tok: 6,
      first_k_dense_replace: 1,
    }),
  },
  'deepseek-v3': {
    repository: 'deepseek-ai/DeepSeek-V3',
    config: config('DeepseekV3ForCausalLM', 'deepseek_v3', [61, 7168, 128, 128, 18_432, 129_280, 163_840], {
      ...deepseekV3,
      n_routed_experts: 256,
      first_k_dense_replace: 3,
    }),
  },
  'kimi-k2': {
    repository: 'moonshotai/Kimi-K2-Instruct',
    config: config('DeepseekV3ForCausalLM', 'kimi_k2', [61, 7168, 64, 64, 18_432, 163_840, 131_072], {
      ...deepseekV3,
      n_routed_experts: 384,
      first_k_dense_replace: 1,
    }),
  },
  'glm-4.5-air': {
    repository: 'zai-org/GLM-4.5-Air',
    config: config('Glm4MoeForCausalLM', 'glm4_moe', [46, 4096, 96, 8, 10_944, 151_552, 131_072], {
      head_dim: 128,
      moe_intermediate_size: 1408,
      n_routed_experts: 128,
      n_shared_experts: 1,
      num_experts_per_tok: 8,
      first_k_dense_replace: 1,
      attention_bias: true,
    }),
  },
  'minimax-m2': {
    repository: 'MiniMaxAI/MiniMax-M2',
    config: config('MiniMaxM2ForCausalLM', 'minimax_m2', [62, 3072, 48, 8, 1536, 200_064, 196_608], {
      head_dim: 128,
      num_local_experts: 256,
      num_experts_per_tok: 8,
      quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] },
    }),
  },
  'llama-4-scout-17b-16e': {
    repository: 'meta-llama/Llama-4-Scout-17B-16E-Instruct',
    config: {
      architectures: ['Llama4ForConditionalGeneration'],
      model_type: 'llama4',
      text_config: config('', 'llama4_text', [48, 5120, 40, 8, 8192, 202_048, 10_485_760], {
        head_dim: 128,
        intermediate_size_mlp: 16_384,
        num_local_experts: 16,
        num_experts_per_tok: 1,
        attention_chunk_size: 8192,
        interleave_moe_layer_step: 1,
      }),
      vision_config: {
        hidden_size: 1408,
        intermediate_size: 5632,
        num_hidden_layers: 34,
        image_size: 336,
        patch_size: 14,
        pixel_shuffle_ratio: 0.5,
      },
    },
  },
}
