import { type ReadArguments, readArguments } from '../arguments.ts'
import { isObject, isTooDeep } from '../json/json.ts'
import { type CallRefusal, type Repair, repair, type ToolCall } from '../tool-call.ts'

/** Whether a server gives the id back as it came: printable, and short enough to be shown in full. */
function isUsable(id: string): boolean {
  if (id === '' || id.length > 128) return false
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}

export interface CallListOptions {
  /** The reply was cut off: no call in it may be executed. */
  readonly truncated: boolean
  /** Makes an id for a call that has none. */
  readonly newId: (index: number) => string
}

/** A call as one of the readers found it. */
export interface FoundCall {
  readonly id?: unknown
  readonly name: string
  readonly rawArguments: unknown
  /** Why it cannot be executed, whatever its arguments are. */
  readonly problem?: string | undefined
  /** How it was found, where that was not the native way. */
  readonly mended?: Repair
}

/** The calls of one reply, in order: each with an id of its own and arguments that are an object, or a refusal. */
export interface CallList {
  readonly calls: readonly ToolCall[]
  add(found: FoundCall): void
}

export function newCallList({ truncated, newId }: CallListOptions): CallList {
  const calls: ToolCall[] = []
  const taken = new Set<string>()

  const idOf = (wireId: unknown, repairs: Repair[]): string => {
    const given = typeof wireId === 'string' ? wireId : ''
    const before = taken.size
    if (isUsable(given) && taken.add(given).size > before) return given
    const base = newId(calls.length)
    let id = base
    for (let attempt = 2; taken.has(id); attempt++) id = `${base}_${attempt}`
    taken.add(id)
    const kind = given === '' ? 'missing_id' : taken.has(given) ? 'duplicate_id' : 'unusable_id'
    repairs.push(repair(kind, given, id))
    return id
  }

  const add = ({ id: wireId, name, rawArguments, problem, mended }: FoundCall): void => {
    const repairs: Repair[] = mended === undefined ? [] : [mended]
    const id = idOf(wireId, repairs)
    // Text has no native form: an object in it is no deviation of its own.
    const isObjectInText = mended !== undefined && isObject(rawArguments) && !isTooDeep(rawArguments)
    const reading = isObjectInText ? asItIs(rawArguments) : readArguments(rawArguments)
    if (reading.ok) for (const one of reading.repairs) repairs.push(one)
    const message = problem ?? (reading.ok ? undefined : reading.message)
    const input = reading.ok ? reading.input : {}
    const refusal = truncated ? cutOff : message === undefined ? undefined : unreadable(message)
    calls.push(
      refusal === undefined
        ? { id, name: name.trim(), input, repairs }
        : { id, name: name.trim(), input, repairs, refusal },
    )
  }

  return { calls, add }
}

function asItIs(input: object): ReadArguments {
  return { ok: true, input, repairs: [] }
}

const cutOff: CallRefusal = {
  kind: 'truncated_call',
  message:
    'Your reply was cut off before its end, so none of its calls was executed. Call again, with fewer calls in one reply or shorter arguments.',
}

function unreadable(message: string): CallRefusal {
  return { kind: 'unreadable_call', message }
}

export const howToCall = 'It was not executed: call the tool again, natively, with its arguments as one JSON object.'
