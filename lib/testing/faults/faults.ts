import { damagedReplies } from './damaged-replies.ts'
import { errorReplies } from './error-replies.ts'
import type { Fault, ScheduledFault } from './fault.ts'
import { streamQuirks } from './stream-faults.ts'
import { bodyFaults, connectionFaults, oversize, slowDrip } from './transport-faults.ts'

/**
 * What can go wrong at an endpoint, by name, for `startMockServer({ faults: […] })`: a fault by itself hits every request,
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

/** Every fault, with what a run over a good client comes to. */
export const faultTable: readonly Fault[] = [
  connectionFaults,
  errorReplies,
  bodyFaults,
  streamQuirks,
  damagedReplies,
].flatMap((group): readonly Fault[] => Object.values(group))

/** @throws {TypeError} where an entry is no fault, as by a name that does not exist. */
export function checkFaults(schedule: readonly unknown[]): void {
  schedule.forEach((entry, index) => {
    if (!isFault(entry) && !isScheduled(entry)) {
      throw new TypeError(
        `faults[${index}] is ${shown(entry)}: give one of these by their group, as ${example}: ${names()}.`,
      )
    }
  })
}

/** A fault of one group. @throws {TypeError} where it has none of that name, and says which it has. */
function faultOf<Name extends string>(group: Readonly<Record<Name, Fault>>, name: Name): Fault {
  if (Object.hasOwn(group, name)) return group[name]
  throw new TypeError(`There is no such fault as ${shown(name)} here, but ${Object.keys(group).join(', ')}.`)
}

const example = "faults.errorReply('529') or faults.at(2, …)"

function names(): string {
  return faultTable.map(({ name }) => name).join(', ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' ? 'no fault' : String(value)
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'name' in value && 'mode' in value && 'expected' in value
}

function isScheduled(value: unknown): value is ScheduledFault {
  if (typeof value !== 'object' || value === null || !('hits' in value) || !('faults' in value)) return false
  return typeof value.hits === 'function' && Array.isArray(value.faults) && value.faults.every(isFault)
}
