import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'
import { compareVersions } from '../arguments/version.ts'
import { ConfigError } from '../errors.ts'
import { type ConfigMembers, configMembers } from './model-config-members.ts'
import { experts, latentAttention, slidingWindow, visionEncoder } from './model-config-parts.ts'
import { type ModelFamily, modelFamily } from './model-families.ts'
import type { MixtureOfExperts, ModelArchitecture, ModelWeights } from './models.ts'
import { unquantised, weightFormat } from './weight-format.ts'

/** Largest text of a `config.json`, in characters. Those of released models have at most some hundred thousand. */
const maxCharacters = 2_000_000

/**
 * Reads the architecture of a model from its `config.json` on Hugging Face or in a local folder.
 *
 * It covers decoder models with attention in every layer: dense ones, mixtures of experts, latent attention (MLA), sliding
 * windows, tied embeddings, image encoders, and weights in bfloat16, fp8, MXFP4, NVFP4, and in 4 or 8 bits of AWQ, GPTQ,
 * compressed-tensors and bitsandbytes.
 *
 * ```ts
 * const model = architectureFromConfig(readFileSync('/models/my-model/config.json', 'utf8'))
 * parameterCount(model) // 8_030_261_248
 * ```
 *
 * @param config the text of the file, or its parsed JSON.
 * @throws {ConfigError} `unsupported_model` for an architecture or quantisation that is not covered;
 *   `invalid_model_config` if a member is missing, has the wrong type or contradicts another one. `field` is its path.
 */
export function architectureFromConfig(config: unknown): ModelArchitecture {
  return readArchitecture(config, 'config')
}

/**
 * The same with another root of the paths in messages.
 *
 * @param at path of the document, e.g. `model_config`.
 * @param version version of vLLM, which decides how YaRN changes the longest request.
 */
export function readArchitecture(config: unknown, at: string, version = '0.15.0'): ModelArchitecture {
  const root = configMembers(documentOf(config, at), at)
  const part = root.member('text_config') ?? root.member('llm_config') ?? root.member('language_config') ?? root
  const className = generatingClass(root)
  const family = modelFamily(part, root)
  const text = part.withDefaults(family.defaults ?? {})
  const shape = shapeOf(text, family, root)
  const format = weightFormat(
    root.value('quantization_config') ?? root.value('compression_config') ?? text.value('quantization_config'),
    { ...shape, expertSize: shape.experts?.intermediateSize ?? 0 },
    `${at}.quantization_config`,
  )
  const { vision, parameters: visionParameters } = visionEncoder(root, shape.hiddenSize) ?? { parameters: 0 }
  const counts = countWeights(shape, text, family)
  const weights: ModelWeights = {
    embedding: group(counts.embedding, unquantised),
    head: group(shape.tiedEmbeddings ? 0 : counts.embedding, format.head),
    attention: group(counts.attention, format.attention),
    feedForward: joined(group(counts.dense, format.dense), group(counts.shared, format.shared)),
    experts: group(counts.experts, format.experts),
    other: group(counts.other, unquantised),
    vision: group(visionParameters, format.vision),
  }
  const { queryRank: _, ...rest } = shape
  const window = slidingWindow(text, family, shape)
  return {
    className,
    ...rest,
    maxModelLen: maxModelLen(text, root, version),
    weights,
    kvBytesPerElement: format.kv ?? unquantised,
    ...(window === undefined ? {} : { slidingWindow: window }),
    ...(vision === undefined ? {} : { vision }),
  }
}

