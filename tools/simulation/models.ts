/** Architecture of a served model, from its `config.json`. */
export interface ModelArchitecture {
  readonly family: string
  readonly layers: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocabularySize: number
  readonly parameters: number
  /** Parameters that one token passes through; fewer than all in a mixture of experts. */
  readonly activeParameters: number
  /** 2 for bfloat16; less for weights that come quantised. */
  readonly bytesPerParameter: number
  readonly maxModelLen: number
  /** Class name in vLLM, as its log shows it. */
  readonly className: string
  /** Absent for a model that reads text alone. */
  readonly vision?: VisionEncoder
}

/** What the memory model has to know of an image encoder (inferred from widths; no measurement is published). */
export interface VisionEncoder {
  /** Peak bytes of activations per image token of one step. */
  readonly bytesPerToken: number
  /** Image tokens of one step that vLLM's profiling run makes room for. */
  readonly profiledTokens: number
  /** Pixels that become one image token. */
  readonly pixelsPerToken: number
}

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
/** A mixture of experts whose weights come in MXFP4. */
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
  // Four patches of 16 by 16 pixels make a token; about 25 kB of activations for each patch.
  vision: { bytesPerToken: 100_000, profiledTokens: 4096, pixelsPerToken: 1024 },
}

const models: { readonly [name: string]: ModelArchitecture } = {
  'meta-llama/Llama-3.1-8B-Instruct': llama8b,
  'meta-llama/Llama-3.1-70B-Instruct': llama70b,
  'meta-llama/Llama-3.3-70B-Instruct': llama70b,
  'openai/gpt-oss-120b': gptOss120b,
  'Qwen/Qwen3-VL-4B-Instruct': qwen3vl4b,
}

/** @throws {RangeError} when the simulation has no figures for `name`. */
export function architectureOf(name: string): ModelArchitecture {
  const model = Object.hasOwn(models, name) ? models[name] : undefined
  if (model !== undefined) return model
  throw new RangeError(
    `model ${JSON.stringify(name)} is unknown to the simulation. Known: ${Object.keys(models).join(', ')}.`,
  )
}

/** Key and value of one token over all layers, at `bytesPerElement` (2 for bfloat16, 1 for fp8). */
export function kvBytesPerToken(model: ModelArchitecture, bytesPerElement: number): number {
  return 2 * model.layers * model.kvHeads * model.headDim * bytesPerElement
}
