import { randomUUID } from 'node:crypto'
import { Client, Connection, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client'
import { connectTo, temporalSettings } from './connection.ts'
import type { LatencyWorkflowResult, LatencyWorkflowStatus, latencyWorkflow } from './latency-workflow.ts'

/** @throws {Error} where no server answers; the message says at which address and what to set. */
export async function connectClient(
  options: { readonly address?: string; readonly namespace?: string } = {},
): Promise<Client> {
  const settings = temporalSettings()
  const connection = await connectTo(options.address ?? settings.address, (target) =>
    Connection.connect({ ...target, connectTimeout: '5s' }),
  )
  return new Client({ connection, namespace: options.namespace ?? settings.namespace })
}

export interface StartedIncident {
  readonly handle: WorkflowHandleWithFirstExecutionRunId<typeof latencyWorkflow>
  /** Resolves when the workflow completes; rejects with `WorkflowFailedError`. */
  result(): Promise<LatencyWorkflowResult>
  status(): Promise<LatencyWorkflowStatus>
}

/**
 * Starts `latencyWorkflow` for one scenario.
 *
 * @param options `workflowId` is made up from the scenario and a random id unless given.
 */
export async function startIncident(
  scenario: string,
  options: { readonly client: Client; readonly taskQueue?: string; readonly workflowId?: string },
): Promise<StartedIncident> {
  const { client, taskQueue, workflowId } = options
  const handle = await client.workflow.start<typeof latencyWorkflow>('latencyWorkflow', {
    args: [{ scenario }],
    taskQueue: taskQueue ?? temporalSettings().taskQueue,
    workflowId: workflowId ?? `latency-${scenario}-${randomUUID()}`,
  })
  return {
    handle,
    result: () => handle.result(),
    status: () => handle.query<LatencyWorkflowStatus, []>('status'),
  }
}
