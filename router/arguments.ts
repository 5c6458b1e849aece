import { parseExactJson } from './json/exact-json.ts'
import { isObject, isTooDeep, maxDepth } from './json/json.ts'
import { parseLenientJson, stripCodeFence } from './json/lenient-json.ts'
import { type Repair, repair, shown } from './tool-call.ts'

/** Result of {@link readArguments}. */
export type ReadArguments =
  | { readonly kind: 'read'; readonly input: object; readonly repairs: readonly Repair[] }
  /** The arguments are not one JSON object. The message tells the model what to send instead. */
  | { readonly kind: 'unreadable'; readonly message: string }

/** Largest number of JSON strings nested in each other. */
const maxEncodings = 3

/**
 * Reads the arguments of a call, which come as a JSON string, an object, JSON inside a JSON string, or nothing.
 *
 * Strict JSON is tried first, lenient JSON after it. Everything but a JSON string with one object is recorded as a repair.
 * Values of a wrong type, such as `"42"` for a number, are not changed here: `coerce` does that, because it needs the
 * schema.
 *
 * @example
 * readArguments('{"city": "Oslo"}')  // { kind: 'read', input: { city: 'Oslo' }, repairs: [] }
 * readArguments("{'city': 'Oslo'}")  // the same input, with a repair `json_repaired`
 * readArguments('{"city": "Os')      // { kind: 'unreadable', message: 'The arguments are not valid JSON …' }
 */
export function readArguments(raw: unknown): ReadArguments {
  if (typeof raw === 'string' && raw.startsWith('{')) return readText(raw)
  if (isObject(raw)) {
    return isTooDeep(raw) ? tooDeep : { kind: 'read', input: raw, repairs: [repair('object_arguments', raw, raw)] }
  }
  if (raw === undefined || raw === null || isEmpty(raw)) {
    return { kind: 'read', input: {}, repairs: [repair('empty_arguments', raw ?? null, {})] }
  }
  // A list is not parsed: it cannot be an object, and deeply nested lists take the parser longest.
  return typeof raw !== 'string' || raw.trimStart().startsWith('[') ? notAnObject(raw) : readText(raw)
}

function readText(raw: string): ReadArguments {
  const repairs: Repair[] = []
  let text = raw
  for (let encodings = 0; encodings <= maxEncodings; encodings++) {
    const strict = parseExactJson(text)
    const read = strict.kind === 'unparsable' ? parseLenientJson(stripCodeFence(text)) : strict
    if (read.kind === 'unparsable') return encodings === 0 ? unreadable(raw) : notAnObject(text)
    if (read.kind === 'inexact') return rounded(read.integer)
    const { value } = read
    if (strict.kind === 'unparsable') repairs.push(repair('json_repaired', text, value))
    if (isObject(value)) return { kind: 'read', input: value, repairs }
    if (typeof value !== 'string') return notAnObject(value)
    repairs.push(repair('double_encoded', text, value))
    text = value
  }
  return notAnObject(text)
}

/** Whether arguments are empty, as gateways in any language write that. PHP encodes an empty object as `[]`. */
function isEmpty(raw: unknown): boolean {
  if (Array.isArray(raw)) return raw.length === 0
  if (typeof raw !== 'string') return false
  return raw.length < 20 ? /^\s*(?:null|""|\[\s*\])?\s*$/.test(raw) : raw.trim() === ''
}

function rounded(integer: string): ReadArguments {
  return {
    kind: 'unreadable',
    message: `The integer ${shown(integer)} in the arguments is too large to be exact. Send one JSON object with it as a string, or with a smaller integer.`,
  }
}

const tooDeep: ReadArguments = {
  kind: 'unreadable',
  message: `The arguments are nested deeper than ${maxDepth} levels. Send a flatter object.`,
}

function unreadable(raw: string): ReadArguments {
  return {
    kind: 'unreadable',
    message: `The arguments are not valid JSON, or they are cut off: ${shown(raw)}. Send one JSON object, e.g. {"name":"value"}.`,
  }
}

function notAnObject(value: unknown): ReadArguments {
  return {
    kind: 'unreadable',
    message: `The arguments are ${shown(value)}; they must be one JSON object, e.g. {"name":"value"}.`,
  }
}
