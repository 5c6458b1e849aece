import { setImmediate as turn } from 'node:timers/promises'
import { ApplicationFailure, type Context, type Info } from '@temporalio/activity'

/** Cancellation comes with the answer to a heartbeat, so this is also how long a cancelled run may go on unaware. */
const longestPauseMs = 500

export interface Heartbeat {
  /** Sends a heartbeat now; resolves when it is on its way. */
  beat(): Promise<void>
  /** Sends one as soon as the process is free; none where another one went out before. */
  beatSoon(): void
  /** Sends now what would be sent soon. */
  flush(): Promise<void>
  stop(): void
}

/**
 * Sends heartbeats at once, then whenever none went out for a while, until `stop`: at least three in a heartbeat timeout, and two a
 * second.
 *
 * @param details is asked at every heartbeat; the server keeps the newest only.
 */
export function startHeartbeat(context: Context, timeoutMs: number, details: () => unknown): Heartbeat {
  let soon: NodeJS.Immediate | undefined
  const timer = setInterval(() => send(), Math.min(timeoutMs / 3, longestPauseMs))
  const send = () => {
    clearImmediate(soon)
    soon = undefined
    timer.refresh()
    context.heartbeat(details())
  }
  const beat = async () => {
    send()
    // The SDK encodes details in later microtasks.
    await turn()
  }
  send()
  return {
    beat,
    beatSoon: () => {
      soon ??= setImmediate(send)
    },
    flush: async () => {
      if (soon !== undefined) await beat()
    },
    stop: () => {
      clearInterval(timer)
      clearImmediate(soon)
    },
  }
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
