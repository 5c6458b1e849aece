interface ModelLimits {
  /** Largest prompt, in tokens. */
  readonly contextTokens: number
  /** Largest `max_completion_tokens`. */
  readonly outputTokens: number
}

const million: ModelLimits = { contextTokens: 1_000_000, outputTokens: 524_288 }
const m2: ModelLimits = { contextTokens: 204_800, outputTokens: 204_800 }

/**
 * The models of MiniMax's OpenAI-compatible endpoint with their documented limits, by lower-cased name.
 * `MiniMax-Text-01` and `MiniMax-M1` are the ones of the older native endpoint.
 */
const models: ReadonlyMap<string, ModelLimits> = new Map([
  ['minimax-m3', million],
  ['minimax-m3.1-flash', million],
  ['minimax-m3.1-flash-preview', million],
  ...['2.7', '2.5', '2.1'].flatMap((version): [string, ModelLimits][] => [
    [`minimax-m${version}`, m2],
    [`minimax-m${version}-highspeed`, m2],
  ]),
  ['minimax-m2', m2],
  ['minimax-m1', { contextTokens: 1_000_000, outputTokens: 40_000 }],
  ['minimax-text-01', { contextTokens: 1_000_000, outputTokens: 8_192 }],
])

/** Looks a model up without regard to case, as the server seems to: it echoes unknown names lower-cased. */
export function limitsOf(model: string): ModelLimits | undefined {
  return models.get(model.toLowerCase())
}
