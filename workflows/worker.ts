import { NativeConnection, Worker } from '@temporalio/worker'
import { type ActivityOptions, createActivities } from './activities.ts'
import { connectTo, temporalSettings } from './connection.ts'
import { workflowsPath } from './workflows-path.ts'

export interface WorkerSettings extends ActivityOptions {
  readonly namespace?: string
  readonly taskQueue?: string
}

/** How long a heartbeat may be held back, in milliseconds. By default it is most of the heartbeat timeout, and a crash loses rounds. */
const heartbeatThrottleMs = 50

/** A worker for `latencyWorkflow` and its activities on a connection that the caller opens and closes. */
export async function createWorker(
  options: WorkerSettings & { readonly connection: NativeConnection },
): Promise<Worker> {
  const { connection, namespace, taskQueue, ...activityOptions } = options
  const settings = temporalSettings()
  return Worker.create({
    connection,
    namespace: namespace ?? settings.namespace,
    taskQueue: taskQueue ?? settings.taskQueue,
    workflowsPath,
    activities: createActivities(activityOptions),
    maxHeartbeatThrottleInterval: heartbeatThrottleMs,
    defaultHeartbeatThrottleInterval: heartbeatThrottleMs,
    // Else a takeover waits 10 s for the queue of the dead worker.
    stickyQueueScheduleToStartTimeout: '1s',
  })
}

/**
 * Connects, and works until SIGTERM, SIGINT or `signal`; runs in progress go on in another worker.
 *
 * @throws {Error} where no server answers; the message says at which address and what to set.
 */
export async function runWorker(
  options: WorkerSettings & { readonly address?: string; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { address, signal, ...settings } = options
  const connection = await connectTo(address ?? temporalSettings().address, (target) =>
    NativeConnection.connect(target),
  )
  try {
    const worker = await createWorker({ ...settings, connection })
    await (signal === undefined ? worker.run() : worker.runUntil(aborted(signal)))
  } finally {
    await connection.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
