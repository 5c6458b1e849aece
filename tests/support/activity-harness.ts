import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client'
import type { ActivityOptions } from '@temporalio/common'
import {
  bundleWorkflowCode,
  DefaultLogger,
  type LogEntry,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker'
import { takeoverWorkerOptions } from '../../lib/temporal/index.ts'
import type { OneActivityInput, oneActivityWorkflow } from './one-activity-workflow.ts'
import type { TemporalServer } from './temporal-server.ts'

type Activities = Record<string, (argument: never) => Promise<unknown>>

/** A client and a way to start workers for tests of single activities. */
export interface ActivityHarness extends AsyncDisposable {
  readonly client: Client
  /** Log entries of this process's workers, from warnings upwards. */
  readonly logs: readonly LogEntry[]
  /** Bundle of `one-activity-workflow.ts` and the incident workflow. */
  readonly workflowBundle: WorkflowBundleWithSourceMap
  /** Starts a worker for these activities, by default on a task queue of its own. */
  startWorker(
    activities: Activities,
    taskQueue?: string,
    options?: Pick<WorkerOptions, 'enableNonLocalActivities'>,
  ): Promise<RunningWorker>
  /** Starts a workflow that calls one activity of the worker. */
  start(
    worker: Pick<RunningWorker, 'taskQueue'>,
    activity: string,
    options?: ActivityOptions,
    argument?: unknown,
  ): Promise<WorkflowHandle>
}

/** A worker that is shut down with the resource. */
export interface RunningWorker extends AsyncDisposable {
  readonly taskQueue: string
}

/** Connects to the server and bundles the workflows. */
export async function activityHarness(server: TemporalServer): Promise<ActivityHarness> {
  const logs: LogEntry[] = []
  Runtime.install({ logger: new DefaultLogger('WARN', (entry) => logs.push(entry)) })
  const [connection, workerConnection, workflowBundle] = await Promise.all([
    Connection.connect({ address: server.address }),
    NativeConnection.connect({ address: server.address }),
    bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../temporal/support/workflows.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    }),
  ])
  const client = new Client({ connection, namespace: server.namespace })
  return {
    client,
    logs,
    workflowBundle,
    async startWorker(activities, taskQueue = `harness-${randomUUID()}`, options = {}) {
      const worker = await Worker.create({
        connection: workerConnection,
        namespace: server.namespace,
        taskQueue,
        workflowBundle,
        activities,
        ...takeoverWorkerOptions,
        ...options,
      })
      const running = worker.run()
      running.catch(() => {})
      return {
        taskQueue,
        async [Symbol.asyncDispose]() {
          if (worker.getState() === 'RUNNING') worker.shutdown()
          await running
        },
      }
    },
    start({ taskQueue }, activity, options, argument) {
      const input: OneActivityInput = { activity, argument, ...(options && { options }) }
      return client.workflow.start<typeof oneActivityWorkflow>('oneActivityWorkflow', {
        args: [input],
        taskQueue,
        workflowId: `one-activity-${randomUUID()}`,
      })
    },
    async [Symbol.asyncDispose]() {
      await connection.close()
      await workerConnection.close()
    },
  }
}

/** Waits for the workflow to fail and returns the error of its activity. */
export async function activityError(handle: WorkflowHandle): Promise<Error> {
  const error = await handle.result().then(
    (result) => new Error(`The workflow completed with ${JSON.stringify(result)}`),
    (failure: unknown) => failure,
  )
  if (!(error instanceof WorkflowFailedError)) throw error
  // The failure of a local activity is not wrapped.
  const { cause } = error
  return cause?.cause instanceof Error ? cause.cause : (cause ?? error)
}
