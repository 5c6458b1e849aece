import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'

/** Methods of speculative decoding that the simulation models. */
export const simulatedMethods = ['ngram', 'eagle', 'eagle3'] as const

/** The members of `speculative_config` that the simulation uses. */
export interface SpeculativeConfig {
  /** The drafter: a search in the request's own text, or an EAGLE head. */
  readonly method: (typeof simulatedMethods)[number]
  /** Tokens that are drafted for each request in each step. */
  readonly tokens: number
}

/** Reads the text of `speculative_config`; undefined without one, and for a method that is not simulated. */
export function readSpeculativeConfig(text: string): SpeculativeConfig | undefined {
  const config = parseJson(text)
  if (!isObject(config) || wrongSpeculativeConfig(config) !== undefined) return undefined
  const tokens = config['num_speculative_tokens']
  const method = simulatedMethods.find((name) => name === methodOf(config))
  return method === undefined || typeof tokens !== 'number' ? undefined : { method, tokens }
}

/** vLLM's message about the first member that it refuses (`vllm/config/speculative.py` of 0.17.1); undefined if it accepts all. */
export function wrongSpeculativeConfig(config: UnknownObject): string | undefined {
  const tokens = config['num_speculative_tokens'] ?? undefined
  const wrongTokens = tokens === undefined ? undefined : wrongTokenCount(tokens)
  if (wrongTokens !== undefined) return wrongTokens
  const hasModel = typeof config['model'] === 'string'
  const method = methodOf(config)
  const isSimulated = simulatedMethods.some((name) => name === method)
  if (method !== 'ngram' && isSimulated && tokens !== undefined && !hasModel) {
    return 'num_speculative_tokens was provided but without speculative model.'
  }
  const [min, max] = [config['prompt_lookup_min'], config['prompt_lookup_max']]
  if (method === 'ngram' && typeof min === 'number' && typeof max === 'number' && min > max) {
    return `prompt_lookup_min=${min} must be <= prompt_lookup_max=${max}`
  }
  if (config['tensor_parallel_size'] !== undefined) {
    return "'tensor_parallel_size' is not a valid argument in the speculative_config. Please pass 'draft_tensor_parallel_size' instead."
  }
  if (!isSimulated || tokens !== undefined) return undefined
  return method === 'ngram' || !hasModel
    ? 'num_speculative_tokens must be provided with speculative model unless the draft model config contains an n_predict parameter.'
    : 'A speculative model was provided, but neither `speculative_token_tree` nor `num_speculative_tokens` was provided'
}

function wrongTokenCount(tokens: unknown): string | undefined {
  const fraction = typeof tokens === 'number' ? ', got a number with a fractional part' : ''
  if (!Number.isInteger(tokens)) return `num_speculative_tokens: Input should be a valid integer${fraction}`
  return Number(tokens) > 0 ? undefined : 'num_speculative_tokens: Input should be greater than 0'
}

/** The method, which vLLM takes from the name of the model if it is not set. */
function methodOf({ method, model }: UnknownObject): unknown {
  if (method !== undefined && method !== null) return method
  if (typeof model !== 'string') return 'draft_model'
  if (model === 'ngram' || model === '[ngram]') return 'ngram'
  const name = model.toLowerCase()
  if (name.includes('eagle-')) return 'eagle'
  return name.includes('eagle3') ? 'eagle3' : 'draft_model'
}
