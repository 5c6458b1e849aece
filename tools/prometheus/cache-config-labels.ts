import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { compareVersions } from '../arguments/version.ts'
import type { SimulatedWindow } from '../simulation/window.ts'
import { type Labels, pythonFloat } from './page-writer.ts'

/**
 * Labels of `vllm:cache_config_info`: the members of the version's `CacheConfig` (`vllm/config/cache.py`) as strings.
 *
 * A member that is an engine argument of the deployment has its value, and members that follow from the memory plan are
 * filled in. All others have their value on a GPU with default arguments.
 */
export function cacheConfigLabels({ vllm_version }: DeploymentConfig, window: SimulatedWindow): Labels {
  const { settings, memory } = window
  const { values } = settings.arguments
  const { blockSize, enablePrefixCaching, gpuMemoryUtilization, maxModelLen } = settings
  const kvTokens = memory?.kvTokens ?? 0
  const computed: Labels = {
    block_size: String(blockSize),
    cache_dtype: python(values.get('kv_cache_dtype') ?? 'auto'),
    effective_attention_block_size: String(blockSize),
    enable_prefix_caching: python(enablePrefixCaching),
    engine: '0',
    gpu_memory_utilization: String(gpuMemoryUtilization),
    kv_cache_max_concurrency: pythonFloat(kvTokens / maxModelLen),
    kv_cache_size_tokens: String(kvTokens),
    // vLLM adds up the blocks of all engines and states the sum for each of them.
    num_gpu_blocks: String((memory?.kvBlocks ?? 0) * settings.dataParallelSize),
    user_specified_block_size: python(values.has('block_size')),
  }
  const since = (version: string) => compareVersions(vllm_version, version) >= 0
  const present = members.filter(({ from = '0', until }) => since(from) && (until === undefined || !since(until)))
  return Object.fromEntries(
    present.map(({ name, value }) => [name, computed[name] ?? python(values.get(name) ?? value)]),
  )
}

/** A member of `CacheConfig`. */
interface Member {
  readonly name: string
  /** Value if neither an engine argument nor the memory plan sets it. */
  readonly value: unknown
  /** First version with the member. Absent: 0.11.0 has it. */
  readonly from?: string
  /** First version without the member. Absent: 0.32.0 has it. */
  readonly until?: string
}

/** The members of `CacheConfig` in vLLM 0.11.0 to 0.32.0, and the label that the metrics logger adds. */
const members: readonly Member[] = [
  { name: '_block_size_resolved', value: true, from: '0.18.0' },
  { name: 'block_size', value: null },
  { name: 'cache_dtype', value: 'auto' },
  { name: 'cache_hit_alignment_tokens', value: null, from: '0.32.0' },
  { name: 'calculate_kv_scales', value: false, until: '0.28.0' },
  { name: 'cpu_kvcache_space_bytes', value: null, until: '0.20.0' },
  { name: 'cpu_offload_gb', value: 0, until: '0.18.0' },
  { name: 'cpu_offload_params', value: 'set()', from: '0.17.0', until: '0.18.0' },
  { name: 'effective_attention_block_size', value: null, from: '0.31.0' },
  { name: 'enable_mamba_fine_grained_prefix_cache', value: false, from: '0.30.0', until: '0.31.0' },
  { name: 'enable_mamba_shared_prefix_checkpoint', value: false, from: '0.31.0' },
  { name: 'enable_prefix_caching', value: true },
  { name: 'engine', value: '0' },
  { name: 'gpu_memory_utilization', value: null },
  { name: 'hash_block_size', value: null, from: '0.20.0', until: '0.26.0' },
  { name: 'hash_block_size', value: null, from: '0.32.0' },
  { name: 'is_attention_free', value: false },
  { name: 'kv_cache_dtype_skip_layers', value: '[]', from: '0.19.0' },
  { name: 'kv_cache_layout', value: null, from: '0.29.0' },
  { name: 'kv_cache_max_concurrency', value: null, from: '0.24.0' },
  { name: 'kv_cache_memory_bytes', value: null },
  { name: 'kv_cache_size_tokens', value: null, from: '0.24.0' },
  { name: 'kv_offloading_backend', value: 'native', from: '0.12.0' },
  { name: 'kv_offloading_size', value: null, from: '0.12.0' },
  { name: 'kv_sharing_fast_prefill', value: false },
  { name: 'mamba_block_size', value: null, from: '0.12.0' },
  { name: 'mamba_cache_dtype', value: 'auto' },
  { name: 'mamba_cache_mode', value: 'none', from: '0.15.0' },
  { name: 'mamba_page_size_padded', value: null },
  { name: 'mamba_ssm_cache_dtype', value: 'auto' },
  { name: 'num_cpu_blocks', value: 0, until: '0.18.0' },
  { name: 'num_cpu_blocks', value: null, from: '0.18.0' },
  { name: 'num_gpu_blocks', value: 0 },
  { name: 'num_gpu_blocks_override', value: null },
  { name: 'prefix_cache_retention_interval', value: 0, from: '0.29.0' },
  { name: 'prefix_caching_hash_algo', value: 'sha256' },
  { name: 'prefix_match_unit', value: null, from: '0.26.0' },
  { name: 'replayssm_buffer_len', value: 16, from: '0.27.0' },
  { name: 'skip_page_size_padded', value: null, from: '0.25.0' },
  { name: 'sliding_window', value: null },
  { name: 'swa_bounded_replay', value: true, from: '0.31.0' },
  { name: 'swap_space', value: 4, until: '0.18.0' },
  { name: 'use_kda_recoverssm', value: false, from: '0.29.0' },
  { name: 'use_replayssm', value: false, from: '0.27.0' },
  { name: 'user_specified_block_size', value: false, from: '0.18.0' },
  { name: 'user_specified_mamba_block_size', value: false, from: '0.20.0', until: '0.32.0' },
]

/** A value like Python's `str`. */
function python(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  return value === true ? 'True' : value === false ? 'False' : String(value)
}
