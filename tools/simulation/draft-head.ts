import type { Speculation } from './engine-settings.ts'
import { bytesOf, kvBytesPerTokenOfRank, type ModelArchitecture } from './models.ts'

/**
 * Tokens that an EAGLE-3 head can draft. Its published checkpoints for Llama have the 32 000 most frequent ones, as
 * `draft_vocab_size` in their `config.json`; others have more. EAGLE uses the vocabulary and the output head of its model.
 */
const eagle3Vocabulary = 32_000

/** Time of the head's logits by those of the model. */
export function draftHeadShare({ vocabularySize }: ModelArchitecture, { method }: Speculation): number {
  return method === 'eagle3' ? Math.min(1, eagle3Vocabulary / vocabularySize) : 1
}

/**
 * Weights of an EAGLE head on one GPU, in bytes: one layer like those of its model, and a projection of the model's hidden
 * states, two for EAGLE and three for EAGLE-3, which also has an output head. 0 for a method without a head.
 */
export function draftHeadBytes(model: ModelArchitecture, speculation: Speculation | undefined, ranks: number): number {
  if (speculation?.hasHead !== true) return 0
  const { attention, feedForward, experts } = model.weights
  const layer = [attention, feedForward, experts].reduce((sum, group) => sum + bytesOf(group), 0) / model.layers
  const isThird = speculation.method === 'eagle3'
  const projection = (isThird ? 3 : 2) * model.hiddenSize ** 2 * 2
  const output = isThird ? Math.min(eagle3Vocabulary, model.vocabularySize) * model.hiddenSize * 2 : 0
  return (layer + projection + output) / ranks
}

/** Size of one token in the KV cache of one GPU: the head has one layer more than its model. */
export function kvBytesWithDraftHead(
  model: ModelArchitecture,
  speculation: Speculation | undefined,
  bytesPerElement: number,
  tensorParallelSize: number,
  pipelineParallelSize: number,
): number {
  const layers = model.layers + (speculation?.hasHead === true ? 1 : 0)
  return kvBytesPerTokenOfRank({ ...model, layers }, bytesPerElement, tensorParallelSize, pipelineParallelSize)
}
