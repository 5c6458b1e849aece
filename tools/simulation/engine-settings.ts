import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import { argumentsOf } from '../arguments/argument-table.ts'
import { imageLimit } from '../arguments/prompt-limits.ts'
import { type ReadArguments, readArguments } from '../arguments/read-arguments.ts'
import { readSpeculativeConfig, type SpeculativeConfig } from '../arguments/speculative-config.ts'
import { compareVersions, firstVersionOnV1 } from '../arguments/version.ts'
import { ConfigError } from '../errors.ts'
import type { Gpu } from './hardware.ts'
import type { ModelArchitecture } from './models.ts'

/**
 * The engine arguments that the simulation uses, with vLLM's defaults filled in.
 *
 * Source of the defaults: `vllm/engine/arg_utils.py` and `vllm/config`, engine V1.
 */
export interface EngineSettings {
  /** Version of vLLM. */
  readonly version: string
  /** Token budget of one engine step. */
  readonly maxNumBatchedTokens: number
  /** Largest number of running requests. */
  readonly maxNumSeqs: number
  /** Largest number of prompt and output tokens of one request. */
  readonly maxModelLen: number
  /** Whether `maxModelLen` is lowered to what the KV cache can hold: `max_model_len: auto`. */
  readonly fitsMaxModelLen: boolean
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
  /** GPUs of one engine: tensor × pipeline parallel size. */
  readonly ranks: number
  /** Number of engines, each with its own scheduler, weights and KV cache. */
  readonly dataParallelSize: number
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
  /** Whether the engine refuses to start with a `longPrefillTokenThreshold` above `maxModelLen`. */
  readonly checksLongPrefillThreshold: boolean
  /** Whether a request is admitted only if KV blocks for its whole prompt are free. */
  readonly reserveFullPrompt: boolean
  /** Share of all KV blocks that an admission leaves free while other requests run, 0 to 1. */
  readonly watermark: number
  /** Whether a freed KV block that was never full is the next to be taken. */
  readonly partialBlocksFirst: boolean
  /** Whether a lookup in the prefix cache counts in the statistics even if the request is not admitted. */
  readonly countsEveryLookup: boolean
  /** Whether a step is scheduled while the previous one computes. */
  readonly asyncScheduling: boolean
  /** Speculative decoding; `undefined` if it is off. */
  readonly speculation: Speculation | undefined
  /** Whether the memory of CUDA graphs counts against `gpuMemoryUtilization`. */
  readonly graphsInBudget: boolean
  /** The engine arguments, with those that the simulation does not follow. */
  readonly arguments: ReadArguments
}

/** Speculative decoding of an engine. */
export interface Speculation extends SpeculativeConfig {
  /** Whether a head of the model drafts, which has keys and values of its own and needs the last block of a prefix. */
  readonly hasHead: boolean
  /** Tokens beyond the scheduled ones for which a running request has KV blocks. */
  readonly lookahead: number
  /** The same for a request that is admitted. */
  readonly lookaheadAtAdmission: number
}

/**
 * The settings of an engine that is started with a configuration.
 *
 * An argument that vLLM does not accept has its default here: {@link startRefusal} says whether the engine starts.
 *
 * @throws {ConfigError} `invalid_config` if `vllm_version` is not a version that runs on the V1 engine.
 */
