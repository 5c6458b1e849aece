import type { ConfigMembers } from './model-config-members.ts'
import type { ModelFamily } from './model-families.ts'
import type { LatentAttention, MixtureOfExperts, SlidingWindow, VisionEncoder } from './models.ts'

const width = { max: 10_000_000 } as const

/** The experts of a model; `undefined` for a dense one. */
export function experts(text: ConfigMembers, family: ModelFamily, layers: number): MixtureOfExperts | undefined {
  const count = text.optional(['n_routed_experts', 'num_local_experts', 'num_experts', 'moe_num_experts'], {
    min: 0,
    max: 100_000,
  })
  if (count === undefined || count <= 1) {
    if (family.expertsOnly !== true) return undefined
    throw text.problem('num_local_experts', 'is missing. It is the number of experts per layer.')
  }
  const perToken = text.integer(
    ['num_experts_per_tok', 'num_experts_per_token', 'moe_topk', 'moe_k', 'top_k_experts'],
    {
      max: 100_000,
    },
  )
  if (perToken > count) {
    throw text.problem('num_experts_per_tok', `is ${perToken}, but a layer has only ${count} experts.`)
  }
  const intermediateSize = text.integer(
    family.expertsOnly === true ? ['intermediate_size'] : ['moe_intermediate_size', 'expert_intermediate_size'],
    width,
  )
  const withExperts = layersWithExperts(text, layers)
  if (withExperts === 0) {
    throw text.problem('first_k_dense_replace', `and its neighbours leave none of the ${layers} layers with experts.`)
  }
  return {
    count,
    perToken,
    layers: withExperts,
    intermediateSize,
    sharedIntermediateSize: shared(text, family, intermediateSize),
  }
}

/** Total width of the experts that every token uses. */
function shared(text: ConfigMembers, family: ModelFamily, intermediateSize: number): number {
  const stated = text.optional(['shared_expert_intermediate_size', 'shared_intermediate_size'], { ...width, min: 0 })
  if (stated !== undefined) return stated
  const names = ['n_shared_experts', 'num_shared_experts', 'moe_num_shared_experts']
  // Llama 4 has one shared expert without a member that says so.
  const fallback = family.denseSize === undefined ? 0 : 1
  return intermediateSize * (text.optional(names, { min: 0, max: 1000 }) ?? fallback)
}

/** Number of layers with experts. The first layers may be dense, and experts may be in every n-th layer only. */
function layersWithExperts(text: ConfigMembers, layers: number): number {
  const first = text.optional(['first_k_dense_replace', 'moe_layer_start_index'], { min: 0, max: layers }) ?? 0
  const step =
    text.optional(['decoder_sparse_step', 'interleave_moe_layer_step', 'moe_layer_interval'], { max: layers }) ?? 1
  const pattern = text.value('moe_layer_freq')
  const denseOnly = text.value('mlp_only_layers')
  const kinds = text.value('mlp_layer_types')
  if (Array.isArray(kinds)) return kinds.filter((kind) => kind === 'sparse').length
  let count = 0
  for (let layer = first; layer < layers; layer++) {
    if ((layer + 1) % step !== 0) continue
    if (Array.isArray(denseOnly) && denseOnly.includes(layer)) continue
    if (Array.isArray(pattern) ? pattern[layer] !== 1 : typeof pattern === 'number' && layer % pattern !== 0) continue
    count++
  }
  return count
}

/** The widths of latent attention; `undefined` for usual attention. */
export function latentAttention(text: ConfigMembers, family: ModelFamily): LatentAttention | undefined {
  if (family.latent !== true) return undefined
  return {
    kvRank: text.integer(['kv_lora_rank'], width),
    ropeHeadDim: text.integer(['qk_rope_head_dim'], width),
    nopeHeadDim: text.integer(['qk_nope_head_dim'], width),
    valueHeadDim: text.integer(['v_head_dim'], width),
  }
}

/** The layers with a sliding window; `undefined` if every layer attends to the whole context. */
export function slidingWindow(
  text: ConfigMembers,
  family: ModelFamily,
  { layers }: { readonly layers: number },
): SlidingWindow | undefined {
  const kinds = text.value('layer_types')
  if (Array.isArray(kinds) && kinds.length !== layers) {
    throw text.problem('layer_types', `has ${kinds.length} entries, but num_hidden_layers is ${layers}.`)
  }
  const tokens = text.optional(['sliding_window', 'sliding_window_size', 'attention_chunk_size'], {
    min: 0,
    max: 1_000_000_000,
  })
  // A window as long as the longest request has no effect.
  const longest = text.optional(['max_position_embeddings'], { max: 1_000_000_000 }) ?? Number.POSITIVE_INFINITY
  if (tokens === undefined || tokens === 0 || tokens >= longest || text.flag('use_sliding_window') === false)
    return undefined
  const sliding = Array.isArray(kinds)
    ? kinds.filter((kind) => kind !== 'full_attention').length
    : slidingLayers(text, family, layers)
  return sliding === 0 ? undefined : { tokens, layers: sliding }
}

