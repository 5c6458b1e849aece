import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { Gpu } from './hardware.ts'
import { kvBytesPerToken, type ModelArchitecture } from './models.ts'
import type { HostMemory } from './scheduler-input.ts'

const gib = 2 ** 30
/** CUDA context and libraries, in GiB: what nobody can use even on an empty GPU. */
export const contextGib = 0.5
/** Allocations of NCCL and cuBLAS inside the utilisation budget, in GiB (inferred). */
const nonTorchGib = 0.35
/** Bytes of the sampler's warm-up per logit: float32 logits, probabilities and sorted values, and 64-bit indices. */
const samplerBytesPerLogit = 20

/** Memory of one GPU after startup, in GiB, and the KV cache that results for the whole deployment. */
export interface MemoryPlan {
  readonly weightsGib: number
  readonly activationGib: number
  readonly graphsGib: number
  readonly availableKvGib: number
  readonly kvTokens: number
  readonly kvBlocks: number
  readonly usedGib: number
  /** What is left on the GPU for allocations at run time that profiling did not foresee. */
  readonly slackGib: number
}

type Startup = { readonly ok: true; readonly memory: MemoryPlan } | { readonly ok: false; readonly reason: string }

/**
 * Whether the engine starts, and with how much KV cache.
 *
 * KV cache = utilisation × total − weights − activation peak − CUDA graphs. An engine can run out of GPU memory in five
 * ways, told apart by vLLM's messages: (1) less is free than the utilisation asks for, (2) nothing or too little is left
 * for the KV cache, (3) the sampler's warm-up and (5) graph capture need more than the utilisation leaves free; (4), at
 * run time, is {@link outOfMemoryMessage}. The first and the second call for opposite remedies.
 *
 * @param takenGib what another process holds of the GPU.
 */
