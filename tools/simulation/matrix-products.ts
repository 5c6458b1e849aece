import type { Gpu } from './hardware.ts'
import { interpolate } from './interpolate.ts'
import { measuredLayer } from './measured-layers.ts'
import type { ModelArchitecture, WeightGroup } from './models.ts'

// The constants are fitted to the profiles of five models (7B to 72B), A100 and H100, tensor parallel size 1 to 8, 1 to
// 16 384 tokens: 13 456 rows of microsoft/vidur, commit 7d47513. 90 % of the rows are within 16 % of the formula.

/** Share of peak bandwidth that matrix products reach. */
const bandwidthShare = 0.87
/** Share of peak compute that matrix products reach. */
const computeShare = 0.75
/** A kernel computes tiles of up to 128 tokens, of which the last one is half empty on average. */
const halfTile = 64
/** Time to start a kernel within a CUDA graph and to drain it, in milliseconds. */
const kernelMs = 0.006
/**
 * Matrix products of a layer: queries, keys and values; output; gate and up; down. Latent attention projects to and from
 * the compressed keys and values in addition.
 */
const productsPerLayer = { usual: 4, latent: 8 }
/** Norms, rotary embedding and activation of a layer, in milliseconds. They are short kernels for few tokens. */
const elementwiseMsPerLayer = 0.011
/** Hidden states and feed-forward states that those kernels read or write per token and layer. */
const hiddenStates = 12
const feedForwardStates = 8.4

/** Kernels of a mixture of experts beyond those of a dense layer: router, top-k, sorting by expert, weighted sum. */
const kernelsPerExpertLayer = 6
/**
 * Share of peak compute that products of experts reach. Inferred: the rows of each expert are gathered, and its tiles are
 * small.
 */
const expertComputeShare = 0.4
/** Kernels of experts choose a tile of 8 to 64 tokens by the number of tokens per expert; the last tile is half empty. */
const expertTile = { smallest: 8, largest: 64 }
/**
 * Kernels that convert four-bit weights (Marlin) use the instructions of Ampere, with which Hopper reaches this share of
 * its peak.
 */
const ampereInstructionsOnHopper = 0.62

/**
 * Duration of all layers without attention and all-reduces, in milliseconds, by number of tokens in the batch.
 *
 * Where the layers were measured on this GPU, the measurement counts. On another GPU of the same generation it is scaled
 * by the ratio of the formula. Elsewhere the formula counts.
 *
 * @param ranks GPUs that share each layer.
 */
export function layersMs(
  model: ModelArchitecture,
  gpu: Gpu,
  gpuModel: string,
  ranks: number,
): (tokens: number) => number {
  const measured = measuredLayer(model, gpuModel, ranks)
  const dense = (tokens: number) =>
    denseMs(model, gpu, conversionShare(model.weights.attention, gpuModel), ranks, tokens)
  const experts = expertsMs(model, gpu, gpuModel, ranks)
  const byFormula = (tokens: number) => dense(tokens) + experts(tokens)
  if (measured === undefined) return byFormula
  const { tokens: sizes, microseconds } = measured
  return (tokens) => {
    const scale = dense(tokens) / denseMs(model, measured.gpu, 1, ranks, tokens)
    return (model.layers * interpolate(sizes, microseconds, tokens) * scale) / 1000
  }
}

/**
 * Duration of the output head in milliseconds, by number of sequences in the batch: it computes one row of logits for
 * each sequence.
 */
export function headMs(model: ModelArchitecture, gpu: Gpu, ranks: number): (sequences: number) => number {
  const { parameters, bytesPerParameter } = model.tiedEmbeddings ? model.weights.embedding : model.weights.head
  return (sequences) =>
    kneeMs(gpu, (parameters * bytesPerParameter) / ranks, (2 * parameters * rowsOf(sequences)) / ranks, computeShare)
}

/** The figures of a GPU that limit a kernel. */
type Throughput = Pick<Gpu, 'bandwidthGbs' | 'teraflops'>

/** Attention, dense feed-forward parts, shared experts and routers. */
function denseMs(model: ModelArchitecture, gpu: Throughput, conversion: number, ranks: number, tokens: number): number {
  const { attention, feedForward, other } = model.weights
  const groups = [attention, feedForward, other]
  const bytes = groups.reduce((sum, group) => sum + group.parameters * group.bytesPerParameter, 0)
  const parameters = groups.reduce((sum, group) => sum + group.parameters, 0)
  const flops = (2 * parameters * rowsOf(tokens)) / ranks
  const products = kneeMs(gpu, bytes / ranks, flops, computeShare * conversion)
  const { intermediateSize, experts, hiddenSize, layers, latent } = model
  const kernels = latent === undefined ? productsPerLayer.usual : productsPerLayer.latent
  const width =
    experts === undefined
      ? intermediateSize
      : experts.perToken * experts.intermediateSize + experts.sharedIntermediateSize
  const states = hiddenStates * hiddenSize + (feedForwardStates * width) / ranks
  const perToken = (2 * states) / (gpu.bandwidthGbs * 1e6)
  return products + layers * (kernels * kernelMs + elementwiseMsPerLayer + tokens * perToken)
}

/**
 * Routed experts. Each token picks k of E experts, so a batch of n tokens uses the share 1 − (1 − k/E)^n of them if the
 * choices are independent. Only those are read, and each computes its own, partly filled tiles.
 */
function expertsMs(model: ModelArchitecture, gpu: Gpu, gpuModel: string, ranks: number): (tokens: number) => number {
  const { experts, weights } = model
  if (experts === undefined) return () => 0
  const { count, perToken, layers } = experts
  const weightsPerExpert = weights.experts.parameters / count / ranks
  const bytesPerExpert = weightsPerExpert * weights.experts.bytesPerParameter
  const share = expertComputeShare * conversionShare(weights.experts, gpuModel)
  return (tokens) => {
    const used = count * (1 - (1 - perToken / count) ** tokens)
    const rowsPerExpert = (tokens * perToken) / used
    const tile = Math.min(expertTile.largest, Math.max(expertTile.smallest, rowsPerExpert))
    const flops = 2 * used * (rowsPerExpert + tile / 2) * weightsPerExpert
    return kneeMs(gpu, used * bytesPerExpert, flops, share) + layers * kernelsPerExpertLayer * kernelMs
  }
}

/** Rows that a kernel computes for some tokens: with the empty part of its last tile, which is small for few tokens. */
function rowsOf(tokens: number): number {
  return tokens + Math.min(tokens, halfTile)
}

/** Share of the usual compute that is left for weights of four bits, which kernels convert. */
function conversionShare({ bytesPerParameter }: WeightGroup, gpuModel: string): number {
  const isHopper = /\bG?H\d{2,3}\b/.test(gpuModel)
  return bytesPerParameter < 1 && isHopper ? ampereInstructionsOnHopper : 1
}

/**
 * A roofline with a smooth knee: around the batch size at which reading the weights and computing take equally long,
 * neither hides the other completely.
 */
function kneeMs(gpu: Throughput, bytes: number, flops: number, share: number): number {
  const read = bytes / (gpu.bandwidthGbs * 1e9 * bandwidthShare)
  const compute = flops / (gpu.teraflops * 1e12 * share)
  return Math.hypot(read, compute) * 1000
}
