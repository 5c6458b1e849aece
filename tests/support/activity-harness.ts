import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client'
import type { ActivityOptions } from '@temporalio/common'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import type { OneActivityInput, oneActivityWorkflow } from './one-activity-workflow.ts'
import type { TemporalServer } from './temporal-server.ts'

type Activities = Record<string, (argument: never) => Promise<unknown>>

/** A client and a way to start workers for tests of single activities. */
export interface ActivityHarness extends AsyncDisposable {
  readonly client: Client
  /** Starts a worker for these activities on a queue of its own. */
  startWorker(activities: Activities, taskQueue?: string): Promise<RunningWorker>
  /** Starts a workflow that calls one activity. */
  start(worker: RunningWorker, activity: string, options?: ActivityOptions, argument?: unknown): Promise<WorkflowHandle>
}

export interface RunningWorker extends AsyncDisposable {
  readonly taskQueue: string
}

export async function activityHarness(server: TemporalServer): Promise<ActivityHarness> {
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  const [connection, workerConnection, workflowBundle] = await Promise.all([
    Connection.connect({ address: server.address }),
    NativeConnection.connect({ address: server.address }),
    bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./one-activity-workflow.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    }),
  ])
  const client = new Client({ connection, namespace: server.namespace })
  return {
    client,
    async startWorker(activities, taskQueue = `harness-${randomUUID()}`) {
      const worker = await Worker.create({
        connection: workerConnection,
        namespace: server.namespace,
        taskQueue,
        workflowBundle,
        activities,
        maxHeartbeatThrottleInterval: 50,
        defaultHeartbeatThrottleInterval: 50,
        stickyQueueScheduleToStartTimeout: '1s',
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

/** The error that the activity ended with, out of the workflow's failure. */
export async function activityError(handle: WorkflowHandle): Promise<Error> {
  const error = await handle.result().then(
    (result) => new Error(`The workflow completed with ${JSON.stringify(result)}`),
    (failure: unknown) => failure,
  )
  if (!(error instanceof WorkflowFailedError)) throw error
  return error.cause?.cause instanceof Error ? error.cause.cause : error
}
