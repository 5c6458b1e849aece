import { bodyFaults } from './body-faults.ts'
import { connectionFaults } from './connection-faults.ts'
import { damagedReplies } from './damaged-replies.ts'
import { errorReplies } from './error-replies.ts'
import type { Fault, ScheduledFault } from './fault.ts'
import { streamQuirks } from './stream-quirks.ts'

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
export function faultOf<Name extends string>(group: Readonly<Record<Name, Fault>>, name: Name): Fault {
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
