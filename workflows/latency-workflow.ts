import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributeUpdatePair } from '@temporalio/common'
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  isCancellation,
  log,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { PackedJson } from '../lib/temporal/checkpoint-codec.ts'
import type { GeneratedReport, IncidentActivities } from './activities.ts'
import type { RecoverResultInput } from './recover-result.ts'
import {
  type AgentStepTimeouts,
  defaultTimeouts,
  localRetry,
  minimumTimeouts,
  runRetry,
} from './retries-and-timeouts.ts'
import type { IncidentSearchAttributes } from './search-attributes.ts'

export type { IncidentSearchAttributes } from './search-attributes.ts'

/** Input of {@link latencyWorkflow}. */
export interface LatencyWorkflowInput {
  /** Id of a scenario, for example `kv_cache_pressure`. */
  readonly scenario: string
  /** The incident with this id, from `startIncident(incident)`. Absent: the worker has it. */
  readonly incident?: PackedJson
  /** Timeouts of the agent step. */
  readonly agent_step_timeouts?: AgentStepTimeouts
  /** Search attributes to set when the run has ended. @defaultValue none */
  readonly search_attributes?: IncidentSearchAttributes
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
  /** Folder of the report on the worker's machine; absent before it is written. A failed workflow has one, too. */
  readonly report_directory?: string
}

/** On cancellation the workflow waits for the partial result of the running activity. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

/** Local activities run beside the workflow. They never wait for a slot that an agent step occupies. */
const { collect_telemetry, recover_result, usable_search_attributes, generate_report } =
  proxyLocalActivities<IncidentActivities>({
    startToCloseTimeout: '1m',
    retry: localRetry,
    cancellationType,
  })

/** Nobody waits long for a cancellation. Without the server there is nothing to read. */
const { recover_waiting_step } = proxyLocalActivities<IncidentActivities>({
  startToCloseTimeout: '10s',
  retry: { maximumAttempts: 1 },
  cancellationType,
})

const statusQuery = defineQuery<LatencyWorkflowStatus>('status')

/**
 * Handles one latency incident: collect_telemetry → agent_step → generate_report. Only agent_step, which asks the model, is
 * scheduled on the task queue. The others are local activities.
 *
 * When the workflow is cancelled, the agent step returns its partial result, the report is still written, and the
 * workflow completes with stop reason `cancelled`. If the step waits for its next attempt, the partial result comes from
 * its last heartbeat. Without one, or if the step fails, the report has the error, and then the workflow ends as
 * cancelled or failed.
 *
 * If the step runs out of time, the partial result comes from its last heartbeat, and the workflow completes with it.
 *
 * A workflow leaves a report whenever it has the telemetry of the incident. Without it, for example for an unknown
 * scenario, there is nothing to report, and the failure says why. A terminated workflow leaves none: nothing of it runs any
 * more.
 *
 * @throws {ApplicationFailure} `InvalidInput` for an invalid input. Any other error would fail the workflow task, which
 * Temporal retries for ever.
 */
export async function latencyWorkflow(input: LatencyWorkflowInput): Promise<LatencyWorkflowResult> {
  const { timeouts, searchAttributes, ...subject } = checkedInput(input)
  const { scenario } = subject
  const { agent_step } = proxyActivities<IncidentActivities>({
    startToCloseTimeout: timeouts.start_to_close_ms,
    scheduleToCloseTimeout: timeouts.schedule_to_close_ms,
    heartbeatTimeout: timeouts.heartbeat_ms,
    retry: runRetry,
    cancellationType,
  })
  let status: LatencyWorkflowStatus = { scenario, step: 'collect_telemetry' }
  setHandler(statusQuery, () => status)

  const pre_telemetry = await collect_telemetry(subject).catch((error: unknown) => {
    // A workflow that is cancelled this early leaves a report as well. Earlier releases ended here.
    if (!isCancellation(error) || !patched('report-cancelled-collection')) throw error
    return CancellationScope.nonCancellable(() => collect_telemetry(subject))
  })
  status = { scenario, step: 'agent_step' }
  let failure: { readonly error: unknown } | undefined
  const { step, recovered } = shieldedStep(
    () => agent_step({ ...subject, pre_telemetry }),
    () => recover_waiting_step({ ...subject, pre_telemetry, stop_reason: 'cancelled', error: cancelledWhileWaiting }),
  )
  const result = await step.catch((error: unknown) => {
    const saved = recovered()
    if (saved != null && isCancellation(error)) return saved
    failure = { error }
    return CancellationScope.nonCancellable(() =>
      recover_result({ ...subject, pre_telemetry, ...remainsOf(error) }),
    ).catch(() => {
      throw error
    })
  })
  const { stop_reason, rounds, run_id } = result.run
  const outcome = { scenario, stop_reason, status: result.validation.status }
  status = { ...outcome, step: 'generate_report' }
  const started_at = workflowInfo().runStartTime.toISOString()
  const report: Omit<LatencyWorkflowResult, 'scenario'> = await CancellationScope.nonCancellable(() =>
    generate_report({ ...subject, pre_telemetry, result, started_at }).catch((error: unknown) => {
      // The answer is there, and it must not be lost with the report.
      log.error('The report could not be generated.', { error })
      return { run_id, stop_reason, status: outcome.status, report_error: messageOf(error) }
    }),
  )
  const { report_directory } = report
  status = { ...outcome, step: 'done', ...(report_directory !== undefined && { report_directory }) }
  setCurrentDetails(`**${stop_reason}** after ${rounds} rounds, validation: **${outcome.status}**`)
  if (Object.keys(searchAttributes).length > 0) {
    const usable = await CancellationScope.nonCancellable(() => usable_search_attributes(searchAttributes)).catch(
      (error: unknown) => {
        log.warn('The search attributes are not set: their registration could not be checked.', { error })
        return {}
      },
    )
    setSearchAttributes(usable, stop_reason, rounds)
  }
  if (failure !== undefined && !(isTimeout(failure.error) && rounds > 0)) throw failure.error
  return { scenario, ...report }
}

