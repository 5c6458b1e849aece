import { allReduceMs } from './all-reduce.ts'
import { draftHeadShare } from './draft-head.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { Gpu } from './hardware.ts'
import { headMs, layersMs } from './matrix-products.ts'
import { kvBytesPerTokenOfRank, type ModelArchitecture, weightBytesRead } from './models.ts'

/** Share of peak bandwidth that decode attention reaches. Measured on an A100: 0.68 to 0.84. */
const attentionBandwidthShare = 0.8
/** Share of peak compute that prefill attention reaches. Inferred. */
const attentionComputeShare = 0.5
/**
 * Scheduling, input preparation and sampling, in milliseconds: what a measured step of one sequence lasts beyond its
 * kernels. Fitted to Llama-3-8B on an A100 80 GB with vLLM 0.20.1 (10.77 ms per token, AccelMark).
 */
const fixedMs = 0.4
/** Bytes per logit that the sampler reads and writes: conversion to float32, softmax and comparison. Inferred. */
const samplerBytesPerLogit = 24
/**
 * A step with a prefill is not one CUDA graph: each layer's attention is started on its own. In milliseconds per layer.
 * Fitted to the same deployment at 5 and 10 requests per second, where every request interrupts the others.
 */
const piecewiseMsPerLayer = 0.02
/**
 * Time of a request outside the engine core: tokenizer, HTTP, transfer between processes and detokenizer, in
 * seconds. Fitted to the time to the first token of the same deployment at light load, and of Qwen2.5-0.5B.
 */
export const frontEndS = 0.003
/**
 * Time to schedule and to prepare a step that finds the engine idle, in milliseconds. Under load the previous step hides
 * it. Fitted to single streams: the 0.5B model's first token takes 11.2 ms alone, and 10.0 ms at 10 requests per second.
 */
const idleStartMs = 5
/**
 * Time in which the host starts the kernels of a layer without a CUDA graph, in milliseconds. The GPU computes meanwhile, so
 * a step takes the longer of both. Fitted to Llama-3.1-8B with 8-bit and 4-bit weights on an A100, whose eager steps take
 * 16 to 20 ms whatever they compute (AccelMark, vLLM 0.20.1, 5 requests per second).
 */
const eagerMsPerLayer = 0.5
/** Time beyond its kernels of one pass of an EAGLE head: the host starts it and prepares the next one. Inferred. */
const draftPassMs = 0.2
/** Time in which the host searches the text of one request for the n-gram that it ends with. Inferred. */
const searchMsPerSequence = 0.02
/** Transfer of hidden states between two pipeline stages over the network, in milliseconds. Inferred. */
const stageHandOverMs = 0.2

/** A negative calibration cannot make a step shorter than this share of the modelled time. */
export const fastestShare = 0.2

/** The duration of an engine step, as a function of its batch. All times are in seconds. */
export interface StepTime {
  /**
   * Time without attention: matrix products, all-reduces and fixed costs.
   *
   * @param tokens tokens in the batch.
   * @param sequences requests in the batch.
   * @param drafts drafted tokens among the tokens. With more further tokens than requests, the batch contains a prefill.
   *   Default: 0.
   */
  ofBatch(tokens: number, sequences: number, drafts?: number): number
  /** Time to draft the tokens that the next step verifies, after a step with this batch. 0 without speculative decoding. */
  drafting(tokens: number, sequences: number): number
  /** Time in which the host starts all kernels of a step: no step is shorter. 0 with CUDA graphs. */
  readonly launches: number
  /** Additional time of a step that finds the engine idle. */
  readonly idleStart: number
  /** Time to read one token of context from the KV cache in all layers. */
  readonly perContextToken: number
  /** Share of the layers that have a sliding window: they read less context and compute fewer pairs. */
  readonly windowShare: number
  /** Time of prefill attention per pair of a new token and an earlier token in all layers. */
  readonly perAttentionPair: number
  /** Time to read the weights once. With the context, this is how long a step uses the GPU's memory. */
  readonly weightRead: number
}

/** Times that were measured on a deployment and that the model of a step lacks: see {@link calibrateStepTime}. */
export interface Calibration {
  /** Added to every step, in milliseconds. Negative if the deployment is faster than the model. */
  readonly fixed_ms: number
  /** Added for each request of a step, in milliseconds. */
  readonly per_sequence_ms: number
}

