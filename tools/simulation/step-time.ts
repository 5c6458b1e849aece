import type { EngineSettings } from './engine-settings.ts'
import type { Gpu } from './hardware.ts'
import {
  activeParameterCount,
  kvBytesPerToken,
  type ModelArchitecture,
  weightBytes,
  weightBytesRead,
} from './models.ts'

/** Numbers of tokens in the batch at which step times were measured. */
const tokensInBatch = [1, 32, 64, 128, 256, 512, 1024, 2048, 4096]
/**
 * Measured durations of the matrix products of one step over all layers, in milliseconds, by model family, GPU and tensor
 * parallel size.
 *
 * Source: sums of the medians in the profiles published with Vidur (arXiv 2405.05465). The A100 rows are Llama-3-8B and
 * -70B on 80 GB. The H100 rows were measured with Llama-2-70B, whose layers have the same shape.
 */
const measured: { readonly [key: string]: readonly number[] } = {
  'llama-8b A100 1': [9.7, 10.9, 11.2, 13.2, 19.5, 34.6, 75.1, 143.7, 273.3],
  'llama-8b A100 2': [5.7, 5.7, 6.0, 7.7, 11.6, 18.3, 36.7, 72.7, 142.7],
  'llama-8b A100 4': [3.4, 3.6, 3.6, 4.5, 7.5, 12.0, 20.9, 37.0, 76.9],
  'llama-70b A100 4': [24.9, 26.2, 26.9, 33.5, 51.0, 89.9, 186.7, 338.4, 653.1],
  'llama-70b A100 8': [14.3, 14.9, 15.5, 18.9, 30.6, 52.1, 94.4, 185.2, 355.4],
  'llama-70b H100 4': [14.3, 15.3, 15.3, 15.9, 19.2, 30.0, 62.1, 112.1, 222.3],
  'llama-70b H100 8': [8.4, 9.3, 9.0, 10.0, 11.5, 17.7, 32.6, 63.7, 122.3],
}

/** Share of peak bandwidth and peak compute that matrix products reach. The measured rows reach 0.75 to 0.85. */
const efficiency = 0.8
/** Share of peak bandwidth that decode attention reaches. Inferred. */
const attentionBandwidthShare = 0.7
/** Share of peak compute that prefill attention reaches. Inferred. */
const attentionComputeShare = 0.5
/** Sampling and scheduling, in milliseconds. Fitted: one Llama-3.1-8B request on an A100 40 GB decodes at the published 75 tokens/s. */
const fixedMs = 0.4
/** Kernel launches per layer that a CUDA graph would save, in milliseconds. Inferred. */
const eagerMsPerLayer = 0.25
/** Transfer of hidden states between two pipeline stages over the network, in milliseconds. Inferred. */
const stageHandOverMs = 0.2

/** The duration of an engine step, as a function of its batch. All times are in seconds. */
export interface StepTime {
  /** Time that depends only on the number of tokens: matrix products, all-reduces and fixed costs. */
  ofTokens(tokens: number): number
  /** Time to read one token of context from the KV cache. */
  readonly perContextToken: number
  /** Time of prefill attention per pair of a new token and an earlier token. */
  readonly perAttentionPair: number
  /** Time to read the weights once. With the context, this is how long a step uses the GPU's memory. */
  readonly weightRead: number
}

/**
 * The cost model of one engine step.
 *
 *     step = max(products, weights / bandwidth)    matrix products of all layers, measured or by a roofline
 *          + all-reduces                           two per layer, if tensor parallel
 *          + context × perContextToken             decode attention, limited by memory bandwidth
 *          + pairs × perAttentionPair              prefill attention, limited by compute
 *          + stage transfers + eager launches + fixed costs
 *
 * The scheduler adds the two attention terms, because they depend on the batch; all other terms depend only on the number
 * of tokens.
 */
export function stepTime(model: ModelArchitecture, gpu: Gpu, gpuModel: string, settings: EngineSettings): StepTime {
  const ranks = settings.tensorParallelSize
  const weightRead = weightBytes(model) / settings.ranks / (gpu.bandwidthGbs * 1e9)
  const products = measuredProducts(model, gpuModel, ranks) ?? rooflineProducts(model, gpu, ranks)
  const handOver = stageHandOverMs * (settings.pipelineParallelSize - 1)
  const reduce = allReduce(model, gpu, ranks)
  const eager = settings.enforceEager ? eagerMsPerLayer * model.layers : 0
  // A window repeats few of the possible batch sizes, so their times are stored.
  const known = new Map<number, number>()
  const ofTokens = (tokens: number): number => {
    if (tokens === 0) return 0
    const before = known.get(tokens)
    if (before !== undefined) return before
    // With pipeline parallelism a token still goes through all layers in sequence.
    const floor = ((weightRead * shareRead(model, tokens) * settings.pipelineParallelSize) / efficiency) * 1000
    const seconds = (Math.max(products(tokens), floor) + reduce(tokens) + eager + handOver + fixedMs) / 1000
    known.set(tokens, seconds)
    return seconds
  }
  // The stages of a pipeline read their layers in sequence, so only tensor parallelism makes the read shorter.
  const kvBytes = kvBytesPerToken(model, settings.kvBytesPerElement) / ranks
  return {
    ofTokens,
    perContextToken: kvBytes / (gpu.bandwidthGbs * 1e9 * attentionBandwidthShare),
    perAttentionPair: (4 * model.hiddenSize * model.layers) / ranks / (gpu.teraflops * 1e12 * attentionComputeShare),
    weightRead,
  }
}

/** Measured durations in milliseconds by number of tokens; `undefined` without measurements for the model and GPU. */
function measuredProducts(model: ModelArchitecture, gpuModel: string, ranks: number) {
  const family = { 4096: 'llama-8b', 8192: 'llama-70b' }[model.hiddenSize]
  const row = measured[`${family} ${/A100|H100/.exec(gpuModel)?.[0]} ${ranks}`]
  if (row === undefined) return undefined
  return (tokens: number) => interpolate(tokensInBatch, row, tokens)
}

/** Without measurements: the larger of the times to read the weights and to compute the products. */
function rooflineProducts(model: ModelArchitecture, gpu: Gpu, ranks: number) {
  const read = weightBytes(model) / ranks / (gpu.bandwidthGbs * 1e9 * efficiency)
  const perToken = (2 * activeParameterCount(model)) / ranks / (gpu.teraflops * 1e12 * efficiency)
  return (tokens: number) => Math.max(read * shareRead(model, tokens), tokens * perToken) * 1000
}

/** Share of the weights that a step reads. In a mixture of experts, few tokens use few experts. */
function shareRead(model: ModelArchitecture, tokens: number): number {
  return weightBytesRead(model, tokens) / weightBytes(model)
}

/** Two all-reduces per layer, of one hidden state per token. */
function allReduce(model: ModelArchitecture, gpu: Gpu, ranks: number) {
  if (ranks === 1) return () => 0
  const sizes = gpu.allReduce.map(([size]) => size)
  const times = gpu.allReduce.map(([, time]) => time)
  return (tokens: number) => 2 * model.layers * interpolate(sizes, times, (tokens * model.hiddenSize * 2) / 2 ** 20)
}

/** Linear interpolation between points; after the last point it continues the last segment. `xs` must be ascending. */
function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  let right = xs.findIndex((value) => value >= x)
  if (right === -1) right = xs.length - 1
  if (right === 0) right = 1
  const x0 = xs[right - 1] ?? 0
  const x1 = xs[right] ?? 1
  const y0 = ys[right - 1] ?? 0
  const y1 = ys[right] ?? 0
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0)
}
