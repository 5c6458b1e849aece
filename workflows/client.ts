import { randomUUID } from 'node:crypto'
import type { Client, WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client'
import type { Payload } from '@temporalio/common'
import type { PackedJson } from '../lib/temporal/checkpoint-codec.ts'
import { type RunProgress, readProgress } from '../lib/temporal/progress.ts'
import { type Incident, incidentId } from '../tools/scenario-source.ts'
import { activityState } from './activity-state.ts'
import { checkNamespace, connectTo, type TemporalOptions, temporalSettings } from './connection.ts'
import type {
  IncidentSearchAttributes,
  LatencyWorkflowResult,
  LatencyWorkflowStatus,
  latencyWorkflow,
} from './latency-workflow.ts'
import { type AgentStepTimeouts, defaultTimeouts } from './retries-and-timeouts.ts'
import { withTemporal } from './temporal-packages.ts'

/**
 * Connects to Temporal as the options or the environment say. Close it with `client.connection.close()`.
 *
 * @throws {TemporalConnectionError} if no server answers or the namespace cannot be used; the message says what to set.
 * @throws {MissingPackageError} if `@temporalio/client` or `@temporalio/envconfig` is not installed.
 */
export async function connectClient(options: TemporalOptions = {}): Promise<Client> {
  const { Client, Connection } = await withTemporal(() => import('@temporalio/client'))
  const settings = await temporalSettings(options)
  const connection = await connectTo(settings.connection, (target) =>
    Connection.connect({ ...target, connectTimeout: '5s' }),
  )
  try {
    await checkNamespace(connection.workflowService, settings)
  } catch (error) {
    await connection.close()
    throw error
  }
  return new Client({ connection, namespace: settings.namespace })
}

/** Options of {@link startIncident}. */
export interface StartOptions {
  /** Client to start the workflow with, for example that of {@link connectClient}. It stays open. */
  readonly client: Client
  /** Task queue of the worker. @defaultValue `TEMPORAL_TASK_QUEUE`, otherwise `tenrounds` */
  readonly taskQueue?: string
  /** @defaultValue `latency-<scenario>-<random UUID>` */
  readonly workflowId?: string
  /** Timeouts of the agent step. */
  readonly timeouts?: AgentStepTimeouts
  /** Search attributes to set when the run has ended. They must be registered in the namespace. @defaultValue none */
  readonly searchAttributes?: IncidentSearchAttributes
}

/** A workflow started by {@link startIncident}. */
export interface StartedIncident {
  /** Temporal's handle, to cancel the workflow or to read its history. */
  readonly handle: WorkflowHandleWithFirstExecutionRunId<typeof latencyWorkflow>
  /** Resolves when the workflow completes. Rejects with Temporal's `WorkflowFailedError` if it fails. */
  result(): Promise<LatencyWorkflowResult>
  /** The workflow's current step. Needs a worker, which answers the query. */
  status(): Promise<LatencyWorkflowStatus>
}

/**
 * Starts `latencyWorkflow` for one incident. It does not wait for a worker.
 *
 * @param incident the id of an incident that the worker has, for example `kv_cache_pressure`, or an incident that travels in
 * the workflow's input with its secrets masked, so that the worker does not need its files.
 * @throws {IncidentPayloadError} `incident_too_large` if the incident has more than 1 MB after compression.
 */
export async function startIncident(incident: string | Incident, options: StartOptions): Promise<StartedIncident> {
  const { client, taskQueue, workflowId, timeouts, searchAttributes } = options
  const scenario = typeof incident === 'string' ? incident : incidentId(incident)
  const packed = typeof incident === 'string' ? undefined : await packedIncident(incident)
  const handle = await client.workflow.start<typeof latencyWorkflow>('latencyWorkflow', {
    args: [
      {
        scenario,
        ...(packed && { incident: packed }),
        ...(timeouts && { agent_step_timeouts: timeouts }),
        ...(searchAttributes && { search_attributes: searchAttributes }),
      },
    ],
    taskQueue: taskQueue ?? (await temporalSettings()).taskQueue,
    workflowId: workflowId ?? `latency-${scenario}-${randomUUID()}`,
    workflowExecutionTimeout: workflowTimeoutMs(timeouts),
  })
  return {
    handle,
    result: () => handle.result(),
    status: () => handle.query<LatencyWorkflowStatus, []>('status'),
  }
}

/** Time for the steps beside the agent step, and for the wait for a worker. */
const otherStepsMs = 75 * 60_000

/**
 * Longer than the timeouts of all steps together, because a workflow that runs into it leaves no report. It ends workflows
 * for which no worker ever starts. At least two hours.
 */
function workflowTimeoutMs({ schedule_to_close_ms }: AgentStepTimeouts = {}): number {
  const { schedule_to_close_ms: usualMs } = defaultTimeouts
  // The workflow refuses any other value, with a message.
  const isUsable = schedule_to_close_ms !== undefined && Number.isSafeInteger(schedule_to_close_ms)
  return otherStepsMs + Math.max(isUsable ? schedule_to_close_ms : usualMs, usualMs)
}

async function packedIncident(incident: Incident): Promise<PackedJson> {
  const { packIncident } = await withTemporal(() => import('./incident-payload.ts'))
  return packIncident(incident)
}

/** State of a workflow as the Temporal server knows it, even while no worker is running. */
export interface IncidentView {
  /** Temporal's name: `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `TERMINATED`, `TIMED_OUT`, … */
  readonly status: string
  /** Task queue that a worker must poll for the workflow to continue. */
  readonly taskQueue: string
  /** The current activity; absent between two activities and after the last one. */
  readonly activity?: {
    /** Type of the activity: `agent_step`. The other steps are local activities, which the server does not show. */
    readonly name: string
    /** `SCHEDULED` (waiting for a worker or for its next attempt), `STARTED`, `CANCEL_REQUESTED`, …; empty if unknown. */
    readonly state: string
    /** Number of the attempt; 1 for the first. */
    readonly attempt: number
    /** Message of the previous attempt's failure. */
    readonly lastFailure?: string
    /** Progress of the run in the last heartbeat. */
    readonly progress?: RunProgress
  }
}

/** Reads the state of a workflow once. Progress comes from the heartbeat details of its pending activity. */
export async function viewIncident(handle: WorkflowHandle): Promise<IncidentView> {
  const { status, taskQueue, raw } = await handle.describe()
  const view = { status: status.name, taskQueue }
  const pending = raw.pendingActivities?.[0]
  if (pending == null) return view
  const progress = await progressIn(pending.heartbeatDetails?.payloads?.[0])
  const lastFailure = pending.lastFailure?.message
  return {
    ...view,
    activity: {
      name: pending.activityType?.name ?? '',
      state: activityState(pending.state),
      attempt: pending.attempt ?? 1,
      ...(lastFailure ? { lastFailure } : {}),
      ...(progress && { progress }),
    },
  }
}

/** `undefined` for encrypted details and for those of other activities. */
async function progressIn(payload: Payload | undefined | null): Promise<RunProgress | undefined> {
  if (!payload) return undefined
  const { defaultPayloadConverter } = await withTemporal(() => import('@temporalio/common'))
  try {
    return readProgress(defaultPayloadConverter.fromPayload(payload))
  } catch {
    return undefined
  }
}