/** Further influences on the duration of a step. */
export interface StepTimeOptions {
  /** Whether tensor parallel ranks are on several nodes. Default: no. */
  readonly severalNodes?: boolean
  /** Default: none. */
  readonly calibration?: Calibration
}

/**
 * The cost model of one engine step.
 *
 *     step = layers                            matrix products and norms, measured or by a roofline with a knee
 *          + head, sampler                     by number of sequences
 *          + all-reduces                       two per layer, if tensor parallel
 *          + context × perContextToken         decode attention, limited by memory bandwidth
 *          + pairs × perAttentionPair          prefill attention, limited by compute
 *          + drafting                          passes of an EAGLE head, one for each drafted token
 *          + stage transfers + fixed costs + calibration
 *
 * The scheduler adds the two attention terms, because they depend on the lengths of the requests; all other terms depend
 * only on the number of tokens and sequences.
 */
export function stepTime(
  model: ModelArchitecture,
  gpu: Gpu,
  gpuModel: string,
  settings: EngineSettings,
  { severalNodes = false, calibration = { fixed_ms: 0, per_sequence_ms: 0 } }: StepTimeOptions = {},
): StepTime {
  const { tensorParallelSize: ranks, pipelineParallelSize, enforceEager, speculation } = settings
  const layers = layersMs(model, gpu, gpuModel, ranks)
  const head = headMs(model, gpu, ranks)
  const reduce = allReduceMs(model, gpu, ranks, severalNodes)
  const sampler = (samplerBytesPerLogit * model.vocabularySize) / (gpu.bandwidthGbs * 1e6)
  const fixed = fixedMs + stageHandOverMs * (pipelineParallelSize - 1)
  const piecewise = enforceEager ? 0 : piecewiseMsPerLayer * model.layers
  // A window repeats few of the possible batch sizes, so their times are stored.
  const ofTokens = stored((tokens) => layers(tokens) + reduce(tokens) + fixed)
  const ofSequences = stored((sequences) => head(sequences) + sequences * sampler)
  // A layer's time does not depend on the stage: with pipeline parallelism a token goes through all stages in sequence.
  const kvBytes = kvBytesPerTokenOfRank(model, settings.kvBytesPerElement, ranks, 1)
  return {
    ofBatch(tokens, sequences, drafts = 0) {
      if (tokens === 0) return 0
      // Every drafted token has logits of its own, which decide whether it is accepted.
      const samples = ofSequences(sequences + drafts)
      const modelled = ofTokens(tokens) + samples + (tokens - drafts > sequences ? piecewise : 0)
      const calibrated = modelled + calibration.fixed_ms + calibration.per_sequence_ms * sequences
      return Math.max(calibrated, modelled * fastestShare) / 1000
    },
    drafting(tokens, sequences) {
      if (speculation === undefined) return 0
      if (!speculation.hasHead) return (searchMsPerSequence * sequences) / 1000
      const pass = (count: number) => (layers(count) + reduce(count)) / model.layers + draftPassMs
      const logits = head(sequences) * draftHeadShare(model, speculation)
      // The first pass reads the hidden states of the whole batch. Each further one adds a token to every draft.
      return (pass(tokens) + (speculation.tokens - 1) * pass(sequences) + speculation.tokens * logits) / 1000
    },
    launches: enforceEager ? (eagerMsPerLayer * model.layers) / 1000 : 0,
    idleStart: idleStartMs / 1000,
    perContextToken: kvBytes / (gpu.bandwidthGbs * 1e9 * attentionBandwidthShare),
    windowShare: (model.slidingWindow?.layers ?? 0) / model.layers,
    perAttentionPair: pairFlops(model) / ranks / (gpu.teraflops * 1e12 * attentionComputeShare),
    weightRead: weightBytesRead(model, Number.POSITIVE_INFINITY) / settings.ranks / (gpu.bandwidthGbs * 1e9),
  }
}

/** Operations of attention for one pair of tokens in all layers: the score and the weighted value, in all heads. */
function pairFlops({ layers, heads, headDim, latent }: ModelArchitecture): number {
  const widths = latent === undefined ? 2 * headDim : latent.nopeHeadDim + latent.ropeHeadDim + latent.valueHeadDim
  return 2 * layers * heads * widths
}

/** Stores the results of a function of a small integer. */
function stored(compute: (count: number) => number): (count: number) => number {
  const known = new Map<number, number>()
  return (count) => {
    const before = known.get(count)
    if (before !== undefined) return before
    const result = compute(count)
    known.set(count, result)
    return result
  }
}
