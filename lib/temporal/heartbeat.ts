import { ApplicationFailure, type Context, type Info } from '@temporalio/activity'

/** Cancellation comes with the answer to a heartbeat, so this is also how long a cancelled run may go on unaware. */
const longestIntervalMs = 500

export interface Heartbeat {
  /** Sends a heartbeat now. */
  beat(): void
  stop(): void
}

/**
 * Sends heartbeats at once, then on a timer, until `stop`: at least three in a heartbeat timeout, and two a second.
 *
 * @param details is asked at every heartbeat; the server keeps the newest only.
 */
export function startHeartbeat(context: Context, timeoutMs: number, details: () => unknown): Heartbeat {
  const beat = () => context.heartbeat(details())
  beat()
  const timer = setInterval(beat, Math.min(timeoutMs / 3, longestIntervalMs))
  return { beat, stop: () => clearInterval(timer) }
}

/**
 * The heartbeat timeout of this activity in milliseconds.
 *
 * @throws {ApplicationFailure} `MissingHeartbeatTimeout`, not to be retried, where none is set: then a dead worker is only noticed
 * at start-to-close, and a cancellation never reaches the run.
 */
export function heartbeatTimeoutOf(info: Info): number {
  const { heartbeatTimeoutMs } = info
  if (heartbeatTimeoutMs !== undefined && heartbeatTimeoutMs > 0) return heartbeatTimeoutMs
  throw ApplicationFailure.nonRetryable(
    `Activity "${info.activityType}" has no heartbeat timeout: set heartbeatTimeout, e.g. '30s', where the workflow calls it.`,
    'MissingHeartbeatTimeout',
  )
}