/** @throws {ConfigError} if the value is not the object of a `config.json`. */
function documentOf(config: unknown, at: string): UnknownObject {
  const problem = (message: string) => new ConfigError(`${at} ${message}`, { code: 'invalid_model_config', field: at })
  const length = lengthAsText(config)
  if (length !== undefined && length > maxCharacters) {
    throw problem(
      `has ${length} characters, more than the ${maxCharacters} that any config.json needs. Pass config.json, not ` +
        'tokenizer.json or the index of the weights.',
    )
  }
  const value = typeof config === 'string' ? parseJson(config) : config
  if (length !== undefined && isObject(value) && !ArrayBuffer.isView(value)) return value
  const isPath = typeof config === 'string' && /^[^{\n]*\.json$/.test(config)
  const hint = isPath ? ' It is a path: pass the content of the file.' : ''
  throw problem(`must be the JSON object of a config.json, as text or parsed.${hint}`)
}

/** Length of the JSON text of a value; `undefined` if it has none, because it contains itself or nests too deep. */
function lengthAsText(config: unknown): number | undefined {
  if (typeof config === 'string') return config.length
  try {
    return JSON.stringify(config)?.length
  } catch {
    return undefined
  }
}

/** @throws {ConfigError} if the class of the model is missing or does not generate text. */
function generatingClass(root: ConfigMembers): string {
  const architectures = root.value('architectures')
  const [name] = Array.isArray(architectures) ? architectures : []
  if (typeof name !== 'string' || name === '') {
    const found = architectures === undefined ? 'missing' : JSON.stringify(architectures).slice(0, 60)
    throw root.problem(
      'architectures',
      `is ${found}. It must be a list with the class of the model, e.g. ["LlamaForCausalLM"].`,
    )
  }
  if (/Model$|Classification|Reward|ForMaskedLM/.test(name) && !/ChatModel$|LMHeadModel$/.test(name)) {
    throw root.problem('architectures', `is ["${name}"], a class that does not generate text.`, 'unsupported_model')
  }
  return name
}

/** The members of an architecture that the numbers of weights follow from. */
interface Shape
  extends Omit<
    ModelArchitecture,
    'className' | 'maxModelLen' | 'weights' | 'kvBytesPerElement' | 'slidingWindow' | 'vision'
  > {
  /** Width of compressed queries; absent for queries that are not compressed. */
  readonly queryRank?: number
}

function shapeOf(text: ConfigMembers, family: ModelFamily, root: ConfigMembers): Shape {
  const layers = text.integer(['num_hidden_layers'], { max: 1000 })
  const hiddenSize = text.integer(['hidden_size'], { max: 1_000_000 })
  const heads = text.integer(['num_attention_heads'], { max: 10_000 })
  const kvHeads = text.integer(['num_key_value_heads', 'num_kv_heads', 'multi_query_group_num'], {
    max: 10_000,
    fallback: heads,
  })
  if (heads % kvHeads !== 0) {
    throw text.problem('num_key_value_heads', `is ${kvHeads}, which does not divide num_attention_heads (${heads}).`)
  }
  const latent = latentAttention(text, family)
  const statedHeadDim = text.optional(['head_dim'], { max: 10_000 })
  if (statedHeadDim === undefined && latent === undefined && hiddenSize % heads !== 0) {
    throw text.problem(
      'head_dim',
      `is missing, and hidden_size (${hiddenSize}) is not a multiple of num_attention_heads (${heads}).`,
    )
  }
  const queryRank = latent === undefined ? undefined : text.optional(['q_lora_rank'], { max: 1_000_000 })
  const moe = experts(text, family, layers)
  const dense = moe === undefined || moe.layers < layers
  return {
    layers,
    hiddenSize,
    heads,
    kvHeads,
    headDim: statedHeadDim ?? Math.floor(hiddenSize / heads),
    intermediateSize: dense ? text.integer([...(family.denseSize ?? []), 'intermediate_size'], { max: 10_000_000 }) : 0,
    vocabularySize: text.integer(['vocab_size'], { max: 10_000_000 }),
    tiedEmbeddings: text.flag('tie_word_embeddings') ?? root.flag('tie_word_embeddings') ?? family.tied ?? false,
    ...(moe === undefined ? {} : { experts: moe }),
    ...(latent === undefined ? {} : { latent }),
    ...(queryRank === undefined ? {} : { queryRank }),
  }
}

/** Numbers of weights by part, over all layers. */
function countWeights(shape: Shape, text: ConfigMembers, family: ModelFamily) {
  const { layers, hiddenSize, heads, kvHeads, headDim, experts: moe } = shape
  // A gated feed-forward layer has three matrices: gate, up and down.
  const matrices = (family.gated ?? true) ? 3 : 2
  const perWidth = matrices * hiddenSize
  const denseLayers = layers - (moe?.layers ?? 0)
  const expertCount = (moe?.layers ?? 0) * (moe?.count ?? 0)
  const biases = (text.flag('attention_bias') ?? family.attentionBias) ? (heads + 2 * kvHeads) * headDim : 0
  const norms = (family.normsPerLayer ?? 2) * hiddenSize
  return {
    embedding: shape.vocabularySize * hiddenSize,
    attention: layers * attentionWeights(shape),
    dense: denseLayers * perWidth * shape.intermediateSize,
    shared: (moe?.layers ?? 0) * perWidth * (moe?.sharedIntermediateSize ?? 0),
    experts: expertCount * perWidth * (moe?.intermediateSize ?? 0),
    // The router has one row per expert.
    other: layers * (norms + biases) + hiddenSize + expertCount * (hiddenSize + expertBias(family, moe, hiddenSize)),
  }
}

function expertBias(family: ModelFamily, moe: MixtureOfExperts | undefined, hiddenSize: number): number {
  return family.expertBias === true ? 2 * (moe?.intermediateSize ?? 0) + hiddenSize + 1 : 0
}

/** Matrices of one attention layer: queries, keys, values and output. */
function attentionWeights({ hiddenSize, heads, kvHeads, headDim, latent, queryRank }: Shape): number {
  if (latent === undefined) return 2 * hiddenSize * (heads + kvHeads) * headDim
  const { kvRank, ropeHeadDim, nopeHeadDim, valueHeadDim } = latent
  const queryWidth = heads * (nopeHeadDim + ropeHeadDim)
  const queries = queryRank === undefined ? hiddenSize * queryWidth : queryRank * (hiddenSize + queryWidth)
  const keysAndValues = hiddenSize * (kvRank + ropeHeadDim) + kvRank * heads * (nopeHeadDim + valueHeadDim)
  return queries + keysAndValues + heads * valueHeadDim * hiddenSize
}

function group(parameters: number, bytesPerParameter: number) {
  return { parameters, bytesPerParameter }
}

/** Two groups as one, with the mean size of their weights. */
function joined(a: ReturnType<typeof group>, b: ReturnType<typeof group>) {
  const parameters = a.parameters + b.parameters
  if (parameters === 0) return a
  const bytes = a.parameters * a.bytesPerParameter + b.parameters * b.bytesPerParameter
  return group(parameters, bytes / parameters)
}

/** Members that state the longest request. vLLM takes the smallest of them. */
const lengthMembers = [
  'max_position_embeddings',
  'n_positions',
  'max_seq_len',
  'seq_length',
  'max_sequence_length',
  'max_seq_length',
  'seq_len',
] as const
/** Kinds of position scaling whose factor `max_position_embeddings` already contains. */
const alreadyScaled = new Set(['su', 'longrope', 'llama3', 'default', 'mrope', 'proportional'])

/**
 * The longest request, as in `_get_and_verify_max_len` of `vllm/config/model.py`. Before 0.30.0 vLLM multiplied the original
 * length of YaRN with its factor; since then `max_position_embeddings` is the length after scaling.
 */
function maxModelLen(text: ConfigMembers, root: ConfigMembers, version: string): number {
  const stated = lengthMembers.flatMap((name) => text.optional([name], { max: 1_000_000_000 }) ?? [])
  const [first] = stated
  const length = text.optional(['model_max_length'], { max: 1_000_000_000 }) ?? Math.min(...stated)
  if (first === undefined && !Number.isFinite(length)) {
    throw text.problem('max_position_embeddings', 'is missing. It is the longest request of the model in tokens.')
  }
  const scaling = text.member('rope_scaling') ?? text.member('rope_parameters') ?? root.member('rope_scaling')
  const kind = scaling?.value('rope_type') ?? scaling?.value('type')
  const factor = scaling?.value('factor')
  const isGemma3 = text.value('model_type') === 'gemma3_text'
  if (scaling === undefined || isGemma3 || typeof kind !== 'string' || alreadyScaled.has(kind)) return length
  if (typeof factor !== 'number' || !(factor > 0)) return length
  if (kind.includes('yarn') && compareVersions(version, '0.30.0') >= 0) return length
  const original = scaling.optional(['original_max_position_embeddings'], { max: 1_000_000_000 })
  return Math.floor((kind.includes('yarn') && original !== undefined ? original : length) * factor)
}
