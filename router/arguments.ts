import { inexactInteger } from './inexact-integer.ts'
import { isObject, isTooDeep, maxDepth, parseJson, unparsable } from './json.ts'
import { mend, withoutFence } from './mend.ts'
import { repair, shown } from './repair.ts'
import type { Repair } from './tool-call.ts'

export type ReadArguments =
  | { readonly ok: true; readonly input: unknown; readonly repairs: readonly Repair[] }
  | { readonly ok: false; readonly message: string }

/** How many JSON strings may be wrapped around each other. */
const maxEncodings = 3

/**
 * Reads the arguments of a call, which come as a JSON string, an object, JSON inside a JSON string, or nothing.
 *
 * The ladder: strict JSON first, then mending; every rung but the first is recorded. The rung in between, values that
 * have the wrong type for the schema, needs the schema and is climbed when the call is checked.
 */
export function readArguments(raw: unknown): ReadArguments {
  if (typeof raw === 'string' && raw.startsWith('{')) return readText(raw)
  if (isObject(raw)) {
    return isTooDeep(raw) ? tooDeep : { ok: true, input: raw, repairs: [repair('object_arguments', raw, raw)] }
  }
  if (raw === undefined || raw === null || isEmpty(raw)) {
    return { ok: true, input: {}, repairs: [repair('empty_arguments', raw ?? null, {})] }
  }
  // A list is no object however it goes on, and the deepest lists take the parser longest.
  return typeof raw !== 'string' || raw.trimStart().startsWith('[') ? notAnObject(raw) : readText(raw)
}

function readText(raw: string): ReadArguments {
  const repairs: Repair[] = []
  let text = raw
  for (let encodings = 0; encodings <= maxEncodings; encodings++) {
    const strict = parseJson(text)
    const value = strict === unparsable ? mend(withoutFence(text)) : strict
    if (value === unparsable) return encodings === 0 ? unreadable(raw) : notAnObject(text)
    if (strict === unparsable) repairs.push(repair('json_repaired', text, value))
    if (isObject(value)) {
      const inexact = inexactInteger(text)
      return inexact === undefined ? { ok: true, input: value, repairs } : rounded(inexact)
    }
    if (typeof value !== 'string') return notAnObject(value)
    repairs.push(repair('double_encoded', text, value))
    text = value
  }
  return notAnObject(text)
}

/** Nothing, in the notations of all the languages that gateways are written in: PHP's empty object is `[]`. */
function isEmpty(raw: unknown): boolean {
  if (Array.isArray(raw)) return raw.length === 0
  if (typeof raw !== 'string') return false
  return raw.length < 20 ? /^\s*(?:null|""|\[\s*\])?\s*$/.test(raw) : raw.trim() === ''
}

function rounded(integer: string): ReadArguments {
  return {
    ok: false,
    message: `The integer ${shown(integer)} in the arguments cannot be held exactly. Send it as a string, or a smaller one, in one JSON object.`,
  }
}

const tooDeep: ReadArguments = {
  ok: false,
  message: `The arguments are nested deeper than ${maxDepth} levels. Send a flatter object.`,
}

function unreadable(raw: string): ReadArguments {
  return {
    ok: false,
    message: `The arguments are not JSON, or cut off: ${shown(raw)}. Send them as one JSON object, e.g. {"name":"value"}.`,
  }
}

function notAnObject(value: unknown): ReadArguments {
  return {
    ok: false,
    message: `The arguments are ${shown(value)}; they have to be one JSON object, e.g. {"name":"value"}.`,
  }
}