export function engineSettings(
  config: DeploymentConfig,
  model: ModelArchitecture,
  gpu: Gpu,
  args: ReadArguments = readArguments(config),
): EngineSettings {
  checkVersion(config.vllm_version)
  const since = (version: string) => compareVersions(config.vllm_version, version) >= 0
  const read = argumentReader(args, config.vllm_version)
  const tensorParallelSize = read.number('tensor_parallel_size', 1)
  const pipelineParallelSize = read.number('pipeline_parallel_size', 1)
  const dataParallelSize = Math.max(1, read.number('data_parallel_size', 1))
  const maxModelLen = read.number('max_model_len', model.maxModelLen)
  const enableChunkedPrefill = read.flag('enable_chunked_prefill', true)
  const { maxNumBatchedTokens, maxNumSeqs } = batchSizes(read, config, gpu, { maxModelLen, enableChunkedPrefill })
  const speculation = speculationOf(read.text('speculative_config', ''), since('0.23.0'))
  return {
    version: config.vllm_version,
    maxNumBatchedTokens,
    maxNumSeqs,
    maxModelLen,
    fitsMaxModelLen: read.text('max_model_len', '') === 'auto',
    derivedMaxModelLen: allowsLongRequests(config, args) ? Number.POSITIVE_INFINITY : model.maxModelLen,
    gpuMemoryUtilization: read.number('gpu_memory_utilization', read.default('gpu_memory_utilization', 0.9)),
    kvCacheMemoryBytes: read.optionalNumber('kv_cache_memory_bytes'),
    kvBlocksOverride: read.optionalNumber('num_gpu_blocks_override'),
    kvBytesPerElement: kvBytes(read.text('kv_cache_dtype', 'auto'), model),
    blockSize: read.number('block_size', 16),
    tensorParallelSize,
    pipelineParallelSize,
    ranks: tensorParallelSize * pipelineParallelSize,
    dataParallelSize,
    enableChunkedPrefill,
    enablePrefixCaching: read.flag('enable_prefix_caching', true),
    enforceEager: read.flag('enforce_eager', false),
    imagesPerPrompt: imageLimit(read.text('limit_mm_per_prompt', '')) ?? Number.POSITIVE_INFINITY,
    pixelsPerImage: read.member('mm_processor_kwargs', 'max_pixels', Number.POSITIVE_INFINITY),
    cpuOffloadGib: read.number('cpu_offload_gb', 0),
    kvOffloadingGib: read.number('kv_offloading_size', 0),
    // vLLM's default is 4 GiB; a model without images has no cache.
    imageCacheGib: read.number('mm_processor_cache_gb', model.vision === undefined ? 0 : 4),
    // vLLM starts one API server per engine.
    apiServers: read.number('api_server_count', dataParallelSize),
    longPrefillTokenThreshold: read.number('long_prefill_token_threshold', 0),
    checksLongPrefillThreshold: since('0.27.0'),
    // The versions in which the scheduler changed are measured: vLLM's own scheduler ran the same requests in each.
    thresholdSparesLoneRequest: since('0.31.0'),
    reserveFullPrompt: since('0.19.0') && read.flag('scheduler_reserve_full_isl', true),
    watermark: read.number('watermark', 0),
    partialBlocksFirst: since('0.24.0'),
    countsEveryLookup: !since('0.27.0'),
    // On by default since vLLM 0.14.0. Pipeline stages have a queue of steps of their own, which is not simulated.
    // Matches of n-grams are searched on the host, which needs the tokens of the previous step.
    asyncScheduling:
      pipelineParallelSize === 1 && read.flag('async_scheduling', since('0.14.0') && speculation?.method !== 'ngram'),
    speculation,
    // vLLM 0.20.0 profiles the memory of CUDA graphs (#38284).
    graphsInBudget: since('0.20.0'),
    arguments: read.all,
  }
}

/** @throws {ConfigError} if a text is not a version, such as `latest`, or one of the V0 engine. */
function checkVersion(version: string): void {
  const field = 'vllm_version'
  if (!/^v?\d+\.\d+/.test(version)) {
    throw new ConfigError(
      `${field} is ${JSON.stringify(version).slice(0, 60)}, but it must be a version of vLLM, e.g. "0.20.0". It decides the ` +
        'defaults and the scheduler. A running server tells it at /version.',
      { field },
    )
  }
  if (compareVersions(version, firstVersionOnV1) < 0) {
    throw new ConfigError(
      `${field} is ${version}, which runs on the V0 engine. The simulation models V1: use ${firstVersionOnV1} or later.`,
      { field },
    )
  }
}

/** vLLM reserves blocks for the keys and values that an EAGLE head writes while it drafts. */
function speculationOf(text: string, reservesAtAdmission: boolean): Speculation | undefined {
  const config = readSpeculativeConfig(text)
  if (config === undefined) return undefined
  const hasHead = config.method !== 'ngram'
  const lookahead = hasHead ? config.tokens : 0
  return { ...config, hasHead, lookahead, lookaheadAtAdmission: reservesAtAdmission ? lookahead : 0 }
}

