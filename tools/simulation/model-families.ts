import type { UnknownObject } from '../../router/json/json.ts'
import type { ConfigMembers } from './model-config-members.ts'

/**
 * How the layers of a model type differ from those of Llama: a gated feed-forward layer, attention in every layer, no
 * biases, two norms per layer, and an output head of its own.
 */
export interface ModelFamily {
  /** Members that the files of this type leave out, with the defaults of its class in Hugging Face Transformers. */
  readonly defaults?: UnknownObject
  /** Whether the output head is the embedding if the file does not say so. */
  readonly tied?: boolean
  /** Whether the feed-forward layer has a gate. */
  readonly gated?: boolean
  /** Whether queries, keys and values have biases if the file does not say so. */
  readonly attentionBias?: boolean
  /** Whether experts have biases. */
  readonly expertBias?: boolean
  /** Norms with the width of the hidden state. */
  readonly normsPerLayer?: number
  /** Of this many layers the last one attends to the whole context, and the others have a sliding window. */
  readonly slidingPattern?: number
  /** Whether the members have latent attention (MLA). */
  readonly latent?: boolean
  /** Whether `intermediate_size` is the width of an expert. */
  readonly expertsOnly?: boolean
  /** Members with the width of dense layers, in place of `intermediate_size`. */
  readonly denseSize?: readonly string[]
}

const llama: ModelFamily = {}
/** Their windows are off unless the file switches them on. */
const noWindow = { use_sliding_window: false }
const qwen2: ModelFamily = { attentionBias: true, defaults: noWindow }
const qwen3: ModelFamily = { defaults: noWindow }
const deepseek: ModelFamily = { latent: true }
const gemma: ModelFamily = { tied: true }
const llama4: ModelFamily = { expertsOnly: true, denseSize: ['intermediate_size_mlp'], slidingPattern: 4 }

/** By `model_type`. Source: the configuration classes of Transformers 5.19 and the models of vLLM 0.15.0. */
const families: { readonly [type: string]: ModelFamily } = {
  llama,
  mistral: llama,
  ministral: llama,
  ministral3: llama,
  internlm2: llama,
  internlm3: llama,
  granite: llama,
  olmo: llama,
  olmo2: llama,
  olmo3: { slidingPattern: 4 },
  phi3: llama,
  seed_oss: { attentionBias: true },
  exaone: llama,
  exaone4: { slidingPattern: 4 },
  glm: { attentionBias: true },
  glm4: { attentionBias: true, normsPerLayer: 4 },
  glm4v_text: { attentionBias: true, normsPerLayer: 4 },
  hunyuan_v1_dense: llama,
  smollm3: { tied: true },
  ernie4_5: { tied: true },
  mimo: qwen2,
  qwen2,
  qwen2_vl: qwen2,
  qwen2_vl_text: qwen2,
  qwen2_5_vl: qwen2,
  qwen2_5_vl_text: qwen2,
  qwen3,
  qwen3_vl_text: qwen3,
  gemma,
  gemma2: { ...gemma, normsPerLayer: 4, slidingPattern: 2 },
  gemma3_text: {
    ...gemma,
    normsPerLayer: 4,
    slidingPattern: 6,
    defaults: {
      vocab_size: 262_208,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      max_position_embeddings: 131_072,
      sliding_window: 4096,
    },
  },
  cohere: { tied: true, normsPerLayer: 1 },
  cohere2: { tied: true, normsPerLayer: 1, slidingPattern: 4 },
  starcoder2: { tied: true, gated: false, attentionBias: true },
  nemotron: { gated: false },
  apertus: { gated: false },
  mixtral: { expertsOnly: true },
  phimoe: { expertsOnly: true },
  olmoe: { expertsOnly: true },
  granitemoe: { expertsOnly: true },
  minimax_m2: { expertsOnly: true },
  gpt_oss: { expertsOnly: true, expertBias: true, attentionBias: true, slidingPattern: 2 },
  qwen2_moe: qwen2,
  qwen3_moe: qwen3,
  qwen3_vl_moe_text: qwen3,
  glm4_moe: llama,
  glm4v_moe_text: llama,
  ernie4_5_moe: { tied: true },
  dots1: llama,
  llama4_text: llama4,
  llama4,
  deepseek_v2: deepseek,
  deepseek_v3: deepseek,
  kimi_k2: deepseek,
  glm4_moe_lite: deepseek,
}

/** Kinds of layers in `layer_types` that keep keys and values of the context. */
const attentionLayers = new Set(['full_attention', 'sliding_attention', 'chunked_attention'])

/**
 * The family of a model, by the `model_type` of its text part.
 *
 * @throws {ConfigError} if the type is missing or not known, or if a layer keeps another state than keys and values.
 */
export function modelFamily(text: ConfigMembers, root: ConfigMembers): ModelFamily {
  const type = text.value('model_type') ?? root.value('model_type')
  if (typeof type !== 'string') {
    throw text.problem('model_type', 'is missing. It names the architecture, e.g. "llama".')
  }
  const kinds = text.value('layer_types')
  const other = Array.isArray(kinds) ? kinds.find((kind) => !attentionLayers.has(String(kind))) : undefined
  if (other !== undefined) {
    throw text.problem(
      'layer_types',
      `has ${JSON.stringify(other)?.slice(0, 60)}. Layers without keys and values of the context, such as linear attention ` +
        'or Mamba, are not simulated.',
      'unsupported_model',
    )
  }
  const family = Object.hasOwn(families, type) ? families[type] : undefined
  if (family !== undefined) return family
  throw text.problem(
    'model_type',
    `is ${JSON.stringify(type).slice(0, 60)}, an architecture that the simulation does not know. Known: ` +
      `${Object.keys(families).sort().join(', ')}. If its layers have the shapes of a known one, set model_type to that ` +
      'one, e.g. "llama".',
    'unsupported_model',
  )
}
