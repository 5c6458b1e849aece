import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { draftHeadBytes, kvBytesWithDraftHead } from './draft-head.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { Gpu } from './hardware.ts'
import { checkKvCache, gib } from './kv-cache-check.ts'
import { bytesOf, kvBytesPerToken, type ModelArchitecture } from './models.ts'
import { startRefusal } from './start-refusals.ts'

/** Memory of the CUDA context and libraries, in GiB. It is not available to vLLM even on an empty GPU. */
export const contextGib = 0.5
/**
 * Allocations outside PyTorch in GiB, which count against the utilisation: cuBLAS on a single GPU, NCCL's and the custom
 * all-reduce's buffers between tensor parallel ranks. A pipeline has only point-to-point buffers.
 *
 * Source of these and of the activations: 57 starts of vLLM 0.19.0 on H100, `docs/accuracy/vllm-v0.19.0-accuracy-report.md`
 * of llm-d-incubation/llm-d-planner.
 */
const nonTorchGib = { singleGpu: 0.27, tensorParallel: 2.1, pipeline: 0.07 }
/** Bytes per logit of the sampler's warm-up: logits, probabilities and sorted values in float32, and 64-bit indices. */
const samplerBytesPerLogit = 20

/** Memory of one GPU after startup, and the KV cache that results for the whole deployment. */
export interface MemoryPlan {
  /** Weights, in GiB. */
  readonly weightsGib: number
  /** Peak of the activations in vLLM's profiling run, in GiB. */
  readonly activationGib: number
  /** CUDA graphs, in GiB; 0 in eager mode. */
  readonly graphsGib: number
  /** Memory for the KV cache, in GiB. */
  readonly availableKvGib: number
  /** Capacity of the KV cache in tokens. */
  readonly kvTokens: number
  /** Capacity of the KV cache in blocks. */
  readonly kvBlocks: number
  /** One block of the KV cache on each GPU, in GiB. */
  readonly blockGib: number
  /** Longest request in tokens: `max_model_len`, lowered to what fits if that is `auto`. */
  readonly maxModelLen: number
  /** All memory that the engine uses, in GiB. */
  readonly usedGib: number
  /** Free memory for allocations at run time that profiling did not foresee, in GiB. */
  readonly slackGib: number
}

type Startup =
  | { readonly kind: 'started'; readonly memory: MemoryPlan }
  /** `reason` is vLLM's message. */
  | { readonly kind: 'failed'; readonly reason: string }

/**
 * Plans the GPU memory at startup: whether the engine starts, and with how much KV cache.
 *
 *     total memory of the GPU
 *     ├── CUDA context, other processes
 *     ├── utilisation × total
 *     │   ├── weights, activation peak, NCCL and cuBLAS
 *     │   ├── CUDA graphs (since vLLM 0.20.0; before, outside)
 *     │   └── KV cache: the rest
 *     └── slack for allocations at run time
 *
 * The plan follows `vllm/v1/worker/gpu_worker.py` and `vllm/v1/core/kv_cache_utils.py`, including the messages. vLLM runs
 * out of GPU memory in five ways, each with its own message:
 *
 * 1. Less memory is free than the utilisation asks for. Remedy: a lower utilisation.
 * 2. Nothing, or too little for one request, is left for the KV cache. Remedy: a higher utilisation.
 * 3. The sampler's warm-up needs more than the utilisation leaves free.
 * 4. Capturing CUDA graphs needs more than the utilisation leaves free.
 * 5. A request needs more at run time: see {@link outOfMemoryMessage}.
 *
 * @param gpuCount GPUs of the deployment.
 * @param takenGib memory of each GPU that another process holds.
 * @param unmodelledGib memory of each GPU that the engine itself takes beyond this plan, so that less is left for the KV
 *   cache. Negative: it takes less.
 */
