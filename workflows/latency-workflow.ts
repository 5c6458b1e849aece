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
import { type AgentStepTimeouts, defaultTimeouts, localRetry, runRetry } from './retries-and-timeouts.ts'

/** Input of {@link latencyWorkflow}. */
export interface LatencyWorkflowInput {
  /** Id of a scenario, for example `kv_cache_pressure`. */
  readonly scenario: string
  /** Timeouts of the agent step. @defaultValue 15 minutes an attempt, 45 minutes in total, 20 s without a heartbeat */
  readonly agent_step_timeouts?: AgentStepTimeouts
}

/** Result of {@link latencyWorkflow}. */
export interface LatencyWorkflowResult extends GeneratedReport {
  /** The scenario of the input. */
  readonly scenario: string
}

/** Result of the query `status`. */
export interface LatencyWorkflowStatus {
  /** The scenario of the input. */
  readonly scenario: string
  /** The activity that runs now, or `done`. */
  readonly step: 'collect_telemetry' | 'agent_step' | 'generate_report' | 'done'
  /** Why the agent's run ended; absent while it has not ended. */
  readonly stop_reason?: string
  /** Status of the validation; absent while the agent's run has not ended. */
  readonly status?: string
}

/** On cancellation the workflow waits for the partial result of the running activity. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

const { collect_telemetry, generate_report } = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '5m',
  retry: localRetry,
  cancellationType,
})

const statusQuery = defineQuery<LatencyWorkflowStatus>('status')

/**
 * Handles one latency incident with three activities: collect_telemetry → agent_step → generate_report.
 *
 * When the workflow is cancelled, the agent step returns its partial result, the report is still written, and the
 * workflow completes with stop reason `cancelled` (or `failed`, if the step was waiting for its next attempt). If no
 * attempt is running that could return anything (before the first one, or in the last second of a wait), the workflow
 * itself ends as cancelled, and the query `status` has stop reason `cancelled`.
 *
 * @throws {ApplicationFailure} `InvalidInput` for an invalid input. Any other error would fail the workflow task, which
 * Temporal retries for ever.
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
      log.warn(
        'The workflow was cancelled while no attempt of agent_step was running, so no partial result and no report exist.',
      )
    }
    throw error
  })
  const outcome = { scenario, stop_reason: result.run.stop_reason, status: result.validation.status }
  status = { ...outcome, step: 'generate_report' }
  const report = await CancellationScope.nonCancellable(() => generate_report({ scenario, pre_telemetry, result }))
  status = { ...outcome, step: 'done' }
  return { scenario, ...report }
}

/** Checks the input at run time: any client can send anything. */
function checked(input: Partial<LatencyWorkflowInput> | undefined) {
  const scenario = input?.scenario
  if (typeof scenario !== 'string' || scenario === '' || scenario.length > 200) {
    throw invalid('scenario must be the id of a scenario')
  }
  return { scenario, timeouts: checkedTimeouts(input?.agent_step_timeouts) }
}

function checkedTimeouts(timeouts: AgentStepTimeouts = {}): Required<AgentStepTimeouts> {
  if (typeof timeouts !== 'object' || timeouts === null) {
    throw invalid(`agent_step_timeouts must be an object, not ${JSON.stringify(timeouts)}`)
  }
  for (const [name, value] of Object.entries(timeouts)) {
    if (!Object.hasOwn(defaultTimeouts, name)) {
      throw invalid(`agent_step_timeouts has no "${name}", only ${Object.keys(defaultTimeouts).join(', ')}`)
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw invalid(`agent_step_timeouts.${name} must be a positive integer, not ${JSON.stringify(value)}`)
    }
  }
  return { ...defaultTimeouts, ...timeouts }
}

function invalid(problem: string): ApplicationFailure {
  const message = `The input of latencyWorkflow is { scenario, agent_step_timeouts? }: ${problem}.`
  return ApplicationFailure.nonRetryable(message, 'InvalidInput')
}
