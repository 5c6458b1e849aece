import { ConfigError } from '../errors.ts'

/** Architecture of a served model, from its `config.json`. */
export interface ModelArchitecture {
  /** Key of the measured step times that apply to the model. */
  readonly family: string
  /** Number of transformer layers. */
  readonly layers: number
  /** Width of a hidden state. */
  readonly hiddenSize: number
  /** Width of the feed-forward layer. */
  readonly intermediateSize: number
  /** Key and value heads per layer. */
  readonly kvHeads: number
  /** Width of one attention head. */
  readonly headDim: number
  /** Tokens in the vocabulary. */
  readonly vocabularySize: number
  /** Number of weights. */
  readonly parameters: number
  /** Weights that one token uses: fewer than all in a mixture of experts. */
  readonly activeParameters: number
  /** 2 for bfloat16; less for quantised weights. */
  readonly bytesPerParameter: number
  /** Longest request in tokens; vLLM's default for `max_model_len`. */
  readonly maxModelLen: number
  /** Class of the model in vLLM, as its log shows it. */
  readonly className: string
  /** Absent for a model that reads only text. */
  readonly vision?: VisionEncoder
}

/** Memory use of an image encoder. Inferred from the widths of its layers, because no measurement is published. */
interface VisionEncoder {
  /** Peak bytes of activations per image token of one step. */
  readonly bytesPerToken: number
  /** Image tokens of one step that vLLM's profiling run reserves memory for. */
  readonly profiledTokens: number
  /** Pixels that become one image token. */
  readonly pixelsPerToken: number
}

// Llama 3.1 and 3.3: `config.json` of the repositories of meta-llama on Hugging Face.
const llama8b: ModelArchitecture = {
  family: 'llama-8b',
  layers: 32,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  kvHeads: 8,
  headDim: 128,
  vocabularySize: 128_256,
  parameters: 8.03e9,
  activeParameters: 8.03e9,
  bytesPerParameter: 2,
  maxModelLen: 131_072,
  className: 'LlamaForCausalLM',
}
const llama70b: ModelArchitecture = {
  family: 'llama-70b',
  layers: 80,
  hiddenSize: 8192,
  intermediateSize: 28_672,
  kvHeads: 8,
  headDim: 128,
  vocabularySize: 128_256,
  parameters: 70.55e9,
  activeParameters: 70.55e9,
  bytesPerParameter: 2,
  maxModelLen: 131_072,
  className: 'LlamaForCausalLM',
}
/** A mixture of experts whose weights are quantised to MXFP4. */
const gptOss120b: ModelArchitecture = {
  family: 'gpt-oss-120b',
  layers: 36,
  hiddenSize: 2880,
  intermediateSize: 2880,
  kvHeads: 8,
  headDim: 64,
  vocabularySize: 201_088,
  parameters: 116.8e9,
  activeParameters: 5.1e9,
  bytesPerParameter: 0.56,
  maxModelLen: 131_072,
  className: 'GptOssForCausalLM',
}
/** A vision model: images become tokens of the prompt. */
const qwen3vl4b: ModelArchitecture = {
  family: 'qwen3-vl-4b',
  layers: 36,
  hiddenSize: 2560,
  intermediateSize: 9728,
  kvHeads: 8,
  headDim: 128,
  vocabularySize: 151_936,
  parameters: 4.44e9,
  activeParameters: 4.44e9,
  bytesPerParameter: 2,
  maxModelLen: 262_144,
  className: 'Qwen3VLForConditionalGeneration',
  // One token is four patches of 16 × 16 pixels. A patch takes about 25 kB of activations.
  vision: { bytesPerToken: 100_000, profiledTokens: 4096, pixelsPerToken: 1024 },
}

/** By the name that vLLM serves. */
const models: { readonly [name: string]: ModelArchitecture } = {
  'meta-llama/Llama-3.1-8B-Instruct': llama8b,
  'meta-llama/Llama-3.1-70B-Instruct': llama70b,
  'meta-llama/Llama-3.3-70B-Instruct': llama70b,
  'openai/gpt-oss-120b': gptOss120b,
  'Qwen/Qwen3-VL-4B-Instruct': qwen3vl4b,
}

/**
 * Looks up a model by the name that vLLM serves.
 *
 * @throws {ConfigError} if the simulation has no data for the model.
 */
export function architectureOf(name: string): ModelArchitecture {
  const model = Object.hasOwn(models, name) ? models[name] : undefined
  if (model !== undefined) return model
  throw new ConfigError(
    `model is ${JSON.stringify(name)}, which the simulation does not know. Known: ${Object.keys(models).join(', ')}.`,
  )
}

/** Size of one token in the KV cache, over all layers and heads. `bytesPerElement` is 2 for bfloat16 and 1 for fp8. */
export function kvBytesPerToken(model: ModelArchitecture, bytesPerElement: number): number {
  return 2 * model.layers * model.kvHeads * model.headDim * bytesPerElement
}
