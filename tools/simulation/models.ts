/** Architecture of a served model. {@link architectureFromConfig} reads it from a `config.json` of Hugging Face. */
export interface ModelArchitecture {
  /** Class of the model in vLLM, as its log shows it. */
  readonly className: string
  /** Number of transformer layers. */
  readonly layers: number
  /** Width of a hidden state. */
  readonly hiddenSize: number
  /** Query heads per layer. */
  readonly heads: number
  /** Key and value heads per layer. */
  readonly kvHeads: number
  /** Width of one attention head. With latent attention, see {@link LatentAttention} instead. */
  readonly headDim: number
  /** Width of the feed-forward layer of dense layers; 0 if every layer has experts. */
  readonly intermediateSize: number
  /** Tokens in the vocabulary. */
  readonly vocabularySize: number
  /** Whether the output head is the input embedding. Its weights are then stored once. */
  readonly tiedEmbeddings: boolean
  /** Longest request in tokens; vLLM's default for `max_model_len`. */
  readonly maxModelLen: number
  /** The weights by part of the model, with their size in memory. */
  readonly weights: ModelWeights
  /** Bytes of one number in the KV cache for `kv_cache_dtype: auto`: 2 for bfloat16, 1 if the checkpoint asks for fp8. */
  readonly kvBytesPerElement: number
  /** Absent for a model without experts. */
  readonly experts?: MixtureOfExperts
  /** Absent for usual attention, with keys and values per head. */
  readonly latent?: LatentAttention
  /** Absent if every layer attends to the whole context. */
  readonly slidingWindow?: SlidingWindow
  /** Absent for a model that reads only text. */
  readonly vision?: VisionEncoder
}

/** Weights of one part of a model, over all its layers. */
export interface WeightGroup {
  /** Number of weights. */
  readonly parameters: number
  /** Size of one weight in memory with its share of scales and padding, in bytes: 2 for bfloat16, about 1 for fp8. */
  readonly bytesPerParameter: number
}

/** The weights of a model by the way in which a step uses them. */
export interface ModelWeights {
  /** Input embedding. A step reads one row per token. */
  readonly embedding: WeightGroup
  /** Output head; without parameters of its own if it is tied to the embedding. A step reads all of it. */
  readonly head: WeightGroup
  /** Matrices of attention. A step reads all of them. */
  readonly attention: WeightGroup
  /** Feed-forward matrices of dense layers, and shared experts. A step reads all of them. */
  readonly feedForward: WeightGroup
  /** Routed experts. A step reads those that its tokens need. */
  readonly experts: WeightGroup
  /** Norms, biases and routers. */
  readonly other: WeightGroup
  /** Image encoder. A step without images does not read it. */
  readonly vision: WeightGroup
}

/** Layers whose feed-forward part is a set of experts, of which each token uses a few. */
export interface MixtureOfExperts {
  /** Routed experts of one layer. */
  readonly count: number
  /** Routed experts that one token uses. */
  readonly perToken: number
  /** Layers that have experts. The others are dense. */
  readonly layers: number
  /** Width of one expert. */
  readonly intermediateSize: number
  /** Total width of the experts that every token uses; 0 without shared experts. */
  readonly sharedIntermediateSize: number
}

/** Multi-head latent attention (MLA), as in DeepSeek: all heads share one compressed vector per token and layer. */
export interface LatentAttention {
  /** Width of the compressed keys and values in the KV cache. */
  readonly kvRank: number
  /** Width of the part of a key with position information, also in the KV cache. */
  readonly ropeHeadDim: number
  /** Width of the part of a key without position information. */
  readonly nopeHeadDim: number
  /** Width of a value. */
  readonly valueHeadDim: number
}

/** Layers in which a token attends only to the last tokens. */
export interface SlidingWindow {
  /** Tokens that such a layer attends to. */
  readonly tokens: number
  /** Number of such layers. The others attend to the whole context. */
  readonly layers: number
}

/** Memory use of an image encoder. Inferred from the widths of its layers, because no measurement is published. */
export interface VisionEncoder {
  /** Peak bytes of activations per image token of one step. */
  readonly bytesPerToken: number
  /** Image tokens of one step that vLLM's profiling run reserves memory for. */
  readonly profiledTokens: number
  /** Pixels that become one image token. */
  readonly pixelsPerToken: number
}

/** Number of weights of a model. Tied weights count once; layers for multi-token prediction do not count. */
export function parameterCount({ weights }: ModelArchitecture): number {
  return groups(weights).reduce((sum, { parameters }) => sum + parameters, 0)
}

/** Number of weights that the matrix products of one token use: without the input embedding, which is only looked up. */
export function activeParameterCount(model: ModelArchitecture): number {
  const { weights, experts } = model
  const routed = experts === undefined ? 0 : (weights.experts.parameters * experts.perToken) / experts.count
  const { attention, feedForward, other } = weights
  return headOf(model).parameters + attention.parameters + feedForward.parameters + other.parameters + routed
}

/** Memory of all weights of a model, in bytes. */
export function weightBytes({ weights }: ModelArchitecture): number {
  return groups(weights).reduce((sum, group) => sum + bytesOf(group), 0)
}

/**
 * Weights that one step reads, in bytes.
 *
 * Each token picks `perToken` of the `count` experts, so a step with `n` tokens reads the share `1 − (1 − k/E)^n` of them
 * if the choices are independent.
 *
 * @param tokens tokens in the batch.
 */
export function weightBytesRead(model: ModelArchitecture, tokens: number): number {
  const { weights, experts } = model
  const share = experts === undefined ? 0 : 1 - (1 - experts.perToken / experts.count) ** tokens
  const always = [headOf(model), weights.attention, weights.feedForward, weights.other]
  return always.reduce((sum, group) => sum + bytesOf(group), 0) + share * bytesOf(weights.experts)
}

/** Size of one token in the KV cache, over all layers and heads. `bytesPerElement` is 2 for bfloat16 and 1 for fp8. */
export function kvBytesPerToken(model: ModelArchitecture, bytesPerElement: number): number {
  return model.layers * kvElementsPerLayer(model, model.kvHeads) * bytesPerElement
}

/**
 * Size of one token in the KV cache of one GPU.
 *
 * With more ranks than KV heads, each rank holds a copy of one head. With latent attention every rank holds all of it.
 *
 * @param tensorParallelSize GPUs that share each layer.
 * @param pipelineParallelSize stages that the layers are divided into.
 */
export function kvBytesPerTokenOfRank(
  model: ModelArchitecture,
  bytesPerElement: number,
  tensorParallelSize: number,
  pipelineParallelSize: number,
): number {
  const heads = Math.max(1, model.kvHeads / tensorParallelSize)
  return (model.layers * kvElementsPerLayer(model, heads) * bytesPerElement) / pipelineParallelSize
}

function kvElementsPerLayer({ headDim, latent }: ModelArchitecture, kvHeads: number): number {
  return latent === undefined ? 2 * kvHeads * headDim : latent.kvRank + latent.ropeHeadDim
}

/** The weights of the output head. Tied ones are those of the embedding. */
function headOf({ tiedEmbeddings, weights }: ModelArchitecture): WeightGroup {
  return tiedEmbeddings ? weights.embedding : weights.head
}

function groups(weights: ModelWeights): WeightGroup[] {
  return Object.values(weights)
}

/** Memory of a group of weights, in bytes. */
export function bytesOf({ parameters, bytesPerParameter }: WeightGroup): number {
  return parameters * bytesPerParameter
}
