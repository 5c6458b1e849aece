import type { EngineSettings } from './engine-settings.ts'
import type { Gpu } from './hardware.ts'
import { kvBytesPerToken, type ModelArchitecture } from './models.ts'

const gib = 2 ** 30
/** CUDA context and libraries, in GiB: what nobody can use even on an empty GPU. */
const contextGib = 0.5
/** Allocations of NCCL and cuBLAS inside the utilisation budget, in GiB (inferred). */
const nonTorchGib = 0.35

/** Memory of one GPU at startup, in GiB, and the KV cache that results for the whole deployment. */
export interface MemoryPlan {
  readonly weightsGib: number
  readonly activationGib: number
  readonly graphsGib: number
  readonly availableKvGib: number
  readonly kvTokens: number
  readonly kvBlocks: number
  readonly usedGib: number
}

export type Startup =
  | { readonly ok: true; readonly memory: MemoryPlan }
  | { readonly ok: false; readonly reason: string }

/**
 * Whether the engine starts, and with how much KV cache.
 *
 * KV cache = utilisation × total − weights − activation peak − CUDA graphs. The messages are those of vLLM; note that
 * the first and the second call for opposite remedies.
 */
export function planMemory(model: ModelArchitecture, gpu: Gpu, settings: EngineSettings, gpuCount: number): Startup {
  if (settings.ranks > gpuCount) {
    return failed(
      `World size (${settings.ranks}) is larger than the number of available GPUs (${gpuCount}) in this node.`,
    )
  }
  if (!settings.enableChunkedPrefill && settings.maxNumBatchedTokens < settings.maxModelLen) {
    return failed(
      `max_num_batched_tokens (${settings.maxNumBatchedTokens}) is smaller than max_model_len (${settings.maxModelLen}). ` +
        'Please increase max_num_batched_tokens or decrease max_model_len.',
    )
  }
  const weightsGib = (2 * model.parameters) / settings.ranks / gib
  const activationGib = activation(model, settings)
  const graphsGib = settings.enforceEager ? 0 : cudaGraphs(model, settings)
  const free = gpu.memoryGib - contextGib
  const desired = gpu.memoryGib * settings.gpuMemoryUtilization
  if (settings.kvCacheMemoryBytes === undefined && free < desired) {
    return failed(
      `Free memory on device cuda:0 (${free.toFixed(2)}/${gpu.memoryGib.toFixed(2)} GiB) on startup is less than desired ` +
        `GPU memory utilization (${settings.gpuMemoryUtilization}, ${desired.toFixed(2)} GiB). ` +
        'Decrease GPU memory utilization or reduce GPU memory used by other processes.',
    )
  }
  const budgeted = weightsGib + activationGib + nonTorchGib + (settings.graphsInBudget ? graphsGib : 0)
  const outside = settings.graphsInBudget ? 0 : graphsGib
  const availableKvGib =
    settings.kvCacheMemoryBytes === undefined ? desired - budgeted : settings.kvCacheMemoryBytes / gib
  const usedGib = budgeted + Math.max(0, availableKvGib) + outside + contextGib
  if (usedGib > gpu.memoryGib) {
    return failed(
      `torch.OutOfMemoryError: CUDA out of memory. GPU 0 has a total capacity of ${gpu.memoryGib.toFixed(2)} GiB of which ` +
        `${Math.max(0, gpu.memoryGib - usedGib + outside).toFixed(2)} GiB is free.`,
    )
  }
  if (availableKvGib <= 0) {
    return failed(
      'No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    )
  }
  const bytesPerToken = kvBytesPerToken(model, settings.kvBytesPerElement) / settings.ranks
  const kvBlocks = Math.floor((availableKvGib * gib) / (bytesPerToken * settings.blockSize))
  const kvTokens = kvBlocks * settings.blockSize
  if (kvTokens < settings.maxModelLen) {
    const needed = (settings.maxModelLen * bytesPerToken) / gib
    return failed(
      `To serve at least one request with the models's max seq len (${settings.maxModelLen}), (${needed.toFixed(2)} GiB KV ` +
        `cache is needed, which is larger than the available KV cache memory (${availableKvGib.toFixed(2)} GiB). ` +
        'Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.',
    )
  }
  return { ok: true, memory: { weightsGib, activationGib, graphsGib, availableKvGib, kvTokens, kvBlocks, usedGib } }
}

function failed(reason: string): Startup {
  return { ok: false, reason }
}

/** Peak of the profiling run: hidden states of a full batch, and logits of as many sequences in float32, three copies (inferred). */
function activation(model: ModelArchitecture, settings: EngineSettings): number {
  const perToken = 2 * (4 * model.hiddenSize + (2 * model.intermediateSize) / settings.tensorParallelSize)
  const logits = settings.maxNumSeqs * model.vocabularySize * 4 * 3
  return (settings.maxNumBatchedTokens * perToken + logits) / gib
}

/** Graphs grow with the layers; 0.5 GiB for an 8B model is what vLLM reports at startup. */
function cudaGraphs(model: ModelArchitecture, settings: EngineSettings): number {
  return (0.5 * model.layers) / 32 / settings.pipelineParallelSize
}