export function planMemory(
  model: ModelArchitecture,
  gpu: Gpu,
  settings: EngineSettings,
  gpuCount: number,
  takenGib = 0,
  unmodelledGib = 0,
): Startup {
  const refusal = startRefusal(model, settings, gpuCount)
  if (refusal !== undefined) return failed(refusal)
  const { weightsGib: modelGib, activationGib } = largestStage(model, settings)
  const weightsGib = modelGib + draftHeadBytes(model, settings.speculation, settings.tensorParallelSize) / gib
  const nonTorch = nonTorchOf(settings)
  const graphsGib = settings.enforceEager ? 0 : cudaGraphs(model, settings)
  const free = gpu.memoryGib - contextGib - takenGib
  const desired = gpu.memoryGib * settings.gpuMemoryUtilization
  // With a fixed size the utilisation does not apply, so the check of free memory does not either.
  const fixedSize = settings.kvCacheMemoryBytes !== undefined
  if (!fixedSize && free < desired) {
    return failed(
      `Free memory on device cuda:0 (${free.toFixed(2)}/${gpu.memoryGib.toFixed(2)} GiB) on startup is less than desired ` +
        `GPU memory utilization (${settings.gpuMemoryUtilization}, ${desired.toFixed(2)} GiB). ` +
        'Decrease GPU memory utilization or reduce GPU memory used by other processes.',
    )
  }
  const budgeted = weightsGib + activationGib + nonTorch + unmodelledGib + (settings.graphsInBudget ? graphsGib : 0)
  const { kvBytesPerElement, tensorParallelSize, pipelineParallelSize } = settings
  const bytesPerToken = kvBytesWithDraftHead(
    model,
    settings.speculation,
    kvBytesPerElement,
    tensorParallelSize,
    pipelineParallelSize,
  )
  const gibPerBlock = (bytesPerToken * settings.blockSize) / gib
  const profiledKvGib = fixedSize ? (settings.kvCacheMemoryBytes ?? 0) / gib : desired - budgeted
  const override = settings.kvBlocksOverride
  const availableKvGib = override === undefined ? profiledKvGib : override * gibPerBlock
  const checked = checkKvCache(model, settings, {
    profiledBytes: profiledKvGib * gib,
    allocatedBytes: override === undefined ? availableKvGib * gib : override * settings.blockSize * bytesPerToken,
    bytesPerToken,
  })
  if ('refusal' in checked) return failed(checked.refusal)
  const kvBlocks = override ?? Math.floor(availableKvGib / gibPerBlock)
  const kvTokens = kvBlocks * settings.blockSize
  // Graphs outside the budget are captured from the memory that the utilisation leaves free.
  const outside = settings.graphsInBudget ? 0 : graphsGib
  const room = gpu.memoryGib - contextGib - takenGib - budgeted - availableKvGib
  if (room < 0) {
    const allocation = { requestedGib: availableKvGib, availableGib: room + availableKvGib, workingGib: 0 }
    return failed(outOfMemoryMessage(gpu.memoryGib, allocation))
  }
  const samplerGib = (settings.maxNumSeqs * model.vocabularySize * samplerBytesPerLogit) / gib
  // The activations of the profiling run are freed before the sampler and the graphs need memory.
  if (samplerGib > room + activationGib) {
    return failed(
      `CUDA out of memory occurred when warming up sampler with ${settings.maxNumSeqs} dummy requests. ` +
        'Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.',
    )
  }
  if (outside > room) {
    const allocation = { requestedGib: outside, availableGib: room, workingGib: 0 }
    return failed(`Capturing CUDA graphs failed. ${outOfMemoryMessage(gpu.memoryGib, allocation)}`)
  }
  const usedGib = budgeted + availableKvGib + outside + contextGib
  const { maxModelLen } = checked
  const kvCache = { availableKvGib, kvTokens, kvBlocks, blockGib: gibPerBlock }
  const memory = { weightsGib, activationGib, graphsGib, ...kvCache, maxModelLen, usedGib, slackGib: room - outside }
  return { kind: 'started', memory }
}

/** An allocation that failed, in GiB. */
interface FailedAllocation {
  readonly requestedGib: number
  /** Free memory before the current piece of work. */
  readonly availableGib: number
  /** Memory that the current piece of work had allocated already. */
  readonly workingGib: number
}

