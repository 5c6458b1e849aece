import { randomUUID } from 'node:crypto'
import { Client, Connection, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client'
import { checkNamespace, connectTo, type TemporalOverrides, temporalSettings } from './connection.ts'
import type { LatencyWorkflowResult, LatencyWorkflowStatus, latencyWorkflow } from './latency-workflow.ts'
import type { AgentStepTimeouts } from './timeouts.ts'

/** @throws {TemporalConnectionError} where no server answers or the namespace is not there; the message says what to set. */
export async function connectClient(options: TemporalOverrides = {}): Promise<Client> {
  const settings = temporalSettings(options)
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

export interface StartOptions {
  readonly client: Client
  /** @defaultValue `TEMPORAL_TASK_QUEUE`, else `tenrounds` */
  readonly taskQueue?: string
  /** @defaultValue made up of the scenario and a random id */
  readonly workflowId?: string
  readonly timeouts?: AgentStepTimeouts
}

export interface StartedIncident {
  readonly handle: WorkflowHandleWithFirstExecutionRunId<typeof latencyWorkflow>
  /** Resolves when the workflow completes; rejects with `WorkflowFailedError`. */
  result(): Promise<LatencyWorkflowResult>
  status(): Promise<LatencyWorkflowStatus>
}

/** Starts `latencyWorkflow` for one scenario. */
export async function startIncident(scenario: string, options: StartOptions): Promise<StartedIncident> {
  const { client, taskQueue, workflowId, timeouts } = options
  const handle = await client.workflow.start<typeof latencyWorkflow>('latencyWorkflow', {
    args: [{ scenario, ...(timeouts && { agent_step_timeouts: timeouts }) }],
    taskQueue: taskQueue ?? temporalSettings().taskQueue,
    workflowId: workflowId ?? `latency-${scenario}-${randomUUID()}`,
    // More than the timeouts of its steps come to: what waits longer waits for a worker that does not come.
    workflowExecutionTimeout: '2h',
  })
  return {
    handle,
    result: () => handle.result(),
    status: () => handle.query<LatencyWorkflowStatus, []>('status'),
  }
}
