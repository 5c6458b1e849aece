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
  readonly maxModelLen: number
}

const llama8b = {
  family: 'llama-8b',
  layers: 32,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  kvHeads: 8,
  headDim: 128,
  vocabularySize: 128_256,
  parameters: 8.03e9,
  maxModelLen: 131_072,
}
const llama70b = {
  family: 'llama-70b',
  layers: 80,
  hiddenSize: 8192,
  intermediateSize: 28_672,
  kvHeads: 8,
  headDim: 128,
  vocabularySize: 128_256,
  parameters: 70.55e9,
  maxModelLen: 131_072,
}

const models: { readonly [name: string]: ModelArchitecture } = {
  'meta-llama/Llama-3.1-8B-Instruct': llama8b,
  'meta-llama/Llama-3.1-70B-Instruct': llama70b,
  'meta-llama/Llama-3.3-70B-Instruct': llama70b,
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
