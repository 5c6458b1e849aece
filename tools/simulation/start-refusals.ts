import { compareVersions } from '../arguments/version.ts'
import type { EngineSettings } from './engine-settings.ts'
import type { ModelArchitecture } from './models.ts'

/**
 * The reason why vLLM refuses to start with an engine's arguments, in its own words; undefined if it accepts them.
 *
 * The order of the checks is vLLM's: the command line, the model, single values, the scheduler, and the model again with
 * the number of GPUs. The answers of several versions are recorded in `tests/reference/vllm/arguments`.
 *
 * @param gpuCount GPUs of the deployment.
 */
export function startRefusal(model: ModelArchitecture, settings: EngineSettings, gpuCount: number): string | undefined {
  const { refusals } = settings.arguments
  const isFromParser = (reason: string) => reason.startsWith('vllm serve: error: ')
  return (
    refusals.find(isFromParser) ??
    tooLong(settings) ??
    tooShort(settings) ??
    unsupported(settings) ??
    wrongValue(settings) ??
    parallel(settings, gpuCount) ??
    scheduler(settings) ??
    heads(model, settings)
  )
}

function tooLong({ maxModelLen, derivedMaxModelLen }: EngineSettings): string | undefined {
  if (maxModelLen <= derivedMaxModelLen) return undefined
  return (
    `User-specified max_model_len (${maxModelLen}) is greater than the derived max_model_len ` +
    `(max_position_embeddings=${derivedMaxModelLen} or model_max_length=None in model's config.json). ` +
    'To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1.'
  )
}

function tooShort({ maxModelLen }: EngineSettings): string | undefined {
  return maxModelLen >= 1
    ? undefined
    : `max_model_len must be a positive integer, got int: ${maxModelLen}. Example: max_model_len=2048`
}

/**
 * Arguments with a range, in the order in which vLLM creates its configurations and in which their fields are declared.
 * Of several wrong values, the first one is named.
 */
const rangeOrder = [
  ...['max_logprobs', 'limit_mm_per_prompt', 'mm_processor_kwargs', 'mm_processor_cache_gb'],
  ...['block_size', 'gpu_memory_utilization', 'swap_space'],
  ...['pipeline_parallel_size', 'tensor_parallel_size', 'prefill_context_parallel_size', 'data_parallel_size'],
  ...['decode_context_parallel_size', 'max_num_batched_tokens', 'max_num_seqs', 'max_num_active_seqs'],
  ...['max_num_partial_prefills', 'max_long_partial_prefills', 'long_prefill_token_threshold'],
  ...['max_num_queued_reqs', 'max_num_queued_tokens', 'watermark', 'stream_interval'],
]

function wrongValue({ version, arguments: { refusals, values } }: EngineSettings): string | undefined {
  const position = (reason: string) => {
    const index = rangeOrder.indexOf(reason.split(/[:.]/)[0] ?? '')
    if (index !== -1) return index
    return reason.startsWith('Unknown quantization method: ') ? -1 : rangeOrder.length
  }
  const [first] = refusals
    .filter((reason) => !reason.startsWith('vllm serve: error: '))
    .toSorted((one, other) => position(one) - position(other))
  // The default token budget is at most what all sequences can have, and it is checked first.
  const hasNoTokens = first?.startsWith('max_num_seqs: ') && !values.has('max_num_batched_tokens')
  return hasNoTokens && compareVersions(version, '0.12.0') >= 0
    ? 'max_num_batched_tokens: Input should be greater than or equal to 1'
    : first
}

function parallel(settings: EngineSettings, gpuCount: number): string | undefined {
  const { ranks, tensorParallelSize } = settings
  const contextRanks = numberOf(settings, 'decode_context_parallel_size', 1)
  // Versions that do not check the range of both sizes divide by them.
  if (numberOf(settings, 'data_parallel_size', 1) === 0) return 'data_parallel_rank (0) must be in the range [0, 0)'
  if (contextRanks === 0 || tensorParallelSize === 0) return 'integer modulo by zero'
  if (tensorParallelSize % contextRanks !== 0) {
    return `tp_size=${tensorParallelSize} must be divisible by dcp_size=${contextRanks}.`
  }
  if (ranks > gpuCount) {
    return `World size (${ranks}) is larger than the number of available GPUs (${gpuCount}) in this node.`
  }
  // The first worker without a GPU of its own.
  return ranks * settings.dataParallelSize > gpuCount
    ? `AssertionError: DP adjusted local rank ${gpuCount} is out of bounds. `
    : undefined
}

