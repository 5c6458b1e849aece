import { type Checkpoint, checkpointVersion } from '../../../lib/loop/checkpoint.ts'

/** A checkpoint of the current version, of a run that has done nothing. */
export const emptyCheckpoint: Checkpoint = {
  version: checkpointVersion,
  run_id: 'r',
  rounds: 0,
  messages: [],
  pending: [],
  results: [],
  usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 },
  last_tokens: 0,
  fastest_ms: 0,
  slowest_ms: 0,
  elapsed_ms: 0,
  closing: null,
  announced: false,
  unjudged: null,
  stop: null,
  partial: null,
  answer: null,
  entries: [],
}
