import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { compareVersions } from '../version.ts'
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
  readonly kvBytesPerElement: number
  readonly blockSize: number
  readonly tensorParallelSize: number
  readonly pipelineParallelSize: number
  /** GPUs of the deployment: tensor × pipeline. */
  readonly ranks: number
  readonly enableChunkedPrefill: boolean
  readonly enablePrefixCaching: boolean
  readonly enforceEager: boolean
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
  return {
    maxNumBatchedTokens: Math.min(read.number('max_num_batched_tokens', large ? 8192 : 2048), maxNumSeqs * maxModelLen),
    maxNumSeqs,
    maxModelLen,
    gpuMemoryUtilization: read.number('gpu_memory_utilization', since020 ? 0.92 : 0.9),
    kvCacheMemoryBytes: read.optionalNumber('kv_cache_memory_bytes'),
    kvBytesPerElement: read.text('kv_cache_dtype', 'auto').startsWith('fp8') ? 1 : 2,
    blockSize: read.number('block_size', 16),
    tensorParallelSize,
    pipelineParallelSize,
    ranks: tensorParallelSize * pipelineParallelSize,
    enableChunkedPrefill: read.flag('enable_chunked_prefill', true),
    enablePrefixCaching: read.flag('enable_prefix_caching', true),
    enforceEager: read.flag('enforce_eager', false),
    longPrefillTokenThreshold: read.number('long_prefill_token_threshold', 0),
    reserveFullPrompt: read.flag('scheduler_reserve_full_isl', since020),
    graphsInBudget: since020,
  }
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
  }
}
