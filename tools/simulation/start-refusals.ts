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
    refusals.find((reason) => !isFromParser(reason)) ??
    parallel(settings, gpuCount) ??
    unsupported(settings) ??
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

function parallel(settings: EngineSettings, gpuCount: number): string | undefined {
  const { ranks, tensorParallelSize } = settings
  const contextRanks = numberOf(settings, 'decode_context_parallel_size', 1)
  if (tensorParallelSize % contextRanks !== 0) {
    return `tp_size=${tensorParallelSize} must be divisible by dcp_size=${contextRanks}.`
  }
  return ranks > gpuCount
    ? `World size (${ranks}) is larger than the number of available GPUs (${gpuCount}) in this node.`
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
  if (partialPrefills.every((name) => numberOf(settings, name, 1) === 1)) return undefined
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
    ? undefined
    : `Total number of key/value heads (${kvHeads}) cannot be divided among tensor parallel size (${ranks}).`
}

function numberOf({ arguments: { values } }: EngineSettings, name: string, fallback: number): number {
  const value = values.get(name)
  return typeof value === 'number' ? value : fallback
}
