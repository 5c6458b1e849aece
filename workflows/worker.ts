import { fileURLToPath } from 'node:url'
import type { NativeConnection, Worker } from '@temporalio/worker'
import { takeoverWorkerOptions } from '../lib/temporal/takeover-worker-options.ts'
import { onAbort } from '../router/on-abort.ts'
import type { ActivityOptions } from './activities.ts'
import {
  checkNamespace,
  connectTo,
  TemporalConnectionError,
  type TemporalOptions,
  temporalSettings,
} from './connection.ts'
import { withTemporal } from './temporal-packages.ts'

/** Options of {@link createWorker} and {@link runWorker}. */
export interface WorkerSettings extends Omit<ActivityOptions, 'slots'> {
  /** @defaultValue `TEMPORAL_NAMESPACE`, otherwise `default` */
  readonly namespace?: string
  /** @defaultValue `TEMPORAL_TASK_QUEUE`, otherwise `tenrounds` */
  readonly taskQueue?: string
  /** Most agent steps that this worker runs at the same time. @defaultValue 100 */
  readonly concurrency?: number
}

/** Options of {@link runWorker}. */
export interface RunWorkerOptions extends WorkerSettings, TemporalOptions {
  /** Stops the worker in addition to SIGTERM and SIGINT. */
  readonly signal?: AbortSignal
  /** Called once, when the worker is connected and polls for tasks. */
  readonly onReady?: (where: WorkerLocation) => void
}

/** The place where a worker polls for tasks. */
export interface WorkerLocation {
  /** Host and port of the Temporal server. */
  readonly address: string
  /** Temporal namespace. */
  readonly namespace: string
  /** Task queue. */
  readonly taskQueue: string
}

const defaultConcurrency = 100

/**
 * Creates a worker for `latencyWorkflow` and its activities, on a connection that the caller opens and closes.
 * Start it with `worker.run()`.
 *
 * @throws {MissingPackageError} if a package of Temporal is not installed.
 */
export async function createWorker(
  options: WorkerSettings & { readonly connection: NativeConnection },
): Promise<Worker> {
  const { connection, namespace: _, taskQueue: __, concurrency, ...activityOptions } = options
  const { Worker } = await withTemporal(() => import('@temporalio/worker'))
  const { createActivities } = await withTemporal(() => import('./activities.ts'))
  const settings = await temporalSettings(options)
  return Worker.create({
    connection,
    namespace: settings.namespace,
    taskQueue: settings.taskQueue,
    workflowsPath,
    activities: createActivities({ ...activityOptions, slots: concurrency ?? defaultConcurrency }),
    maxConcurrentActivityTaskExecutions: concurrency ?? defaultConcurrency,
    ...takeoverWorkerOptions,
  })
}

/**
 * Connects a worker and runs it until SIGTERM, SIGINT or `signal`. Runs in progress continue in another worker. The shutdown
 * takes at most 10 s.
 *
 * @throws {TemporalConnectionError} if no server answers, at the start or during the shutdown, or if the namespace cannot be
 * used. The message says what to do.
 * @throws {MissingPackageError} if a package of Temporal is not installed.
 */
export async function runWorker(options: RunWorkerOptions = {}): Promise<void> {
  const { address: _, env: __, signal, onReady, ...workerSettings } = options
  const { NativeConnection } = await withTemporal(() => import('@temporalio/worker'))
  const { connection: target, namespace, taskQueue } = await temporalSettings(options)
  const connection = await connectTo(target, (to) => NativeConnection.connect(to))
  try {
    await checkNamespace(connection.workflowService, { connection: target, namespace, taskQueue })
    const worker = await createWorker({ ...workerSettings, namespace, taskQueue, connection })
    const running = worker.run()
    // Not with runUntil: it rejects if SIGTERM stops the worker before its promise settles.
    const stopListening =
      signal &&
      onAbort(signal, () => {
        if (worker.getState() === 'RUNNING') worker.shutdown()
      })
    onReady?.({ address: target.address, namespace, taskQueue })
    await running.finally(stopListening).catch((error: unknown) => {
      if (!isForcedShutdown(error)) throw error
      const problem = `did not answer within ${takeoverWorkerOptions.shutdownForceTime / 1_000} s while the worker shut down`
      throw new TemporalConnectionError(
        'temporal_unreachable',
        `The Temporal server at ${target.address} ${problem}. The worker has stopped; its runs continue in another one.`,
      )
    })
  } finally {
    // A worker that was stopped by force still holds the connection.
    await connection.close().catch(() => {})
  }
}

/** A worker that is stopped by force has tasks left, and then the native worker cannot be ended, which is another error. */
function isForcedShutdown(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.name === 'GracefulShutdownPeriodExpiredError' || error.message.startsWith('Worker still in use')
}

/** Path of the workflow file for Temporal's bundler: TypeScript in the repository, JavaScript in the built package. */
export const workflowsPath = fileURLToPath(
  new URL(`./latency-workflow${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)
