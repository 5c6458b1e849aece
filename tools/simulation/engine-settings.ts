import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'
import { ConfigError } from '../errors.ts'
import type { Gpu } from './hardware.ts'
import type { ModelArchitecture } from './models.ts'

/**
 * The engine arguments that the simulation uses, with vLLM's defaults filled in.
 *
 * Source of the defaults: `vllm/engine/arg_utils.py` and `vllm/config`, engine V1.
 */
export interface EngineSettings {
  /** Token budget of one engine step. */
  readonly maxNumBatchedTokens: number
  /** Largest number of running requests. */
  readonly maxNumSeqs: number
  /** Largest number of prompt and output tokens of one request. */
  readonly maxModelLen: number
  /** Largest `maxModelLen` that the engine starts with. Infinity: the configuration allows any length. */
  readonly derivedMaxModelLen: number
  /** Share of the GPU's memory that the engine reserves, 0 to 1. */
  readonly gpuMemoryUtilization: number
  /** Size of the KV cache per GPU in bytes. Overrides `gpuMemoryUtilization` if set. */
  readonly kvCacheMemoryBytes: number | undefined
  /** Number of KV blocks, independent of free memory. Overrides both settings above if set. */
  readonly kvBlocksOverride: number | undefined
  /** Bytes of one number in the KV cache: 2 for bfloat16, 1 for fp8. */
  readonly kvBytesPerElement: number
  /** Tokens in one KV block. */
  readonly blockSize: number
  /** GPUs that share each layer. */
  readonly tensorParallelSize: number
  /** Stages that the layers are divided into. */
  readonly pipelineParallelSize: number
  /** GPUs of the deployment: tensor × pipeline parallel size. */
  readonly ranks: number
  /** Whether a prompt can be computed in several steps. */
  readonly enableChunkedPrefill: boolean
  /** Whether requests share the KV blocks of equal prompt prefixes. */
  readonly enablePrefixCaching: boolean
  /** Whether CUDA graphs are off. */
  readonly enforceEager: boolean
  /** Largest number of images in a prompt; a request with more is refused. Infinity: no limit. */
  readonly imagesPerPrompt: number
  /** Pixels that a larger image is scaled down to. Infinity: no limit. */
  readonly pixelsPerImage: number
  /** Host memory that workers pin for weights, in GiB per GPU. */
  readonly cpuOffloadGib: number
  /** Host memory for KV blocks, in GiB for the whole deployment. */
  readonly kvOffloadingGib: number
  /** Host memory for preprocessed images, in GiB per process that caches them. */
  readonly imageCacheGib: number
  /** Number of API server processes. */
  readonly apiServers: number
  /** Largest number of prompt tokens of one request in a step. 0: no limit. */
  readonly longPrefillTokenThreshold: number
  /** Whether a request that is alone can have longer chunks than `longPrefillTokenThreshold`. */
  readonly thresholdSparesLoneRequest: boolean
  /** Whether a request is admitted only if KV blocks for its whole prompt are free. */
  readonly reserveFullPrompt: boolean
  /** Share of all KV blocks that an admission leaves free while other requests run, 0 to 1. */
  readonly watermark: number
  /** Whether a freed KV block that was never full is the next to be taken. */
  readonly partialBlocksFirst: boolean
  /** Whether a step is scheduled while the previous one computes. */
  readonly asyncScheduling: boolean
  /** Whether the memory of CUDA graphs counts against `gpuMemoryUtilization`. */
  readonly graphsInBudget: boolean
}

/**
 * The settings of an engine that is started with a configuration.
 *
 * Two defaults depend on the GPU: 8192 tokens and 1024 sequences on GPUs with 70 GiB or more, except the A100; otherwise
 * 2048 and 256.
 *
 * @throws {ConfigError} if an argument has the wrong type.
 */
