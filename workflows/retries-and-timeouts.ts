import type { RetryPolicy } from '@temporalio/workflow'

/** Timeouts of the agent step in milliseconds. Each is an integer and has a minimum, because any client can set it. */
export interface AgentStepTimeouts {
  /** Time for one attempt. The run stops earlier and returns what it has. At least 10000. @defaultValue 900000 */
  readonly start_to_close_ms?: number
  /** Time for all attempts, including the waits between them. At least 10000. @defaultValue 2700000 */
  readonly schedule_to_close_ms?: number
  /**
   * A worker that sends no heartbeat for this long is treated as dead. A cancellation reaches the run within a third of it.
   * At least 1000. @defaultValue 20000
   */
  readonly heartbeat_ms?: number
}

/** Ten rounds of a reasoning model take minutes. */
export const defaultTimeouts: Required<AgentStepTimeouts> = {
  start_to_close_ms: 900_000,
  schedule_to_close_ms: 2_700_000,
  heartbeat_ms: 20_000,
}

/** Shorter ones would let a client fill the server with heartbeats, or end every run before its first reply. */
export const minimumTimeouts: Required<AgentStepTimeouts> = {
  start_to_close_ms: 10_000,
  schedule_to_close_ms: 10_000,
  heartbeat_ms: 1_000,
}

const backOff = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const

/** For activities that only compute and write files. A computation that fails three times will fail again. */
export const localRetry: RetryPolicy = { ...backOff, maximumAttempts: 3 }

/**
 * For the agent step. The time for all attempts is the only bound: lost workers and outages consume attempts, and say
 * nothing about the run. Failures that no later attempt can fix are marked `nonRetryable` themselves, see
 * `toApplicationFailure`.
 */
export const runRetry: RetryPolicy = backOff
