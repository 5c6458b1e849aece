import { ApplicationFailure } from '@temporalio/common'
import type { TraceEntry } from '../loop/trace.ts'

/** Makes a result at least `excess` bytes shorter, as far as it can. */
export type Shorten<Result> = (result: Result, excess: number) => Result

/**
 * The result, shortened where it is larger than a payload may be.
 *
 * @throws {ApplicationFailure} `ResultTooLarge`, not to be retried, where that is not enough: what Temporal refuses to take
 * would be run, and paid for, again and again.
 */
export function fitResult<Result>(result: Result, maxBytes: number, shorten?: Shorten<Result>): Result {
  const bytes = jsonBytes(result)
  if (bytes <= maxBytes) return result
  const shortened = shorten?.(result, bytes - maxBytes)
  const left = shortened === undefined ? bytes : jsonBytes(shortened)
  if (shortened !== undefined && left <= maxBytes) return shortened
  throw ApplicationFailure.nonRetryable(
    `The result has ${left} bytes of JSON; a payload has room for ${maxBytes}. Let the run return less, e.g. a shorter answer.`,
    'ResultTooLarge',
  )
}

/** Leaves the oldest entries out, and says so in the first one. */
export function shortenTrace(trace: readonly TraceEntry[], excess: number): readonly TraceEntry[] {
  const note = (left: number) => ({
    type: 'warning' as const,
    source: 'activity',
    message: `The first ${left} entries were left out: the result was larger than a payload may be.`,
    elapsed_ms: trace[left]?.elapsed_ms ?? trace.at(-1)?.elapsed_ms ?? 0,
  })
  let saved = -jsonBytes(note(trace.length)) - 1
  let left = 0
  for (const entry of trace) {
    if (saved >= excess) break
    saved += jsonBytes(entry) + 1
    left++
  }
  return left === 0 ? trace : [note(left), ...trace.slice(left)]
}

/**
 * Largest payload that is handed to Temporal, in bytes. The server refuses 2 MiB and more; the rest is room for the
 * envelope and for a payload codec, which may make it longer.
 */
export const payloadLimitBytes = 1_500_000

/** Above this a checkpoint is compressed as far as it goes: every heartbeat sends it again. */
export const heartbeatAimBytes = 262_144

/** UTF-8 bytes of a value as JSON, which is how Temporal's default converter sends it. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