/**
 * PyTorch's message for a failed allocation. It reports little memory as "reserved but unallocated", because the memory
 * is in use and not fragmented: other allocator settings would not help.
 */
export function outOfMemoryMessage(totalGib: number, allocation: FailedAllocation): string {
  const { requestedGib, availableGib, workingGib } = allocation
  const free = Math.max(0, availableGib - workingGib)
  const inUse = totalGib - free
  // A typical value, in GiB.
  const reserved = 0.18
  return (
    `torch.OutOfMemoryError: CUDA out of memory. Tried to allocate ${amount(requestedGib)}. GPU 0 has a total capacity of ` +
    `${totalGib.toFixed(2)} GiB of which ${amount(free)} is free. Including non-PyTorch memory, this process has ` +
    `${amount(inUse)} memory in use. Of the allocated memory ${amount(inUse - contextGib - reserved)} is allocated by ` +
    `PyTorch, and ${amount(reserved)} is reserved by PyTorch but unallocated. If reserved but unallocated memory is large ` +
    'try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.'
  )
}

/** A size in PyTorch's format: MiB below one GiB. */
function amount(gibibytes: number): string {
  return gibibytes < 1 ? `${(gibibytes * 1024).toFixed(2)} MiB` : `${gibibytes.toFixed(2)} GiB`
}

function failed(reason: string): Startup {
  return { kind: 'failed', reason }
}

/** Bytes per logit at the peak of the profiling run's sampler, fitted to the starts that {@link nonTorchGib} names. */
const profiledBytesPerLogit = 14

/**
 * Weights and activations of the pipeline stage that has the least room for the KV cache, in GiB per GPU.
 *
 * The first stage holds the embedding, the last one the output head; only the last one computes logits.
 */
function largestStage(model: ModelArchitecture, settings: EngineSettings) {
  const { embedding, head, vision, ...layers } = model.weights
  const { tensorParallelSize: tp, pipelineParallelSize: stages } = settings
  const perStage = Object.values(layers).reduce((sum, group) => sum + bytesOf(group), 0) / stages
  const first = bytesOf(embedding) + bytesOf(vision)
  const last = bytesOf(model.tiedEmbeddings ? embedding : head)
  const logits = logitsPeak(model, settings)
  const layersPeak = Math.max(feedForwardPeak(model, settings), imagesPeak(model))
  const candidates =
    stages === 1
      ? [{ weights: perStage + first + (model.tiedEmbeddings ? 0 : last), activation: Math.max(logits, layersPeak) }]
      : [
          { weights: perStage + first, activation: layersPeak },
          { weights: perStage + last, activation: Math.max(logits, layersPeak) },
        ]
  const sizes = candidates.map(({ weights, activation }) => ({
    weightsGib: weights / tp / gib,
    activationGib: activation / gib,
  }))
  return sizes.reduce((largest, size) =>
    size.weightsGib + size.activationGib > largest.weightsGib + largest.activationGib ? size : largest,
  )
}

/** Bytes at the peak of the sampler: logits of `max_num_seqs` requests, hidden states of a full batch, expert buffers. */
function logitsPeak(model: ModelArchitecture, { maxNumSeqs, maxNumBatchedTokens, tensorParallelSize }: EngineSettings) {
  const { experts, hiddenSize, vocabularySize, weights } = model
  const logits = maxNumSeqs * vocabularySize * profiledBytesPerLogit
  const hiddenStates = maxNumBatchedTokens * hiddenSize * 2 * 3
  // Kernels of four-bit experts apply the activation themselves and keep no intermediate results.
  const fused = weights.experts.bytesPerParameter < 1
  if (experts === undefined || fused) return logits + hiddenStates
  // The buffers of the experts stay allocated: gate, up, product and output for each expert of each token.
  const width = (3 * experts.intermediateSize) / tensorParallelSize + hiddenSize
  return logits + hiddenStates + maxNumBatchedTokens * experts.perToken * width * 2
}

/** Bytes at the peak of a dense layer: gate and up, their product, and a copy of it; and the hidden state. */
function feedForwardPeak(
  model: ModelArchitecture,
  { maxNumBatchedTokens, tensorParallelSize }: EngineSettings,
): number {
  return maxNumBatchedTokens * 2 * ((4 * model.intermediateSize) / tensorParallelSize + model.hiddenSize)
}

