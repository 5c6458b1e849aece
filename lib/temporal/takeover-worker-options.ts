/**
 * Longest time that the SDK may delay a heartbeat, in milliseconds. By default it is most of the heartbeat timeout, so a
 * crash would lose several rounds. A run sends few heartbeats (two a round and two a second), so none must be delayed.
 */
const heartbeatThrottleMs = 1

/**
 * Worker options that let another worker continue a run quickly and without losing rounds. `createWorker` of
 * `tenrounds/worker` sets them. Spread them into the options of a worker of your own:
 *
 * ```ts
 * const worker = await Worker.create({ taskQueue, workflowsPath, activities, ...takeoverWorkerOptions })
 * ```
 *
 * This module does not import `@temporalio/worker`: a package that only defines activities need not install it.
 */
export const takeoverWorkerOptions = {
  /** Send every heartbeat at once. */
  maxHeartbeatThrottleInterval: heartbeatThrottleMs,
  /** The same for activities without a heartbeat timeout. */
  defaultHeartbeatThrottleInterval: heartbeatThrottleMs,
  /** By default a workflow task waits 10 s for the worker that ran the workflow before, even if it is dead. */
  stickyQueueScheduleToStartTimeout: '1s',
} as const
