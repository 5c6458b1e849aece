import {
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow'
import type { GeneratedReport, IncidentActivities } from './activities.ts'
import { localRetry, runRetry } from './retry-policy.ts'
import { type AgentStepTimeouts, completeTimeouts } from './timeouts.ts'

export interface LatencyWorkflowInput {
  /** Id of a scenario, e.g. `kv_cache_pressure`. */
  readonly scenario: string
  readonly agent_step_timeouts?: AgentStepTimeouts
}

export interface LatencyWorkflowResult extends GeneratedReport {
  readonly scenario: string
}

/** Answer to the query `status`. */
export interface LatencyWorkflowStatus {
  readonly scenario: string
  readonly step: 'collect_telemetry' | 'agent_step' | 'generate_report' | 'done'
  /** Why the agent's run ended; absent until it did. */
  readonly stop_reason?: string
  /** Outcome of the validation; absent until the agent's run ended. */
  readonly status?: string
}

/** A workflow that is cancelled waits for what the running activity hands in. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

const { collect_telemetry, generate_report } = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '5m',
  retry: localRetry,
  cancellationType,
})

export const statusQuery = defineQuery<LatencyWorkflowStatus>('status')

/**
 * One latency incident: collect_telemetry → agent_step → generate_report.
 *
 * A cancelled agent step hands in what it has; the report of that is still written, and the workflow completes with the
 * stop reason `cancelled`, or `failed` where the step waited for its next attempt. Where no attempt is there to hand anything in,
 * before the first one or in the last second of a wait, the workflow itself is cancelled, and `status` has the stop reason `cancelled`.
 *
 * @throws {ApplicationFailure} `InvalidInput`: anything else would fail the workflow task, and Temporal retries that for ever.
 */
export async function latencyWorkflow(input: LatencyWorkflowInput): Promise<LatencyWorkflowResult> {
  const { scenario, timeouts } = checked(input)
  const { agent_step } = proxyActivities<IncidentActivities>({
    startToCloseTimeout: timeouts.start_to_close_ms,
    scheduleToCloseTimeout: timeouts.schedule_to_close_ms,
    heartbeatTimeout: timeouts.heartbeat_ms,
    retry: runRetry,
    cancellationType,
  })
  let status: LatencyWorkflowStatus = { scenario, step: 'collect_telemetry' }
  setHandler(statusQuery, () => status)

  const pre_telemetry = await collect_telemetry({ scenario })
  status = { scenario, step: 'agent_step' }
  const result = await agent_step({ scenario, pre_telemetry }).catch((error: unknown) => {
    if (isCancellation(error)) {
      status = { ...status, stop_reason: 'cancelled' }
      log.warn('Cancelled while no attempt of agent_step was running: there is no partial result, and no report.')
    }
    throw error
  })
  const outcome = { scenario, stop_reason: result.agent_trace.stop_reason, status: result.validation.status }
  status = { ...outcome, step: 'generate_report' }
  const report = await CancellationScope.nonCancellable(() => generate_report({ scenario, pre_telemetry, result }))
  status = { ...outcome, step: 'done' }
  return { scenario, ...report }
}

/** The input comes from any client, so its type proves nothing. */
function checked(input: Partial<LatencyWorkflowInput> | undefined) {
  const scenario = input?.scenario
  if (typeof scenario !== 'string' || scenario === '' || scenario.length > 200) {
    throw invalid('scenario has to be the id of a scenario')
  }
  const timeouts = completeTimeouts(input?.agent_step_timeouts)
  if (typeof timeouts === 'string') throw invalid(timeouts)
  return { scenario, timeouts }
}

function invalid(problem: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `latencyWorkflow takes { scenario, agent_step_timeouts? }: ${problem}.`,
    'InvalidInput',
  )
}
