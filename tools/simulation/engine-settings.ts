import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { isObject, type Json, type JsonObject } from '../../router/json/json.ts'
import { compareVersions } from './engine-version.ts'
import type { Gpu } from './hardware.ts'
import type { ModelArchitecture } from './models.ts'

/** The engine arguments that the simulation acts on, with vLLM's defaults filled in. */
export interface EngineSettings {
  readonly maxNumBatchedTokens: number
  readonly maxNumSeqs: number
  readonly maxModelLen: number
  readonly gpuMemoryUtilization: number
  /** Overrides `gpuMemoryUtilization` where set. */
  readonly kvCacheMemoryBytes: number | undefined
  /** KV blocks in place of what memory is left for; overrides both of the above where set. */
  readonly kvBlocksOverride: number | undefined
  readonly kvBytesPerElement: number
  readonly blockSize: number
  readonly tensorParallelSize: number
  readonly pipelineParallelSize: number
  /** GPUs of the deployment: tensor × pipeline. */
  readonly ranks: number
  readonly enableChunkedPrefill: boolean
  readonly enablePrefixCaching: boolean
  readonly enforceEager: boolean
  /** Images in a prompt at most; a request with more is refused. Infinity where there is no limit. */
  readonly imagesPerPrompt: number
  /** Pixels that an image is scaled down to; infinity where there is no limit. */
  readonly pixelsPerImage: number
  /** Host memory that workers pin for weights, in GiB for each GPU. */
  readonly cpuOffloadGib: number
  /** Host memory for KV blocks, in GiB for the whole deployment. */
  readonly kvOffloadingGib: number
  /** Host memory for preprocessed images, in GiB for each process that keeps them. */
  readonly imageCacheGib: number
  readonly apiServers: number
  readonly longPrefillTokenThreshold: number
  /** Admit a request only when the KV blocks of its whole prompt are free. */
  readonly reserveFullPrompt: boolean
  /** Whether the memory of CUDA graphs counts against `gpuMemoryUtilization`. */
  readonly graphsInBudget: boolean
}

/**
 * vLLM V1's defaults: `vllm/engine/arg_utils.py` and `vllm/config`.
 *
 * Both budgets depend on the GPU: 8192 tokens and 1024 sequences from 70 GiB on, except on the A100; else 2048 and 256.
 */
export function engineSettings(config: DeploymentConfig, model: ModelArchitecture, gpu: Gpu): EngineSettings {
  const large = gpu.memoryGib >= 70 && !config.placement.gpu_model.includes('A100')
  // 0.20.0 profiles the memory of CUDA graphs (#38284) and reserves the whole prompt at admission (#37307).
  const since020 = compareVersions(config.vllm_version, '0.20.0') >= 0
  const read = argumentReader(config)
  const tensorParallelSize = read.number('tensor_parallel_size', 1)
  const pipelineParallelSize = read.number('pipeline_parallel_size', 1)
  const maxNumSeqs = read.number('max_num_seqs', large ? 1024 : 256)
  const maxModelLen = read.number('max_model_len', model.maxModelLen)
  const enableChunkedPrefill = read.flag('enable_chunked_prefill', true)
  const usualBudget = large ? 8192 : 2048
  // Without chunks a whole prompt has to fit into one step.
  const defaultBudget = enableChunkedPrefill ? usualBudget : Math.max(usualBudget, maxModelLen)
  return {
    maxNumBatchedTokens: Math.min(read.number('max_num_batched_tokens', defaultBudget), maxNumSeqs * maxModelLen),
    maxNumSeqs,
    maxModelLen,
    gpuMemoryUtilization: read.number('gpu_memory_utilization', since020 ? 0.92 : 0.9),
    kvCacheMemoryBytes: read.optionalNumber('kv_cache_memory_bytes'),
    kvBlocksOverride: read.optionalNumber('num_gpu_blocks_override'),
    kvBytesPerElement: read.text('kv_cache_dtype', 'auto').startsWith('fp8') ? 1 : 2,
    blockSize: read.number('block_size', 16),
    tensorParallelSize,
    pipelineParallelSize,
    ranks: tensorParallelSize * pipelineParallelSize,
    enableChunkedPrefill,
    enablePrefixCaching: read.flag('enable_prefix_caching', true),
    enforceEager: read.flag('enforce_eager', false),
    imagesPerPrompt: read.member('limit_mm_per_prompt', 'image', Number.POSITIVE_INFINITY),
    pixelsPerImage: read.member('mm_processor_kwargs', 'max_pixels', Number.POSITIVE_INFINITY),
    cpuOffloadGib: read.number('cpu_offload_gb', 0),
    kvOffloadingGib: read.number('kv_offloading_size', 0),
    imageCacheGib: read.number('mm_processor_cache_gb', model.vision === undefined ? 0 : 4),
    apiServers: read.number('api_server_count', 1),
    longPrefillTokenThreshold: read.number('long_prefill_token_threshold', 0),
    reserveFullPrompt: read.flag('scheduler_reserve_full_isl', since020),
    graphsInBudget: since020,
  }
}

/** @throws {TypeError} that names `at`. */
export function jsonObject(text: string, at: string): JsonObject {
  try {
    const value: Json = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // The message below says what is wrong.
  }
  throw new TypeError(`${at} is ${JSON.stringify(text).slice(0, 60)}; it has to be a JSON object, e.g. "{"image": 2}".`)
}

function argumentReader(config: DeploymentConfig) {
  function read<T>(
    name: string,
    type: 'boolean' | 'number' | 'string',
    fallback: T,
    is: (value: unknown) => value is T,
  ): T {
    const value = config.engine_args[name]
    if (value === undefined || value === null) return fallback
    if (is(value)) return value
    throw new TypeError(`engine_args.${name} is ${JSON.stringify(value)}; it has to be a ${type}.`)
  }
  const isNumber = (value: unknown) => typeof value === 'number'
  return {
    number: (name: string, fallback: number) => read(name, 'number', fallback, isNumber),
    optionalNumber: (name: string) => read<number | undefined>(name, 'number', undefined, isNumber),
    flag: (name: string, fallback: boolean) => read(name, 'boolean', fallback, (value) => typeof value === 'boolean'),
    text: (name: string, fallback: string) => read(name, 'string', fallback, (value) => typeof value === 'string'),
    /** A number inside an argument that is written as a JSON object. */
    member(name: string, key: string, fallback: number) {
      const value = read<string | undefined>(name, 'string', undefined, (text) => typeof text === 'string')
      const found = value === undefined ? undefined : jsonObject(value, `engine_args.${name}`)[key]
      return typeof found === 'number' ? found : fallback
    },
  }
}