/** Bytes of one number in the KV cache. `auto` is the type of the model, or fp8 if its checkpoint asks for it. */
function kvBytes(type: string, model: ModelArchitecture): number {
  if (type.startsWith('fp8')) return 1
  return type === 'auto' ? model.kvBytesPerElement : 2
}

/** Whether vLLM skips its check of `max_model_len`. `hf_overrides` can change the length that it would compare with. */
function allowsLongRequests({ env }: DeploymentConfig, { values }: ReadArguments): boolean {
  return /^(?:1|true)$/i.test(env['VLLM_ALLOW_LONG_MAX_MODEL_LEN'] ?? '') || values.has('hf_overrides')
}

/** The defaults of a batch by usage, from `get_batch_defaults` of vLLM's API server: tokens and sequences. */
function defaultBatch(gpu: Gpu, gpuModel: string, version: string): readonly [tokens: number, seqs: number] {
  if (gpu.memoryGib >= 160 && compareVersions(version, '0.28.0') >= 0) return [16_384, 1024]
  return gpu.memoryGib >= 70 && !gpuModel.includes('A100') ? [8192, 1024] : [2048, 256]
}

/**
 * Token budget and number of sequences, with vLLM's defaults. A default depends on the GPU and on the other value; a value
 * that is set is never changed.
 */
function batchSizes(
  read: ArgumentReader,
  { placement, vllm_version: version }: DeploymentConfig,
  gpu: Gpu,
  { maxModelLen, enableChunkedPrefill }: Pick<EngineSettings, 'maxModelLen' | 'enableChunkedPrefill'>,
): Pick<EngineSettings, 'maxNumBatchedTokens' | 'maxNumSeqs'> {
  const factor = read.text('performance_mode', '') === 'throughput' ? 2 : 1
  const [tokens, seqs] = defaultBatch(gpu, placement.gpu_model, version).map((size) => size * factor)
  const setSeqs = read.optionalNumber('max_num_seqs')
  // Without chunked prefill a whole prompt must fit into one step.
  const usual = enableChunkedPrefill ? (tokens ?? 0) : Math.max(tokens ?? 0, maxModelLen)
  // More tokens than all sequences can have would never be scheduled. Before 0.12.0 vLLM did not lower its default.
  const useful = compareVersions(version, '0.12.0') < 0 ? usual : Math.min(usual, (setSeqs ?? seqs ?? 0) * maxModelLen)
  const maxNumBatchedTokens = read.number('max_num_batched_tokens', useful)
  return { maxNumBatchedTokens, maxNumSeqs: setSeqs ?? Math.min(seqs ?? 0, maxNumBatchedTokens) }
}

type ArgumentReader = ReturnType<typeof argumentReader>

/** Reads engine arguments by type. A value of another type, which vLLM refuses, counts as absent. */
function argumentReader(all: ReadArguments, version: string) {
  function optionalNumber(name: string): number | undefined {
    const value = all.values.get(name)
    return typeof value === 'number' ? value : undefined
  }
  function text(name: string, fallback: string): string {
    const value = all.values.get(name)
    return typeof value === 'string' ? value : fallback
  }
  return {
    all,
    optionalNumber,
    text,
    number: (name: string, fallback: number) => optionalNumber(name) ?? fallback,
    flag(name: string, fallback: boolean): boolean {
      const value = all.values.get(name)
      return typeof value === 'boolean' ? value : fallback
    },
    /** A number inside an argument whose text is a JSON object. */
    member(name: string, key: string, fallback: number): number {
      const value = parseJson(text(name, ''))
      const found = isObject(value) ? value[key] : undefined
      return typeof found === 'number' ? found : fallback
    },
    /** The default of the version, if it is a number. */
    default(name: string, fallback: number): number {
      const value = parseJson(argumentsOf(version).get(name)?.default ?? '')
      return typeof value === 'number' ? value : fallback
    },
  }
}