const cancelledWhileWaiting: RecoverResultInput['error'] = {
  name: 'CancelledFailure',
  message: 'The run was cancelled while it waited for the next attempt.',
}

/**
 * Starts a step that is cancelled with the workflow, but only after `recover` has read what the server knows of it. After
 * the cancellation of a step without a running attempt, the server knows nothing any more.
 *
 * @returns the step, and a function for what was recovered.
 */
function shieldedStep<Result, Recovered>(
  start: () => Promise<Result>,
  recover: () => Promise<Recovered>,
): { readonly step: Promise<Result>; readonly recovered: () => Recovered | undefined } {
  const workflow = CancellationScope.current()
  // A workflow that is cancelled already does not start the step.
  if (workflow.consideredCancelled) return { step: start(), recovered: () => undefined }
  let recovered: Recovered | undefined
  let isOver = false
  const step = CancellationScope.nonCancellable(() => {
    const inner = new CancellationScope()
    const cancel = async (): Promise<void> => {
      // Workflows that were cancelled by an earlier release did not read anything.
      if (!isOver && patched('recover-waiting-step')) recovered = await recover().catch(() => undefined)
      if (!isOver) inner.cancel()
    }
    workflow.cancelRequested.catch(() => CancellationScope.nonCancellable(cancel))
    return inner.run(start)
  }).finally(() => {
    isOver = true
  })
  return { step, recovered: () => recovered }
}

/** The parts of a failed agent step that the report can use. */
function remainsOf(error: unknown): Pick<RecoverResultInput, 'stop_reason' | 'error' | 'heartbeat_details'> {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (isCancellation(error)) return { stop_reason: 'cancelled', error: errorOf('CancelledFailure', cause) }
  const type = cause instanceof ApplicationFailure ? cause.type : undefined
  const details = cause instanceof TimeoutFailure ? cause.lastHeartbeatDetails : undefined
  return {
    stop_reason: 'failed',
    error: errorOf(type ?? 'TimeoutFailure', cause),
    ...(details !== undefined && { heartbeat_details: details }),
  }
}

function errorOf(name: string, error: unknown): RecoverResultInput['error'] {
  return { name, message: messageOf(error) }
}

function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure && error.cause !== undefined ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

function isTimeout(error: unknown): boolean {
  return error instanceof ActivityFailure && error.cause instanceof TimeoutFailure
}

function setSearchAttributes(names: IncidentSearchAttributes, stopReason: string, rounds: number): void {
  const pairs: SearchAttributeUpdatePair[] = []
  if (names.stop_reason !== undefined) {
    pairs.push({ key: defineSearchAttributeKey(names.stop_reason, SearchAttributeType.KEYWORD), value: stopReason })
  }
  if (names.rounds !== undefined) {
    pairs.push({ key: defineSearchAttributeKey(names.rounds, SearchAttributeType.INT), value: rounds })
  }
  if (pairs.length > 0) upsertSearchAttributes(pairs)
}

/** Checks the input at run time: any client can send anything. */
function checkedInput(input: Partial<LatencyWorkflowInput> | undefined) {
  const scenario = input?.scenario
  if (typeof scenario !== 'string' || scenario === '' || scenario.length > 200) {
    throw invalid('scenario must be the id of a scenario')
  }
  const { incident } = input ?? {}
  if (incident !== undefined && (typeof incident !== 'object' || typeof incident?.data !== 'string')) {
    throw invalid('incident must be packed by startIncident(incident)')
  }
  return {
    scenario,
    ...(incident && { incident }),
    timeouts: checkedTimeouts(input?.agent_step_timeouts),
    searchAttributes: checkedSearchAttributes(input?.search_attributes),
  }
}

function checkedTimeouts(timeouts: AgentStepTimeouts = {}): Required<AgentStepTimeouts> {
  if (typeof timeouts !== 'object' || timeouts === null) {
    throw invalid(`agent_step_timeouts must be an object, not ${JSON.stringify(timeouts)}`)
  }
  for (const [name, value] of Object.entries(timeouts)) {
    if (!Object.hasOwn(defaultTimeouts, name)) {
      throw invalid(`agent_step_timeouts has no "${name}", only ${Object.keys(defaultTimeouts).join(', ')}`)
    }
    const minimum = minimumTimeouts[name as keyof AgentStepTimeouts]
    if (!Number.isSafeInteger(value) || value < minimum) {
      const required = `an integer of at least ${minimum}`
      throw invalid(`agent_step_timeouts.${name} must be ${required}, not ${JSON.stringify(value)}`)
    }
  }
  return { ...defaultTimeouts, ...timeouts }
}

function checkedSearchAttributes(names: IncidentSearchAttributes = {}): IncidentSearchAttributes {
  if (typeof names !== 'object' || names === null) throw invalid('search_attributes must be an object')
  for (const [member, name] of Object.entries(names)) {
    if (member !== 'stop_reason' && member !== 'rounds') throw invalid(`search_attributes has no "${member}"`)
    if (typeof name !== 'string' || name === '') throw invalid(`search_attributes.${member} must be a name`)
  }
  return names
}

function invalid(problem: string): ApplicationFailure {
  const message = `The input of latencyWorkflow is { scenario, incident?, agent_step_timeouts?, search_attributes? }: ${problem}.`
  return ApplicationFailure.nonRetryable(message, 'InvalidInput')
}