/** Arguments that the parser of V1 has and the engine refuses. */
function unsupported(settings: EngineSettings): string | undefined {
  const isAsync = settings.arguments.values.get('async_scheduling') === true
  if (isAsync && settings.pipelineParallelSize > 1 && compareVersions(settings.version, '0.15.0') < 0) {
    return compareVersions(settings.version, '0.12.0') < 0
      ? 'Async scheduling is not supported with pipeline-parallel-size > 1.'
      : 'Async scheduling is not yet compatible with pipeline_parallel_size > 1.'
  }
  const partialPrefills = ['max_num_partial_prefills', 'max_long_partial_prefills']
  const { refusals } = settings.arguments
  const isOne = (name: string) =>
    numberOf(settings, name, 1) === 1 && !refusals.some((reason) => reason.startsWith(`${name}: `))
  if (partialPrefills.every(isOne)) return undefined
  if (compareVersions(settings.version, '0.12.0') < 0) {
    return 'VLLM_USE_V1=1 is not supported with Concurrent Partial Prefill.'
  }
  return (
    'Concurrent Partial Prefill is not supported. ' +
    'We recommend to remove Concurrent Partial Prefill from your config.'
  )
}

function scheduler(settings: EngineSettings): string | undefined {
  const { maxNumBatchedTokens: tokens, maxNumSeqs: seqs, maxModelLen, longPrefillTokenThreshold } = settings
  if (!settings.enableChunkedPrefill && tokens < maxModelLen) {
    return (
      `max_num_batched_tokens (${tokens}) is smaller than max_model_len (${maxModelLen}). This effectively limits the ` +
      'maximum sequence length to max_num_batched_tokens and makes vLLM reject longer sequences. ' +
      'Please increase max_num_batched_tokens or decrease max_model_len.'
    )
  }
  if (tokens < seqs) {
    return `max_num_batched_tokens (${tokens}) must be greater than or equal to max_num_seqs (${seqs}).`
  }
  const active = numberOf(settings, 'max_num_active_seqs', seqs)
  if (active > seqs) return `max_num_active_seqs (${active}) cannot be greater than max_num_seqs (${seqs}).`
  if (settings.checksLongPrefillThreshold && longPrefillTokenThreshold > maxModelLen) {
    return `long_prefill_token_threshold (${longPrefillTokenThreshold}) cannot be greater than the max_model_len (${maxModelLen}).`
  }
  return undefined
}

function heads(model: ModelArchitecture, settings: EngineSettings): string | undefined {
  const { tensorParallelSize: ranks } = settings
  if (model.heads % ranks !== 0) {
    return `Total number of attention heads (${model.heads}) must be divisible by tensor parallel size (${ranks}).`
  }
  if (settings.arguments.values.get('enable_expert_parallel') === true && model.experts === undefined) {
    return 'Number of experts in the model must be greater than 0 when expert parallelism is enabled.'
  }
  // Each rank holds the same number of KV heads, or a copy of one head. vLLM asserts this without a message.
  const { kvHeads } = model
  return Math.max(kvHeads, ranks) % Math.min(kvHeads, ranks) === 0
    ? contextParallel(model, settings)
    : `Total number of key/value heads (${kvHeads}) cannot be divided among tensor parallel size (${ranks}).`
}

/** Ranks that hold copies of a KV head share its tokens. With latent attention all ranks do. */
function contextParallel(model: ModelArchitecture, settings: EngineSettings): string | undefined {
  const contextRanks = numberOf(settings, 'decode_context_parallel_size', 1)
  const { tensorParallelSize: ranks, version } = settings
  const isChecked = compareVersions(version, '0.12.0') >= 0
  if (contextRanks <= 1 || model.latent !== undefined || !isChecked) return undefined
  const { heads, kvHeads } = model
  const isShort = compareVersions(version, '0.27.0') < 0
  const most = Math.floor(ranks / kvHeads)
  if (ranks <= kvHeads) {
    return isShort
      ? `Assertion failed, tensor parallel size ${ranks} must be greater than total num kv heads ${kvHeads} when enable decode context parallel for GQA/MQA`
      : `Decode context parallelism for GQA/MQA requires \`--tensor-parallel-size\` (${ranks}) to be greater than the ` +
          `model's total number of KV heads (${kvHeads}). Increase \`--tensor-parallel-size\` or set \`--decode-context-parallel-size 1\`.`
  }
  if (contextRanks > most) {
    return isShort
      ? `Assertion failed, decode context parallel size must less than or equal to (tensor parallel size ${ranks} // total num kv heads ${kvHeads}) = ${most}, but got ${contextRanks}`
      : `\`--decode-context-parallel-size\` (${contextRanks}) exceeds the maximum supported value (${most}) for ` +
          `\`--tensor-parallel-size\` (${ranks}) and ${kvHeads} model KV heads.`
  }
  const queryHeads = Math.floor(heads / kvHeads)
  if (queryHeads % contextRanks === 0) return undefined
  return isShort
    ? `Assertion failed, Total number of q per kv attn heads (${queryHeads}) must be divisible by dcp world size when enable decode context parallel for GQA (${contextRanks}).`
    : `The model's number of query heads per KV head (${queryHeads}) must be divisible by ` +
        `\`--decode-context-parallel-size\` (${contextRanks}) for GQA/MQA.`
}

function numberOf({ arguments: { values } }: EngineSettings, name: string, fallback: number): number {
  const value = values.get(name)
  return typeof value === 'number' ? value : fallback
}
