import { closest, suggestName } from '../../../router/text/closest.ts'
import { describeOption } from '../../../router/text/shown-value.ts'
import { FaultError } from '../errors.ts'
import type { Fault, ScheduledFault } from '../mock-server/fault.ts'
import { damagedReplies } from './damaged-replies.ts'
import { errorReplies } from './error-replies.ts'
import { streamQuirks } from './stream-faults.ts'
import { bodyFaults, connectionFaults, oversize, slowDrip } from './transport-faults.ts'

/**
 * Faults by name, for `startMockServer({ faults: […] })`. A fault by itself affects every request; `at` and `from` choose
 * requests. Several faults of one request apply in their order.
 *
 * ```ts
 * startMockServer({ faults: [faults.at(1, faults.errorReply('529')), faults.from(3, faults.streamQuirk('no-done'))] })
 * ```
 *
 * Every function throws a {@link FaultError} for a name that does not exist, or a request number below 1.
 */
export const faults = {
  /** The connection breaks, hangs or is slow. */
  connection: (name: keyof typeof connectionFaults): Fault => faultOf(connectionFaults, name),
  /** The server replies with an error, in one of the forms that servers and gateways use. */
  errorReply: (name: keyof typeof errorReplies): Fault => faultOf(errorReplies, name),
  /** The reply has status 200, and a wrong body or content type. */
  body: (name: keyof typeof bodyFaults): Fault => faultOf(bodyFaults, name),
  /** The stream deviates from MiniMax's documents. */
  streamQuirk: (name: keyof typeof streamQuirks): Fault => faultOf(streamQuirks, name),
  /** The reply is well-formed, and its content is wrong. */
  damagedReply: (name: keyof typeof damagedReplies): Fault => faultOf(damagedReplies, name),
  slowDrip,
  oversize,
  /** Affects these requests only, counted from 1. */
  at: (numbers: number | readonly number[], ...combined: readonly Fault[]): ScheduledFault => {
    const chosen = new Set([numbers].flat().map(requestNumber))
    return { faults: combined, hits: (number) => chosen.has(number) }
  },
  /** Affects this request and all later ones, counted from 1. */
  from: (first: number, ...combined: readonly Fault[]): ScheduledFault => {
    requestNumber(first)
    return { faults: combined, hits: (number) => number >= first }
  },
} as const

/** The groups of faults, by the function that returns them. */
const groups = {
  connection: connectionFaults,
  errorReply: errorReplies,
  body: bodyFaults,
  streamQuirk: streamQuirks,
  damagedReply: damagedReplies,
} as const

/** Every fault. */
export const faultTable: readonly Fault[] = Object.values(groups).flatMap((group): readonly Fault[] =>
  Object.values(group),
)

/** @throws {FaultError} if an entry is not a fault, for example because its name does not exist. */
export function checkFaults(schedule: readonly unknown[]): void {
  schedule.forEach((entry, index) => {
    if (!isFault(entry) && !isScheduled(entry)) {
      throw new FaultError(
        'unknown_fault',
        `faults[${index}] is ${describeOption(entry)}; ${callOf(entry) ?? `it must be a fault, such as ${example}. Faults: ${namesOf(faultTable)}`}.`,
      )
    }
  })
}

/** The call that returns the fault with this name, or with one like it; `undefined` for any other value. */
function callOf(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined
  const meant = closest(
    name,
    faultTable.map((fault) => fault.name),
  )
  const group = Object.entries(groups).find(([, faults]) => meant !== undefined && Object.hasOwn(faults, meant))
  return meant === undefined || group === undefined ? undefined : `pass faults.${group[0]}('${meant}')`
}

/** Shown in error messages. */
const example = "faults.errorReply('529') or faults.at(2, faults.errorReply('529'))"

/** The fault of a group with this name. */
function faultOf<Name extends string>(group: Readonly<Record<Name, Fault>>, name: Name): Fault {
  if (Object.hasOwn(group, name)) return group[name]
  throw new FaultError(
    'unknown_fault',
    `This group has no fault ${describeOption(name)}. ${suggestName(String(name), Object.keys(group), 'It has')}`,
  )
}

/** Checks the number of a request. */
function requestNumber(number: number): number {
  if (Number.isInteger(number) && number >= 1) return number
  throw new FaultError(
    'invalid_request_number',
    `A fault cannot affect request ${number}: requests are whole numbers, counted from 1.`,
  )
}

function namesOf(list: readonly Fault[]): string {
  return list.map(({ name }) => name).join(', ')
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'name' in value && 'mode' in value && 'description' in value
}

function isScheduled(value: unknown): value is ScheduledFault {
  if (typeof value !== 'object' || value === null || !('hits' in value) || !('faults' in value)) return false
  return typeof value.hits === 'function' && Array.isArray(value.faults) && value.faults.every(isFault)
}
