// Turns the raw calls of a reply into calls that can be executed: each gets an id of its own, and its arguments are read.

import { parseExactJson } from './json/exact-json.ts'
import { isObject, isTooDeep, maxDepth } from './json/json.ts'
import { endOfString } from './json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from './json/lenient-json.ts'
import { type NumberTexts, numberTexts } from './number-texts.ts'
import type { RawCall } from './reading/call-shapes.ts'
import { textOrJson } from './text/shown-value.ts'
import { type CallRefusal, maxShownBytes, type Repair, repair, type ToolCall } from './tool-call.ts'

/** Options of {@link readCalls}. */
export interface ReadCallsOptions {
  /** The reply was cut off, so none of its calls may be executed. */
  readonly truncated: boolean
  /** Makes an id for a call that has none. */
  readonly newId: (index: number) => string
  /** Largest number of calls that are read. The refusal of one further call says how many others there are. @defaultValue no limit */
  readonly maxCalls?: number | undefined
  /** See `ReadReplyOptions.limitsWork`. */
  readonly limitsWork?: boolean | undefined
}

/** Gives each call of a reply an id of its own, and an input that is an object, or a refusal. Repairs are recorded. */
export function readCalls(found: readonly RawCall[], options: ReadCallsOptions): readonly ToolCall[] {
  const { maxCalls = found.length } = options
  const ids = new Ids(options.newId)
  const budget = options.limitsWork === true ? new ArgumentsBudget() : undefined
  const calls: ToolCall[] = []
  for (const raw of found) {
    if (calls.length > maxCalls) break
    const call = readCall(raw, ids, budget, options.truncated)
    calls.push(calls.length < maxCalls ? call : { ...call, refusal: tooMany(found.length, maxCalls) })
  }
  return calls
}

function readCall(raw: RawCall, ids: Ids, budget: ArgumentsBudget | undefined, truncated: boolean): ToolCall {
  const { name, rawArguments, refusal, repair: found } = raw
  const repairs: Repair[] = found === undefined ? [] : [found]
  const id = ids.idFor(raw.id, repairs)
  // Text has no native form, so an object in it needs no further repair.
  const isObjectInText = found !== undefined && isObject(rawArguments) && !isTooDeep(rawArguments)
  const reading: ReadArguments = isObjectInText
    ? { kind: 'read', input: rawArguments, repairs: [] }
    : (budget?.excess(rawArguments) ?? readArguments(rawArguments))
  if (reading.kind === 'read') for (const one of reading.repairs) repairs.push(one)
  const message = refusal ?? (reading.kind === 'read' ? undefined : reading.message)
  const numbers = reading.kind === 'read' ? reading.numbers : undefined
  const call: ToolCall = {
    id,
    name: name.trim(),
    input: reading.kind === 'read' ? reading.input : {},
    repairs,
    ...(numbers === undefined ? {} : { numbers }),
  }
  if (truncated) return { ...call, refusal: cutOff }
  return message === undefined ? call : { ...call, refusal: { kind: 'unreadable_call', message } }
}

/** Characters of arguments that are read from one reply. A reply of a real model has at most half a million. */
const maxArgumentCharacters = 4_194_304

/** Values of arguments that are read from one reply. Every step of a call takes longer with each of them. */
const maxArgumentValues = 100_000

/** Arguments with fewer characters need no count of their values. */
const fewCharacters = 131_072

/** The arguments that may still be read from a reply. Reading more would block the process. */
class ArgumentsBudget {
  #characters = 0
  #values = 0

