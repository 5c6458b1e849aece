import { type AgentResult, type IncidentAgentInput, runIncidentAgent } from '../lib/incident/index.ts'
import type { Checkpoint } from '../lib/loop/checkpoint.ts'
import { ModelError, type RunError } from '../lib/loop/errors.ts'
import type { Model } from '../lib/loop/model.ts'
import { unpackCheckpoint } from '../lib/temporal/checkpoint-codec.ts'

/** Input of the activity `recover_result`. */
export interface RecoverResultInput extends IncidentAgentInput {
  /** How the result shall say that the run ended. */
  readonly stop_reason: 'failed' | 'cancelled'
  /** Why the agent step ended without a result. */
  readonly error: RunError
  /** Details of the step's last heartbeat. */
  readonly heartbeat_details?: unknown
}

/**
 * Makes the result of an agent step that ended without one. The run continues from the last checkpoint with a model that
 * always fails. So finished calls are kept, repeatable pending ones are executed, and an answer that was only not checked
 * yet is accepted.
 */
export async function recoverResult(input: RecoverResultInput): Promise<AgentResult> {
  const { stop_reason, error, heartbeat_details } = input
  const model = unavailable(error.message)
  const unpacked = unpackCheckpoint(heartbeat_details)
  const result =
    unpacked.kind === 'checkpoint'
      ? await runIncidentAgent(input, { model, resumeFrom: unpacked.checkpoint as Checkpoint }).catch(
          (problem: unknown) => {
            // A checkpoint of another version has nothing that this release can read.
            if (problem instanceof Error && problem.name === 'LoopError') return runIncidentAgent(input, { model })
            throw problem
          },
        )
      : await runIncidentAgent(input, { model })
  if (result.run.stop_reason === 'answered') return result
  return { ...result, run: { ...result.run, stop_reason, error } }
}

function unavailable(message: string): Model {
  return {
    name: 'unavailable',
    provider: 'none',
    complete: () => Promise.reject(new ModelError(message, { code: 'server', retryable: false })),
  }
}
