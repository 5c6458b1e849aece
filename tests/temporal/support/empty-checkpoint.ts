import { type Checkpoint, checkpointVersion } from '../../../lib/loop/checkpoint.ts'

/** A checkpoint of the current version, of a run that has done nothing. */
export const emptyCheckpoint: Checkpoint = {
  version: checkpointVersion,
  run_id: 'r',
  task: null,
  history_messages: 0,
  rounds: 0,
  has_side_effects: false,
  messages: [],
  pending: [],
  results: [],
  usage: { input_tokens: 0, output_tokens: 0, cached_input_tokens: 0, reasoning_tokens: 0 },
  last_tokens: 0,
  slowest_ms: 0,
  elapsed_ms: 0,
  limit_reached: null,
  answer_requested: false,
  pending_answer: null,
  stop_reason: null,
  partial: null,
  answer: null,
  trace: [],
}