export function planMemory(
  model: ModelArchitecture,
  gpu: Gpu,
  settings: EngineSettings,
  gpuCount: number,
  takenGib = 0,
): Startup {
  const impossible = impossibleSettings(model, settings, gpuCount)
  if (impossible !== undefined) return failed(impossible)
  const weightsGib = (model.bytesPerParameter * model.parameters) / settings.ranks / gib
  const activationGib = activation(model, settings)
  const graphsGib = settings.enforceEager ? 0 : cudaGraphs(model, settings)
  const free = gpu.memoryGib - contextGib - takenGib
  const desired = gpu.memoryGib * settings.gpuMemoryUtilization
  const fixedSize = settings.kvCacheMemoryBytes !== undefined
  if (!fixedSize && free < desired) {
    return failed(
      `Free memory on device cuda:0 (${free.toFixed(2)}/${gpu.memoryGib.toFixed(2)} GiB) on startup is less than desired ` +
        `GPU memory utilization (${settings.gpuMemoryUtilization}, ${desired.toFixed(2)} GiB). ` +
        'Decrease GPU memory utilization or reduce GPU memory used by other processes.',
    )
  }
  const budgeted = weightsGib + activationGib + nonTorchGib + (settings.graphsInBudget ? graphsGib : 0)
  const bytesPerToken = kvBytesPerToken(model, settings.kvBytesPerElement) / settings.ranks
  const gibPerBlock = (bytesPerToken * settings.blockSize) / gib
  const profiledKvGib = fixedSize ? (settings.kvCacheMemoryBytes ?? 0) / gib : desired - budgeted
  const override = settings.kvBlocksOverride
  const availableKvGib = override === undefined ? profiledKvGib : override * gibPerBlock
  if (availableKvGib <= 0) {
    return failed(
      'No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    )
  }
  const kvBlocks = override ?? Math.floor(availableKvGib / gibPerBlock)
  const kvTokens = kvBlocks * settings.blockSize
  // Of too few blocks by the override vLLM says so from #41069 (April 2026) on; before, it hung at the first long request.
  if (kvTokens < settings.maxModelLen) {
    const needed = (settings.maxModelLen * bytesPerToken) / gib
    return failed(
      `To serve at least one request with the models's max seq len (${settings.maxModelLen}), (${needed.toFixed(2)} GiB KV ` +
        `cache is needed, which is larger than the available KV cache memory (${availableKvGib.toFixed(2)} GiB). ` +
        `Try increasing \`${override === undefined ? 'gpu_memory_utilization' : 'num_gpu_blocks_override'}\` ` +
        'or decreasing `max_model_len` when initializing the engine.',
    )
  }
  const outside = settings.graphsInBudget ? 0 : graphsGib
  const room = gpu.memoryGib - contextGib - takenGib - budgeted - availableKvGib
  if (room < 0) {
    const allocation = { requestedGib: availableKvGib, availableGib: room + availableKvGib, workingGib: 0 }
    return failed(outOfMemoryMessage(gpu.memoryGib, allocation))
  }
  const samplerGib = (settings.maxNumSeqs * model.vocabularySize * samplerBytesPerLogit) / gib
  // What was profiled as activation is free again when the sampler and the graphs come.
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
  const memory = { weightsGib, activationGib, graphsGib, availableKvGib, kvTokens, kvBlocks, usedGib }
  return { ok: true, memory: { ...memory, slackGib: room - outside } }
}

/** An allocation that failed. `workingGib` is what the process had taken for this piece of work already. */
interface FailedAllocation {
  readonly requestedGib: number
  readonly availableGib: number
  readonly workingGib: number
}

/**
 * What torch says when an allocation fails. Little is "reserved but unallocated" here: the memory is in use, not
 * fragmented, so that other allocator settings would not help.
 */
export function outOfMemoryMessage(totalGib: number, allocation: FailedAllocation): string {
  const { requestedGib, availableGib, workingGib } = allocation
  const free = Math.max(0, availableGib - workingGib)
  const inUse = totalGib - free
  const reserved = 0.18
  return (
    `torch.OutOfMemoryError: CUDA out of memory. Tried to allocate ${amount(requestedGib)}. GPU 0 has a total capacity of ` +
    `${totalGib.toFixed(2)} GiB of which ${amount(free)} is free. Including non-PyTorch memory, this process has ` +
    `${amount(inUse)} memory in use. Of the allocated memory ${amount(inUse - contextGib - reserved)} is allocated by ` +
    `PyTorch, and ${amount(reserved)} is reserved by PyTorch but unallocated. If reserved but unallocated memory is large ` +
    'try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.'
  )
}

function amount(gibibytes: number): string {
  return gibibytes < 1 ? `${(gibibytes * 1024).toFixed(2)} MiB` : `${gibibytes.toFixed(2)} GiB`
}

function impossibleSettings(
  { kvHeads }: ModelArchitecture,
  settings: EngineSettings,
  gpuCount: number,
): string | undefined {
  if (settings.ranks > gpuCount) {
    return `World size (${settings.ranks}) is larger than the number of available GPUs (${gpuCount}) in this node.`
  }
  // Every rank holds as many heads as the others, or a copy of one.
  const ranks = settings.tensorParallelSize
  if (Math.max(kvHeads, ranks) % Math.min(kvHeads, ranks) !== 0) {
    return `Total number of key/value heads (${kvHeads}) cannot be divided among tensor parallel size (${ranks}).`
  }
  if (!settings.enableChunkedPrefill && settings.maxNumBatchedTokens < settings.maxModelLen) {
    return (
      `max_num_batched_tokens (${settings.maxNumBatchedTokens}) is smaller than max_model_len (${settings.maxModelLen}). ` +
      'Please increase max_num_batched_tokens or decrease max_model_len.'
    )
  }
  return undefined
}

function failed(reason: string): Startup {
  return { ok: false, reason }
}

/** Peak of the profiling run: hidden states of a full batch, logits of as many sequences in float32, three copies (inferred), images. */
function activation(model: ModelArchitecture, settings: EngineSettings): number {
  const perToken = 2 * (4 * model.hiddenSize + (2 * model.intermediateSize) / settings.tensorParallelSize)
  const logits = settings.maxNumSeqs * model.vocabularySize * 4 * 3
  const images = (model.vision?.profiledTokens ?? 0) * (model.vision?.bytesPerToken ?? 0)
  return (settings.maxNumBatchedTokens * perToken + logits + images) / gib
}

/** Graphs grow with the layers; 0.5 GiB for an 8B model is what vLLM reports at startup. */
function cudaGraphs(model: ModelArchitecture, settings: EngineSettings): number {
  return (0.5 * model.layers) / 32 / settings.pipelineParallelSize
}

/** Resident memory in GiB of an API server, of the engine core, and of a worker with its CUDA context (inferred). */
const apiServerGib = 3
const engineCoreGib = 2
const workerGib = 4.5

type HostMemoryPlan = ({ readonly ok: true } & HostMemory) | { readonly ok: false; readonly reason: string }

/**
 * Whether the host memory limit holds what the engine needs: processes, weights and KV blocks that are kept on the host,
 * preprocessed images. The KV buffer fills as requests finish, so that the limit may be broken long after the start.
 * Files in the page cache do not count, because the kernel gives them up.
 *
 * @param workers on the node that the limit is for.
 */
export function planHostMemory(
  model: ModelArchitecture,
  settings: EngineSettings,
  { resources }: DeploymentConfig,
  workers: number,
): HostMemoryPlan {
  const { apiServers } = settings
  const processesGib = apiServerGib * apiServers + engineCoreGib + workerGib * workers
  const fixedGib = processesGib + settings.cpuOffloadGib * workers + settings.imageCacheGib * (apiServers + 1)
  // What the engine sees is a worker that is gone; only the kernel tells why.
  const reason = 'Worker proc VllmWorker-0 died unexpectedly, shutting down executor.'
  const limit = resources.host_memory_gb
  if (fixedGib > limit) return { ok: false, reason }
  const share = workers / settings.ranks
  if (fixedGib + settings.kvOffloadingGib * share <= limit) {
    return { ok: true, tokensUntilKilled: Number.POSITIVE_INFINITY, reason }
  }
  const bytesPerToken = kvBytesPerToken(model, settings.kvBytesPerElement) * share
  return { ok: true, tokensUntilKilled: ((limit - fixedGib) * 2 ** 30) / bytesPerToken, reason }
}
