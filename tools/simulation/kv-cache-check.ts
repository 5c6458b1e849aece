import { compareVersions } from '../arguments/version.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { ModelArchitecture } from './models.ts'

/** Bytes of one GiB. */
export const gib = 2 ** 30

/** Memory of the KV cache on one GPU, in bytes. */
export interface KvCacheMemory {
  /** Free memory after vLLM's profiling run. */
  readonly profiledBytes: number
  /** Memory of the blocks that vLLM allocates: `profiledBytes`, or the size that an argument sets. */
  readonly allocatedBytes: number
  /** Memory of one token. */
  readonly bytesPerToken: number
}

/** The longest request that an engine accepts, or the reason why it does not start. */
type CheckedLength = { readonly maxModelLen: number } | { readonly refusal: string }

/**
 * Checks that the KV cache holds one request of `max_model_len` tokens, as `_check_enough_kv_cache_memory` of
 * `vllm/v1/core/kv_cache_utils.py` does, with its words. `max_model_len: auto` is lowered to what fits.
 *
 * - Since 0.20.0 the check counts the blocks of `num_gpu_blocks_override`. Before, it counted the profiled memory, and an
 *   engine with too few blocks started: a request that does not fit waits for ever.
 * - Since 0.29.0 the null block, which serves no request, does not count.
 */
export function checkKvCache(model: ModelArchitecture, settings: EngineSettings, memory: KvCacheMemory): CheckedLength {
  const { version, maxModelLen } = settings
  const since = (first: string) => compareVersions(version, first) >= 0
  const counted = since('0.20.0') ? memory.allocatedBytes : memory.profiledBytes
  const nullBlock = since('0.29.0') ? settings.blockSize * memory.bytesPerToken : 0
  const available = counted - nullBlock
  const onCpu = since('0.22.0')
  if (settings.fitsMaxModelLen) {
    const fitting = longestFitting(model, settings, memory.bytesPerToken, available)
    if (fitting > 0) return { maxModelLen: fitting }
    return {
      refusal:
        'Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token. ' +
        'Try increasing `gpu_memory_utilization`.',
    }
  }
  if (available <= 0) {
    const remark = onCpu ? ' (this flag also controls CPU memory reservation on the CPU backend, despite its name)' : ''
    return {
      refusal:
        'No available memory for the cache blocks. ' +
        `Try increasing \`gpu_memory_utilization\` when initializing the engine${remark}.`,
    }
  }
  const needed = longestRequest(model, settings, memory.bytesPerToken, maxModelLen)
  if (needed <= available) {
    // vLLM asserts this without a message, when it makes the blocks.
    return memory.allocatedBytes > 0 ? { maxModelLen } : { refusal: 'AssertionError: the number of KV blocks is 0.' }
  }
  const fitting = longestFitting(model, settings, memory.bytesPerToken, available)
  const remark = onCpu ? ' (which also controls CPU memory on the CPU backend)' : ''
  return {
    refusal:
      `To serve at least one request with the ${onCpu ? "model's" : "models's"} max seq len (${maxModelLen}), ` +
      `(${inGib(needed)} GiB KV cache is needed, which is larger than the available KV cache memory (${inGib(available)} GiB). ` +
      (fitting > 0 ? `Based on the available memory, the estimated maximum model length is ${fitting}. ` : '') +
      `Try increasing \`gpu_memory_utilization\`${remark} or decreasing \`max_model_len\` when initializing the engine.`,
  }
}

/** Bytes that one request of a length needs. Layers with a sliding window keep only the window and the current step. */
function longestRequest(
  { layers, slidingWindow }: ModelArchitecture,
  { maxNumBatchedTokens, blockSize }: EngineSettings,
  bytesPerToken: number,
  length: number,
): number {
  const whole = Math.ceil(length / blockSize) * blockSize
  if (slidingWindow === undefined) return whole * bytesPerToken
  const kept = Math.min(whole, slidingWindow.tokens + maxNumBatchedTokens + blockSize)
  return (bytesPerToken * (whole * (layers - slidingWindow.layers) + kept * slidingWindow.layers)) / layers
}

/** The longest length of a request that fits, by bisection as in vLLM; 0 if none does. */
function longestFitting(
  model: ModelArchitecture,
  settings: EngineSettings,
  bytesPerToken: number,
  available: number,
): number {
  let fits = 0
  let tooLong = settings.maxModelLen + 1
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (longestRequest(model, settings, bytesPerToken, middle) <= available) fits = middle
    else tooLong = middle
  }
  return fits
}

/** A size as Python's `round(size, 2)` prints it: `4.0`, `3.87`. */
function inGib(bytes: number): string {
  const rounded = Math.round((bytes / gib) * 100) / 100
  return Number.isInteger(rounded) ? rounded.toFixed(1) : String(rounded)
}