  /** Counts arguments. Returns why they are not read if they are too many. */
  excess(raw: unknown): ReadArguments | undefined {
    if (typeof raw !== 'string') return undefined
    this.#characters += raw.length
    if (this.#characters <= fewCharacters) return undefined
    if (this.#characters > maxArgumentCharacters) return tooManyArguments('characters', maxArgumentCharacters)
    this.#values += countValues(raw, maxArgumentValues)
    return this.#values > maxArgumentValues ? tooManyArguments('values', maxArgumentValues) : undefined
  }
}

/** About the values in a JSON text. Counting stops above `most`. */
function countValues(json: string, most: number): number {
  let count = 0
  for (let position = 0; position < json.length && count <= most; position++) {
    const code = json.charCodeAt(position)
    if (code === quote) {
      const end = endOfString(json, position)
      if (end === -1) return count
      position = end - 1
    } else if (code === comma || code === bracket || code === brace) count++
  }
  return count
}

const [quote, comma, bracket, brace] = [0x22, 0x2c, 0x5b, 0x7b]

function tooManyArguments(what: string, most: number): ReadArguments {
  return {
    kind: 'unreadable',
    message:
      `The arguments of your reply have more than ${most} ${what}, so this call was not read. Write less in one reply, or ` +
      'refer to a value of a result, for example {"$result":"tool_name"}.',
  }
}

/** The ids of one reply. */
class Ids {
  readonly #used = new Set<string>()
  readonly #newId: (index: number) => string
  #count = 0

  constructor(newId: (index: number) => string) {
    this.#newId = newId
  }

  /** The id of the next call: the one that was sent if it is usable and new, otherwise a generated one. */
  idFor(wireId: unknown, repairs: Repair[]): string {
    const index = this.#count++
    const given = typeof wireId === 'string' ? wireId : ''
    const before = this.#used.size
    if (isUsableId(given) && this.#used.add(given).size > before) return given
    const base = this.#newId(index)
    let id = base
    for (let attempt = 2; this.#used.has(id); attempt++) id = `${base}_${attempt}`
    this.#used.add(id)
    const kind = given === '' ? 'missing_id' : this.#used.has(given) ? 'duplicate_id' : 'unusable_id'
    repairs.push(repair(kind, given, id))
    return id
  }
}

/**
 * Whether an id can be used as it is: it is printable ASCII, which servers return unchanged, it is short enough to be shown
 * in full, and it has no `#`, which separates the id from the path in a reference.
 */
function isUsableId(id: string): boolean {
  if (id === '' || id.length > 128) return false
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index)
    if (code < 0x21 || code > 0x7e || code === 0x23) return false
  }
  return true
}

const cutOff: CallRefusal = {
  kind: 'truncated_call',
  message:
    'Your reply was cut off before its end, so none of its calls was executed. Call again, with fewer calls in one reply or shorter arguments.',
}

function tooMany(count: number, maxCalls: number): CallRefusal {
  const ignored = count - maxCalls
  const calls = ignored === 1 ? 'This call was' : `This call and ${ignored - 1} after it were`
  return {
    kind: 'too_many_calls',
    message: `${calls} ignored, because at most ${maxCalls} calls are read from one reply. Call again, with fewer calls in one reply.`,
  }
}

/** Result of {@link readArguments}. */
type ReadArguments =
  | {
      readonly kind: 'read'
      readonly input: object
      readonly repairs: readonly Repair[]
      /** See {@link ToolCall.numbers}. */
      readonly numbers?: NumberTexts | undefined
    }
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
 *
 * @internal Exported for its tests.
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
    const { value, json } = read
    if (strict.kind === 'unparsable') repairs.push(repair('json_repaired', text, value))
    if (isObject(value)) return { kind: 'read', input: value, repairs, numbers: numberTexts(json) }
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

const tooDeep: ReadArguments = {
  kind: 'unreadable',
  message: `The arguments are nested deeper than ${maxDepth} levels. Send a flatter object.`,
}

function unreadable(raw: string): ReadArguments {
  return {
    kind: 'unreadable',
    message: `The arguments are not valid JSON, or they are cut off: ${textOrJson(raw, maxShownBytes)}. Send one JSON object, e.g. {"name":"value"}.`,
  }
}

function notAnObject(value: unknown): ReadArguments {
  return {
    kind: 'unreadable',
    message: `The arguments are ${textOrJson(value, maxShownBytes)}; they must be one JSON object, e.g. {"name":"value"}.`,
  }
}