export function engineSettings(config: DeploymentConfig, model: ModelArchitecture, gpu: Gpu): EngineSettings {
  const large = gpu.memoryGib >= 70 && !config.placement.gpu_model.includes('A100')
  const since = (version: string) => compareVersions(config.vllm_version, version) >= 0
  // vLLM 0.20.0 profiles the memory of CUDA graphs (#38284).
  const since020 = since('0.20.0')
  const read = argumentReader(config)
  const tensorParallelSize = read.number('tensor_parallel_size', 1)
  const pipelineParallelSize = read.number('pipeline_parallel_size', 1)
  const maxNumSeqs = read.number('max_num_seqs', large ? 1024 : 256)
  const maxModelLen = read.number('max_model_len', model.maxModelLen)
  const enableChunkedPrefill = read.flag('enable_chunked_prefill', true)
  const usualBudget = large ? 8192 : 2048
  // Without chunked prefill a whole prompt must fit into one step.
  const defaultBudget = enableChunkedPrefill ? usualBudget : Math.max(usualBudget, maxModelLen)
  return {
    // More tokens than all sequences can have would never be scheduled.
    maxNumBatchedTokens: Math.min(read.number('max_num_batched_tokens', defaultBudget), maxNumSeqs * maxModelLen),
    maxNumSeqs,
    maxModelLen,
    derivedMaxModelLen: allowsLongRequests(config) ? Number.POSITIVE_INFINITY : model.maxModelLen,
    gpuMemoryUtilization: read.number('gpu_memory_utilization', since020 ? 0.92 : 0.9),
    kvCacheMemoryBytes: read.optionalNumber('kv_cache_memory_bytes'),
    kvBlocksOverride: read.optionalNumber('num_gpu_blocks_override'),
    kvBytesPerElement: kvBytes(read.text('kv_cache_dtype', 'auto'), model),
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
    // vLLM's default is 4 GiB; a model without images has no cache.
    imageCacheGib: read.number('mm_processor_cache_gb', model.vision === undefined ? 0 : 4),
    apiServers: read.number('api_server_count', 1),
    longPrefillTokenThreshold: read.number('long_prefill_token_threshold', 0),
    // The versions in which the scheduler changed are measured: vLLM's own scheduler ran the same requests in each.
    thresholdSparesLoneRequest: since('0.31.0'),
    reserveFullPrompt: since('0.19.0') && read.flag('scheduler_reserve_full_isl', true),
    watermark: since('0.24.0') ? read.number('watermark', 0) : 0,
    partialBlocksFirst: since('0.24.0'),
    // On by default since vLLM 0.14.0. Pipeline stages have a queue of steps of their own, which is not simulated.
    asyncScheduling: pipelineParallelSize === 1 && read.flag('async_scheduling', since('0.14.0')),
    graphsInBudget: since020,
  }
}

/** Bytes of one number in the KV cache. `auto` is the type of the model, or fp8 if its checkpoint asks for it. */
function kvBytes(type: string, model: ModelArchitecture): number {
  if (type.startsWith('fp8')) return 1
  return type === 'auto' ? model.kvBytesPerElement : 2
}

/** Whether vLLM skips its check of `max_model_len`. `hf_overrides` can change the length that it would compare with. */
function allowsLongRequests({ env, engine_args }: DeploymentConfig): boolean {
  return /^(?:1|true)$/i.test(env['VLLM_ALLOW_LONG_MAX_MODEL_LEN'] ?? '') || Boolean(engine_args['hf_overrides'])
}

/**
 * Reads engine arguments by type. `null` counts as absent, because it means vLLM's default.
 *
 * @throws {ConfigError} from each reader, if the value has another type.
 */
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
    throw new ConfigError(`engine_args.${name} is ${JSON.stringify(value)}, but it must be a ${type}.`)
  }
  const isNumber = (value: unknown) => typeof value === 'number'
  return {
    number: (name: string, fallback: number) => read(name, 'number', fallback, isNumber),
    optionalNumber: (name: string) => read<number | undefined>(name, 'number', undefined, isNumber),
    flag: (name: string, fallback: boolean) => read(name, 'boolean', fallback, (value) => typeof value === 'boolean'),
    text: (name: string, fallback: string) => read(name, 'string', fallback, (value) => typeof value === 'string'),
    /** A number inside an argument whose text is a JSON object. */
    member(name: string, key: string, fallback: number) {
      const value = read<string | undefined>(name, 'string', undefined, (text) => typeof text === 'string')
      const found = value === undefined ? undefined : jsonObject(value, `engine_args.${name}`)[key]
      return typeof found === 'number' ? found : fallback
    },
  }
}

/** Parses an argument whose text is a JSON object. */
function jsonObject(text: string, at: string): UnknownObject {
  const value = parseJson(text)
  if (isObject(value)) return value
  throw new ConfigError(
    `${at} is ${JSON.stringify(text).slice(0, 60)}, but it must be a JSON object, e.g. "{"image": 2}".`,
  )
}

/** Compares dotted versions by their numeric parts: negative, zero or positive. A missing part counts as 0. */
export function compareVersions(left: string, right: string): number {
  const a = parts(left)
  const b = parts(right)
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Numeric parts of a version, without prefixes such as `v` and suffixes such as `rc1`. */
function parts(version: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number)
}
