import type { RetryPolicy } from '@temporalio/workflow'

/** Timeouts of the agent step in milliseconds. Each must be a positive integer. */
export interface AgentStepTimeouts {
  /** Time for one attempt. The run stops earlier and returns what it has. @defaultValue 900000 */
  readonly start_to_close_ms?: number
  /** Time for all attempts, including the waits between them. @defaultValue 2700000 */
  readonly schedule_to_close_ms?: number
  /** A worker that sends no heartbeat for this long is treated as dead. @defaultValue 20000 */
  readonly heartbeat_ms?: number
}

/** Ten rounds of a reasoning model take minutes. */
export const defaultTimeouts: Required<AgentStepTimeouts> = {
  start_to_close_ms: 900_000,
  schedule_to_close_ms: 2_700_000,
  heartbeat_ms: 20_000,
}

/**
 * Failures that no later attempt can fix. Each is also marked `nonRetryable` itself; the list documents the policy in
 * the workflow's history.
 *
 * - configuration: `ModelError.authentication`, `ModelError.configuration`, `MissingHeartbeatTimeout`,
 *   `UnknownScenarioError`, wrong options and definitions (`LoopError`, `InvalidToolError`, `InvalidSchemaError`,
 *   `TypeError`, `RangeError`)
 * - the request: `ModelError.invalid_request`, `ModelError.context_length`, `ModelError.content_filter`
 * - the account: `ModelError.quota`
 * - the size: `ResultTooLarge`
 * - a run that had failed before a crash, for a reason that is no longer known: `RunFailed`
 *
 * Everything else is retried: `ModelError.rate_limit` (after the time that the server asks for), `overloaded`,
 * `server`, `timeout`, `network` and `protocol`, `WorkerShutdown`, and unknown errors.
 */
const nonRetryableErrorTypes = [
  'ModelError.authentication',
  'ModelError.configuration',
  'ModelError.invalid_request',
  'ModelError.context_length',
  'ModelError.content_filter',
  'ModelError.quota',
  'MissingHeartbeatTimeout',
  'ResultTooLarge',
  'RunFailed',
  'UnknownScenarioError',
  'TypeError',
  'RangeError',
  'LoopError',
  'InvalidToolError',
  'InvalidSchemaError',
]

const backOff = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const

/** For activities that only compute and write files. What fails three times will fail again. */
export const localRetry: RetryPolicy = { ...backOff, maximumAttempts: 3, nonRetryableErrorTypes }

/**
 * For the agent step. Model calls are not retried inside the activity, so each failed call and each lost worker costs
 * one attempt. Ten attempts match the ten rounds of a run: every attempt resumes from the checkpoint and repeats at most
 * one call, so a run makes at most nineteen. With the waits between them they outlast an outage of 2.5 minutes.
 */
export const runRetry: RetryPolicy = { ...backOff, maximumAttempts: 10, nonRetryableErrorTypes }
