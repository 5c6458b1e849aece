import { Context } from '@temporalio/activity'
import {
  type AgentResult,
  type IncidentAgentInput,
  type IncidentAgentOptions,
  runIncidentAgent,
} from '../lib/incident/index.ts'
import type { Checkpoint } from '../lib/loop/checkpoint.ts'
import { ModelError, type RunError } from '../lib/loop/errors.ts'
import type { Model } from '../lib/loop/model.ts'
import { type PackedJson, unpackCheckpoint } from '../lib/temporal/checkpoint-codec.ts'

/** Input of the activity `recover_result`. */
export interface RecoverResultInput extends IncidentAgentInput {
  /** The incident, if it travels in the workflow's input. */
  readonly incident?: PackedJson
  /** How the result shall say that the run ended. */
  readonly stop_reason: 'failed' | 'cancelled'
  /** Why the agent step ended without a result. */
  readonly error: RunError
  /** Details of the step's last heartbeat. */
  readonly heartbeat_details?: unknown
}

/** The incidents that the tools of the step work on. */
type SourceOption = Pick<IncidentAgentOptions, 'scenarios'>

/**
 * Makes the result of an agent step that ended without one. The run continues from the last checkpoint with a model that
 * always fails. So finished calls are kept, repeatable pending ones are executed, and an answer that was only not checked
 * yet is accepted.
 */
export async function recoverResult(input: RecoverResultInput, source: SourceOption = {}): Promise<AgentResult> {
  const { stop_reason, error, heartbeat_details } = input
  const model = unavailable(error.message)
  const unpacked = unpackCheckpoint(heartbeat_details)
  const result =
    unpacked.kind === 'checkpoint'
      ? await runIncidentAgent(input, { ...source, model, resumeFrom: unpacked.checkpoint as Checkpoint }).catch(
          (problem: unknown) => {
            // A checkpoint of another version has nothing that this release can read.
            if (problem instanceof Error && problem.name === 'LoopError')
              return runIncidentAgent(input, { ...source, model })
            throw problem
          },
        )
      : await runIncidentAgent(input, { ...source, model })
  if (result.run.stop_reason === 'answered') return result
  return { ...result, run: { ...result.run, stop_reason, error } }
}

/** State of an activity whose next attempt has not started, as a number of the wire format. */
const scheduled = 1

/**
 * Makes the result of an agent step that waits for its next attempt and is about to be cancelled. Temporal gives nothing of
 * such a step to its workflow, so the last heartbeat is read from the server while the step still exists.
 *
 * @returns `null` if an attempt is running, which returns its own result, or if there was no heartbeat with a checkpoint.
 */
export async function recoverWaitingStep(
  input: RecoverResultInput,
  source: SourceOption = {},
): Promise<AgentResult | null> {
  const { client, info } = Context.current()
  if (info.workflowExecution === undefined) return null
  const { workflowId, runId } = info.workflowExecution
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
  const waiting = raw.pendingActivities?.find(({ state }) => state === scheduled)
  let payloads = waiting?.heartbeatDetails?.payloads ?? []
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads)
  const [payload] = payloads
  if (payload === undefined) return null
  const heartbeat_details: unknown = payloadConverter.fromPayload(payload)
  if (unpackCheckpoint(heartbeat_details).kind !== 'checkpoint') return null
  return recoverResult({ ...input, heartbeat_details }, source)
}

function unavailable(message: string): Model {
  return {
    name: 'unavailable',
    provider: 'none',
    complete: () => Promise.reject(new ModelError(message, { code: 'server', retryable: false })),
  }
}
