/** Sizes of Temporal payloads, and how a result is made to fit. */
import { ApplicationFailure } from '@temporalio/common'
import { shortenTrace as dropOldest, type TraceEntry } from '../loop/trace.ts'

/**
 * Largest payload that is given to Temporal, in bytes. The server refuses 2 MiB and more. The difference is room for the
 * envelope and for a payload codec, which can make the payload longer.
 */
export const payloadLimitBytes = 1_500_000

/** Shortens a result by at least `excess` bytes of JSON, as far as possible. */
export type Shorten<Result> = (result: Result, excess: number) => Result

/**
 * Returns the result if it fits into a payload, otherwise a shortened one.
 *
 * @throws {ApplicationFailure} `ResultTooLarge`, not retryable, if it does not fit even then. Temporal would refuse such a
 * result and run the activity, with its paid model calls, again and again.
 */
export function fitPayload<Result>(result: Result, maxBytes: number, shorten?: Shorten<Result>): Result {
  const bytes = jsonBytes(result)
  if (bytes <= maxBytes) return result
  const shortened = shorten?.(result, bytes - maxBytes)
  const bytesLeft = shortened === undefined ? bytes : jsonBytes(shortened)
  if (shortened !== undefined && bytesLeft <= maxBytes) return shortened
  throw ApplicationFailure.nonRetryable(
    `The result is ${bytesLeft} bytes of JSON, more than the limit of ${maxBytes} for a payload. Let the run return less, for example a shorter answer.`,
    'ResultTooLarge',
  )
}

/** Drops the oldest entries of a trace until `excess` bytes are saved. The first entry left is a warning that says so. */
export function shortenTrace(trace: readonly TraceEntry[], excess: number): readonly TraceEntry[] {
  return dropOldest(trace, excess, jsonBytes, (dropped) => ({
    source: 'activity',
    message: `The first ${dropped} entries were dropped because the result was too large for a payload of Temporal.`,
  }))
}

/** Bytes of a value as JSON in UTF-8, which is how Temporal's default converter sends it. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
