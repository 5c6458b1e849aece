import type { RetryPolicy } from '@temporalio/workflow'

/**
 * What no later attempt can cure. The failures say so themselves (`nonRetryable`); the list repeats it for those who read the policy.
 *
 * - configuration: `ModelError.authentication`, `ModelError.configuration`, `MissingHeartbeatTimeout`, `UnknownScenarioError`, misuse (`TypeError`,
 *   `RangeError`, `LoopError`)
 * - the request: `ModelError.invalid_request`, `ModelError.context_length`, `ModelError.content_filter`
 * - the account: `ModelError.quota`
 * - the size: `ResultTooLarge`
 * - a run that had failed before a crash, of which nobody knows why: `RunFailed`
 *
 * Left to be retried: `ModelError.rate_limit` (after the time asked for), `overloaded`, `server`, `timeout`, `network`, `protocol`, `WorkerShutdown`.
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
]

const backOff = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const

/** For work in this process that needs no network: what fails thrice goes on failing. */
export const localRetry: RetryPolicy = { ...backOff, maximumAttempts: 3, nonRetryableErrorTypes }

/**
 * For a run. Its model is not retried inside the activity, so every failed model call is an attempt, and so is every lost
 * worker: ten of them, as a run may have ten model calls. Each goes on from the checkpoint and costs one call, so a run makes
 * at most nineteen. With the waits between them they outlast an outage of two and a half minutes.
 */
export const runRetry: RetryPolicy = { ...backOff, maximumAttempts: 10, nonRetryableErrorTypes }