function slidingLayers(text: ConfigMembers, family: ModelFamily, layers: number): number {
  const stated = text.value('sliding_window_pattern')
  // EXAONE writes the pattern as letters: L for local, G for global.
  const pattern =
    typeof stated === 'string' ? stated.length : typeof stated === 'number' ? stated : family.slidingPattern
  if (pattern !== undefined && pattern > 0) return layers - Math.floor(layers / pattern)
  return layers - (text.optional(['max_window_layers'], { min: 0, max: layers }) ?? 0)
}

/** Image tokens that vLLM's profiling run reserves memory for, if the file does not fix the size of an image. Inferred. */
const profiledTokens = 4096

/**
 * The image encoder and its number of weights; `undefined` for a model that reads only text.
 *
 * @param hiddenSize width of the text model, which image tokens are projected to.
 */
export function visionEncoder(
  root: ConfigMembers,
  hiddenSize: number,
): { readonly vision: VisionEncoder; readonly parameters: number } | undefined {
  const config = root.member('vision_config')
  if (config === undefined) return undefined
  const layers = config.optional(['num_hidden_layers', 'depth', 'vt_num_hidden_layers'], { max: 1000 })
  const hidden = config.optional(['embed_dim', 'hidden_size', 'vt_hidden_size'], width)
  if (layers === undefined || hidden === undefined) {
    throw root.problem(
      'vision_config',
      'has no num_hidden_layers or no hidden_size. Remove vision_config to simulate text requests without the image encoder.',
    )
  }
  const ratio = config.value('mlp_ratio')
  const inner =
    config.optional(['intermediate_size', 'vt_intermediate_size'], width) ??
    Math.round(hidden * (typeof ratio === 'number' ? ratio : 4))
  const patch = side(config, 'patch_size') ?? 14
  const image = side(config, 'image_size')
  const merge = mergeOf(root, config, image, patch)
  // Encoders that merge patches by a layer, as in Qwen, have a square matrix for it; each output has its own layer.
  const merged = hidden * merge ** 2
  const square = config.value('spatial_merge_size') === undefined ? 0 : merged ** 2 + (merged - hidden) * hiddenSize
  const projections = (1 + listLength(config.value('deepstack_visual_indexes'))) * (square + hidden * hiddenSize)
  return {
    vision: {
      // A patch holds its hidden states and those of the feed-forward layer, as a token of the text model does.
      bytesPerToken: merge ** 2 * 2 * (4 * hidden + 2 * inner),
      profiledTokens:
        image === undefined ? profiledTokens : Math.min(profiledTokens, Math.ceil((image / patch / merge) ** 2)),
      pixelsPerToken: (patch * merge) ** 2,
    },
    parameters: layers * (4 * hidden ** 2 + 2 * hidden * inner) + projections,
  }
}

/** Patches along one side that become one token. */
function mergeOf(root: ConfigMembers, config: ConfigMembers, image: number | undefined, patch: number): number {
  const stated =
    config.optional(['spatial_merge_size'], { max: 100 }) ?? root.optional(['spatial_merge_size'], { max: 100 })
  if (stated !== undefined) return stated
  const kernel = side(config, 'merge_kernel_size')
  if (kernel !== undefined) return kernel
  const perImage = root.optional(['mm_tokens_per_image'], width)
  if (perImage !== undefined && image !== undefined) return Math.max(1, Math.round(image / patch / Math.sqrt(perImage)))
  const ratio = config.value('pixel_shuffle_ratio') ?? root.value('downsample_ratio')
  return typeof ratio === 'number' && ratio > 0 && ratio <= 1 ? Math.round(1 / ratio) : 1
}

/** The length of a side, which some files write for both sides. */
function side(config: ConfigMembers, name: string): number | undefined {
  const stated = config.value(name)
  const [first] = Array.isArray(stated) ? stated : [stated]
  return typeof first === 'number' && first > 0 ? first : undefined
}

function listLength(value: unknown): number {
  return Array.isArray(value) ? value.length : 0
}
