import { fileURLToPath } from 'node:url'
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker'
import { type ActivityOptions, createActivities } from './activities.ts'
import { checkNamespace, connectTo, type TemporalOverrides, temporalSettings } from './connection.ts'

interface WorkerSettings extends ActivityOptions {
  readonly namespace?: string
  readonly taskQueue?: string
  /** Agent steps that this worker runs at the same time. @defaultValue 100 */
  readonly concurrency?: number
}

/**
 * How long a heartbeat may be held back, in milliseconds. By default it is most of the heartbeat timeout, and a crash loses rounds. Few are sent
 * (two in a round, and two a second), so there is nothing to hold back.
 */
const heartbeatThrottleMs = 1

/** What a worker needs so that a run outlives it; `createWorker` sets it, and so should a worker of your own. */
export const takeoverWorkerOptions = {
  maxHeartbeatThrottleInterval: heartbeatThrottleMs,
  defaultHeartbeatThrottleInterval: heartbeatThrottleMs,
  // Else a takeover waits 10 s for the queue of the dead worker.
  stickyQueueScheduleToStartTimeout: '1s',
} as const satisfies Partial<WorkerOptions>

/** A worker for `latencyWorkflow` and its activities on a connection that the caller opens and closes. */
export async function createWorker(
  options: WorkerSettings & { readonly connection: NativeConnection },
): Promise<Worker> {
  const { connection, namespace, taskQueue, concurrency, ...activityOptions } = options
  const settings = temporalSettings({
    ...(namespace !== undefined && { namespace }),
    ...(taskQueue !== undefined && { taskQueue }),
  })
  return Worker.create({
    connection,
    namespace: settings.namespace,
    taskQueue: settings.taskQueue,
    workflowsPath,
    activities: createActivities(activityOptions),
    ...(concurrency !== undefined && { maxConcurrentActivityTaskExecutions: concurrency }),
    ...takeoverWorkerOptions,
  })
}

/**
 * Connects, and works until SIGTERM, SIGINT or `signal`; runs in progress go on in another worker.
 *
 * @param options `onReady` is called once the worker takes tasks.
 * @throws {TemporalConnectionError} where no server answers or the namespace is not there; the message says what to set.
 */
export async function runWorker(
  options: WorkerSettings &
    TemporalOverrides & {
      readonly signal?: AbortSignal
      readonly onReady?: (where: {
        readonly address: string
        readonly namespace: string
        readonly taskQueue: string
      }) => void
    } = {},
): Promise<void> {
  const { address, signal, onReady, ...workerSettings } = options
  const settings = temporalSettings(options)
  const connection = await connectTo(settings.connection, (target) => NativeConnection.connect(target))
  try {
    await checkNamespace(connection.workflowService, settings)
    const worker = await createWorker({ ...workerSettings, connection })
    const running = signal === undefined ? worker.run() : worker.runUntil(aborted(signal))
    onReady?.({ address: settings.connection.address, namespace: settings.namespace, taskQueue: settings.taskQueue })
    await running
  } finally {
    await connection.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** The workflow file beside this one: TypeScript in the repository, JavaScript in the built package. */
export const workflowsPath = fileURLToPath(
  new URL(`./latency-workflow${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)
