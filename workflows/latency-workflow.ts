import {
  ActivityCancellationType,
  CancellationScope,
  defineQuery,
  proxyActivities,
  type RetryPolicy,
  setHandler,
} from '@temporalio/workflow'
import type { GeneratedReport, IncidentActivities } from './activities.ts'

export interface LatencyWorkflowInput {
  /** Id of a scenario, e.g. `kv_cache_pressure`. */
  readonly scenario: string
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

/**
 * What no later attempt can cure. The failures say so themselves (`nonRetryable`); the list repeats it for those who read the policy.
 *
 * - configuration: `ModelError.authentication`, `ModelError.configuration`, `MissingHeartbeatTimeout`, `UnknownScenarioError`, misuse (`TypeError`,
 *   `RangeError`, `LoopError`)
 * - the request: `ModelError.invalid_request`, `ModelError.context_length`, `ModelError.content_filter`
 * - the account: `ModelError.quota`
 *
 * Left to be retried: `ModelError.rate_limit` (after the time asked for), `overloaded`, `server`, `timeout`, `network`, `protocol`, `WorkerShutdown`.
 */
const nonRetryableErrorTypes = [
  'ModelError.authentication',
  'ModelError.configuration',
  'ModelError.invalid_request',
  'ModelError.context_length',
  'ModelError.content_filter',
  'ModelError.quota',
  'MissingHeartbeatTimeout',
  'UnknownScenarioError',
  'TypeError',
  'RangeError',
  'LoopError',
]

const retry: RetryPolicy = {
  initialInterval: '1s',
  backoffCoefficient: 2,
  maximumInterval: '30s',
  maximumAttempts: 5,
  nonRetryableErrorTypes,
}

const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

const { collect_telemetry, generate_report } = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '5m',
  retry,
  cancellationType,
})

/** Ten rounds of a reasoning model take minutes; a dead worker is noticed within the heartbeat timeout. */
const { agent_step } = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '15m',
  scheduleToCloseTimeout: '45m',
  heartbeatTimeout: '20s',
  retry,
  cancellationType,
})

export const statusQuery = defineQuery<LatencyWorkflowStatus>('status')

/**
 * One latency incident: collect_telemetry → agent_step → generate_report.
 *
 * A cancelled agent step hands in what it has; the report of that is still written, and the workflow completes with the
 * stop reason `cancelled`.
 */
export async function latencyWorkflow(input: LatencyWorkflowInput): Promise<LatencyWorkflowResult> {
  const { scenario } = input
  let status: LatencyWorkflowStatus = { scenario, step: 'collect_telemetry' }
  setHandler(statusQuery, () => status)

  const pre_telemetry = await collect_telemetry({ scenario })
  status = { scenario, step: 'agent_step' }
  const result = await agent_step({ scenario, pre_telemetry })
  const outcome = { scenario, stop_reason: result.agent_trace.stop_reason, status: result.validation.status }
  status = { ...outcome, step: 'generate_report' }
  const report = await CancellationScope.nonCancellable(() => generate_report({ scenario, pre_telemetry, result }))
  status = { ...outcome, step: 'done' }
  return { scenario, ...report }
}
