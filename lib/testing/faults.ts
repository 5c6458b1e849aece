import { bodyFaults, oversize } from './faults/body-faults.ts'
import { connectionFaults, slowDrip } from './faults/connection-faults.ts'
import { damagedReplies } from './faults/damaged-replies.ts'
import { errorReplies } from './faults/error-replies.ts'
import type { Fault, ScheduledFault } from './faults/fault.ts'
import { faultOf } from './faults/fault-names.ts'
import { streamQuirks } from './faults/stream-quirks.ts'

/**
 * What can go wrong at an endpoint, by name, for `startStandIn({ faults: […] })`: a fault by itself hits every request,
 * `at` and `from` choose. Faults of one request are combined in order.
 *
 * @throws {TypeError} for a name that does not exist; it lists those that do.
 * @throws {RangeError} for a request that is never reached: they are counted from 1.
 */
export const faults = {
  /** The connection breaks, hangs, or is slow. */
  connection: (name: keyof typeof connectionFaults): Fault => faultOf(connectionFaults, name),
  /** The server refuses, in one of the many forms in which servers do. */
  errorReply: (name: keyof typeof errorReplies): Fault => faultOf(errorReplies, name),
  /** A 200 whose body or content type is wrong. */
  body: (name: keyof typeof bodyFaults): Fault => faultOf(bodyFaults, name),
  /** A stream that deviates from the documents. */
  streamQuirk: (name: keyof typeof streamQuirks): Fault => faultOf(streamQuirks, name),
  /** A reply that says something wrong in a well-formed way. */
  damagedReply: (name: keyof typeof damagedReplies): Fault => faultOf(damagedReplies, name),
  slowDrip,
  oversize,
  /** At these requests, counted from 1. */
  at: (numbers: number | readonly number[], ...combined: readonly Fault[]): ScheduledFault => {
    const hit = new Set([numbers].flat().map(counted))
    return { faults: combined, hits: (number) => hit.has(number) }
  },
  /** From this request on, counted from 1. */
  from: (first: number, ...combined: readonly Fault[]): ScheduledFault => {
    counted(first)
    return { faults: combined, hits: (number) => number >= first }
  },
} as const

function counted(number: number): number {
  if (Number.isInteger(number) && number >= 1) return number
  throw new RangeError(`A fault was to hit request ${number}: requests are whole numbers, counted from 1.`)
}