/** Bytes at the peak of the image encoder. */
function imagesPeak({ vision }: ModelArchitecture): number {
  return (vision?.profiledTokens ?? 0) * (vision?.bytesPerToken ?? 0)
}

/**
 * How many times as many tokens the KV cache holds, at least 1, because layers with a sliding window keep only the window.
 * vLLM takes the blocks of both kinds of layers from one pool.
 *
 * @param tokens mean number of tokens of a running request.
 */
export function slidingWindowGain({ layers, slidingWindow }: ModelArchitecture, tokens: number): number {
  if (slidingWindow === undefined) return 1
  const kept = slidingWindow.layers * Math.min(1, slidingWindow.tokens / Math.max(1, tokens))
  return layers / (layers - slidingWindow.layers + kept)
}

function nonTorchOf({ tensorParallelSize, ranks }: EngineSettings): number {
  if (tensorParallelSize > 1) return nonTorchGib.tensorParallel
  return ranks > 1 ? nonTorchGib.pipeline : nonTorchGib.singleGpu
}

/** CUDA graphs in GiB. They grow with the number of layers; vLLM reports 0.5 GiB at startup for 8B models (32 layers). */
function cudaGraphs(model: ModelArchitecture, settings: EngineSettings): number {
  return (0.5 * model.layers) / 32 / settings.pipelineParallelSize
}

/** Resident host memory in GiB of an API server, the engine core, and a worker with its CUDA context. Inferred. */
const apiServerGib = 3
const engineCoreGib = 2
const workerGib = 4.5

/** Host memory fills with the KV blocks of finished requests until the buffer is full or the kernel kills the engine. */
export interface HostMemory {
  /** Tokens of finished requests at which the limit is reached. Infinity: the limit is large enough. */
  readonly tokensUntilKilled: number
  /** The engine's last message. */
  readonly reason: string
}

/** `failed`: the kernel kills a worker during startup. */
type HostMemoryPlan = ({ readonly kind: 'started' } & HostMemory) | { readonly kind: 'failed'; readonly reason: string }

/**
 * Plans the host memory: processes, offloaded weights and KV blocks, and preprocessed images, against the limit.
 *
 * The KV buffer fills as requests finish, so the limit can be reached long after the start. Files in the page cache do
 * not count, because the kernel evicts them first.
 *
 * @param workers workers on the node that the limit applies to.
 */
export function planHostMemory(
  model: ModelArchitecture,
  settings: EngineSettings,
  { resources }: DeploymentConfig,
  workers: number,
): HostMemoryPlan {
  const { apiServers } = settings
  const processesGib = apiServerGib * apiServers + engineCoreGib * settings.dataParallelSize + workerGib * workers
  const imagesGib = settings.imageCacheGib * (apiServers + settings.dataParallelSize)
  const fixedGib = processesGib + settings.cpuOffloadGib * workers + imagesGib
  // The survivors only notice that a process is gone. The reason is in the kernel log. An engine with one GPU has no
  // process for its worker: the kernel kills the engine core, and the API server notices it.
  const reason =
    settings.ranks > 1
      ? 'Worker proc VllmWorker-0 died unexpectedly, shutting down executor.'
      : 'Engine core proc EngineCore_DP0 died unexpectedly, shutting down client.'
  const limit = resources.host_memory_gb ?? Number.POSITIVE_INFINITY
  if (fixedGib > limit) return { kind: 'failed', reason }
  // The deployment's KV buffer is divided among its nodes.
  const share = workers / settings.ranks
  if (fixedGib + settings.kvOffloadingGib * share <= limit) {
    return { kind: 'started', tokensUntilKilled: Number.POSITIVE_INFINITY, reason }
  }
  const bytesPerToken = kvBytesPerToken(model, settings.kvBytesPerElement) * share
  return { kind: 'started', tokensUntilKilled: ((limit - fixedGib) * gib) / bytesPerToken, reason }
}
