/**
 * Worker options that let another worker continue a run quickly, after a crash and after a shutdown. `createWorker` of `tenrounds/worker` sets them. Spread them
 * into the options of a worker of your own:
 *
 * ```ts
 * const worker = await Worker.create({ taskQueue, workflowsPath, activities, ...takeoverWorkerOptions })
 * ```
 *
 * Heartbeats need no option: an activity sends its checkpoints directly, and the SDK does not delay them.
 *
 * This module does not import `@temporalio/worker`: a package that only defines activities need not install it.
 */
export const takeoverWorkerOptions = {
  /** By default a workflow task waits 10 s for the worker that ran the workflow before, even if it is dead. */
  stickyQueueScheduleToStartTimeout: '1s',
  /**
   * Longest time for a shutdown, in milliseconds. A worker whose connection is dead would wait for half a minute or for ever
   * until its tasks are reported. After this time `worker.run()` rejects; exit the process then.
   */
  shutdownForceTime: 10_000,
} as const
