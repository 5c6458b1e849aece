import { randomUUID } from 'node:crypto'
import { Context } from '@temporalio/activity'
import {
  type AgentResult,
  type IncidentAgentInput,
  type IncidentAgentOptions,
  runIncidentAgent,
} from '../lib/incident/index.ts'
import type { Checkpoint } from '../lib/loop/checkpoint.ts'
import { ModelError, type RunError } from '../lib/loop/errors.ts'
import { type Model, noUsage } from '../lib/loop/model.ts'
import { type PackedJson, unpackCheckpoint } from '../lib/temporal/checkpoint-codec.ts'
import { errorMessage } from '../router/errors.ts'
import { excerpt } from '../router/text/clip.ts'
import { activityState } from './activity-state.ts'

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

/** Returns the incidents that the tools of the step work on, or throws if this worker cannot read them. */
type SourceOption = () => Pick<IncidentAgentOptions, 'scenarios'>

/**
 * Makes the result of an agent step that ended without one. The run continues from the last checkpoint with a model that
 * always fails. So finished calls are kept, repeatable pending ones are executed, and an answer that was only not checked
 * yet is accepted. If this worker cannot read the incident, the result only says how the run ended.
 */
export async function recoverResult(
  input: RecoverResultInput,
  source: SourceOption = () => ({}),
): Promise<AgentResult> {
  const { stop_reason, error } = input
  const result = await resumedResult(input, source).catch((problem: unknown) => resultWithoutIncident(input, problem))
  if (result.run.stop_reason === 'answered') return result
  return { ...result, run: { ...result.run, stop_reason, error } }
}

async function resumedResult(input: RecoverResultInput, source: SourceOption): Promise<AgentResult> {
  const options = { ...source(), model: unavailable(input.error.message) }
  const unpacked = unpackCheckpoint(input.heartbeat_details)
  if (unpacked.kind !== 'checkpoint') return runIncidentAgent(input, options)
  try {
    return await runIncidentAgent(input, { ...options, resumeFrom: unpacked.checkpoint as Checkpoint })
  } catch (problem) {
    // A checkpoint of another version has nothing that this release can read.
    if (problem instanceof Error && problem.name === 'LoopError') return runIncidentAgent(input, options)
    throw problem
  }
}

/** Without the incident there are no tools, so no checkpoint can be read. */
function resultWithoutIncident({ stop_reason, error }: RecoverResultInput, problem: unknown): AgentResult {
  const summary = `The run ended without an accepted answer (${stop_reason}), so nothing is confirmed.`
  const reason = `What the run found is lost, because this worker cannot read the incident: ${errorMessage(problem)}`
  return {
    diagnosis: {
      root_cause: 'unknown',
      summary: `The run ended without an accepted answer (${stop_reason}).`,
      category: 'unknown',
      confidence: 'low',
      evidence: [],
      ruled_out: [],
      uncertainties: [excerpt(reason, 1_000)],
    },
    fix_plan: null,
    fix_result: null,
    post_telemetry: null,
    validation: { status: 'unknown', deltas: [], summary },
    attempts: [],
    violations: [],
    agent_trace: [],
    run: {
      run_id: randomUUID(),
      ...unavailableModel,
      stop_reason,
      rounds: 0,
      usage: noUsage,
      duration_ms: 0,
      error,
    },
  }
}

/**
 * Makes the result of an agent step that waits for its next attempt and is about to be cancelled. Temporal gives nothing of
 * such a step to its workflow, so the last heartbeat is read from the server while the step still exists.
 *
 * @returns `null` if an attempt is running, which returns its own result, or if there was no heartbeat with a checkpoint.
 */
export async function recoverWaitingStep(
  input: RecoverResultInput,
  source: SourceOption = () => ({}),
): Promise<AgentResult | null> {
  const { client, info } = Context.current()
  if (info.workflowExecution === undefined) return null
  const { workflowId, runId } = info.workflowExecution
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
  const waiting = raw.pendingActivities?.find(({ state }) => activityState(state) === 'SCHEDULED')
  let payloads = waiting?.heartbeatDetails?.payloads ?? []
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads)
  const [payload] = payloads
  if (payload === undefined) return null
  const heartbeat_details: unknown = payloadConverter.fromPayload(payload)
  if (unpackCheckpoint(heartbeat_details).kind !== 'checkpoint') return null
  return recoverResult({ ...input, heartbeat_details }, source)
}

/** The model of a result that no model was asked for. */
const unavailableModel = { model: 'unavailable', provider: 'none' } as const

function unavailable(message: string): Model {
  return {
    name: unavailableModel.model,
    provider: unavailableModel.provider,
    complete: () => Promise.reject(new ModelError(message, { code: 'server', retryable: false })),
  }
}
