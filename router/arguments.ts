import { isObject, isTooDeep, maxDepth, parseJson, unparsable } from './json/json.ts'
import { endOfString } from './json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from './json/lenient-json.ts'
import { type Repair, repair, shown } from './tool-call.ts'

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
    const value = strict === unparsable ? parseLenientJson(stripCodeFence(text)) : strict
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

const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * The first integer of a JSON text that a double cannot hold as it is written. `JSON.parse` rounds it without a word, and
 * a tool would run with another number, an id perhaps. Fractions are rounded by everybody.
 */
function inexactInteger(json: string): string | undefined {
  if (!holdsLongNumber(json)) return undefined
  for (let position = 0; position < json.length; ) {
    const character = json[position] ?? ''
    if (character === '"') {
      const end = endOfString(json, position)
      if (end === -1) return undefined
      position = end
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = position
      const written = number.exec(json)?.[0] ?? character
      if (/^-?\d{16,}$/.test(written) && !isExact(written)) return written
      position += written.length
    } else position++
  }
  return undefined
}

/** Doubles hold all integers of fewer digits. */
const longDigits = 16

/** Whether there are so many digits in a row. They cannot pass between two places that are as far apart: only those are looked at. */
function holdsLongNumber(json: string): boolean {
  for (let position = longDigits - 1; position < json.length; position += longDigits) {
    if (!isDigit(json, position)) continue
    let start = position
    let end = position + 1
    while (start > 0 && isDigit(json, start - 1)) start--
    while (end - start < longDigits && isDigit(json, end)) end++
    if (end - start >= longDigits) return true
  }
  return false
}

function isDigit(text: string, position: number): boolean {
  const code = text.charCodeAt(position)
  return code >= 0x30 && code <= 0x39
}

/** Also exact is what JavaScript itself writes for a double: it fills up with zeros what lies behind the 17th digit. */
function isExact(integer: string): boolean {
  // Beyond 400 digits there is no double at all, and to make an integer of them takes long.
  if (integer.length > 400 || !Number.isFinite(Number(integer))) return false
  return String(Number(integer)) === integer || BigInt(Number(integer)) === BigInt(integer)
}
