import { jsonrepair } from 'jsonrepair'
import { excerpt } from './clip.ts'
import { isObject, isTooDeep, maxDepth } from './json.ts'
import type { Repair, RepairKind } from './tool-call.ts'

export type ReadArguments =
  | { readonly ok: true; readonly input: unknown; readonly repairs: readonly Repair[] }
  | { readonly ok: false; readonly message: string }

/** What jsonrepair is given at most: it is linear, but hostile text of megabytes is not worth mending. */
const maxRepairedLength = 256 * 1024

/**
 * Reads the arguments of a call, which come as a JSON string, an object, JSON inside a JSON string, or nothing.
 *
 * The ladder: strict JSON first, then the jsonrepair library; every rung but the first is recorded. The rung in between,
 * values that have the wrong type for the schema, needs the schema and is climbed when the call is checked.
 */
export function readArguments(raw: unknown): ReadArguments {
  if (isObject(raw))
    return isTooDeep(raw) ? tooDeep : { ok: true, input: raw, repairs: [repair('object_arguments', raw, raw)] }
  if (raw === undefined || raw === null || (typeof raw === 'string' && raw.trim() === '')) {
    return { ok: true, input: {}, repairs: [repair('empty_arguments', raw ?? null, {})] }
  }
  if (typeof raw !== 'string') return notAnObject(raw)
  const repairs: Repair[] = []
  let value = parse(raw)
  if (value === unparsable) {
    value = raw.length <= maxRepairedLength ? mend(raw) : unparsable
    if (value === unparsable) return unreadable(raw)
    repairs.push(repair('json_repaired', raw, value))
  }
  if (typeof value === 'string') {
    const inner = parse(value)
    const unwrapped = inner === unparsable ? mend(value) : inner
    if (isObject(unwrapped)) {
      repairs.push(repair('double_encoded', value, unwrapped))
      value = unwrapped
    }
  }
  return isObject(value) ? { ok: true, input: value, repairs } : notAnObject(value)
}

const tooDeep: ReadArguments = {
  ok: false,
  message: `The arguments are nested deeper than ${maxDepth} levels. Send a flatter object.`,
}

const unparsable = Symbol('unparsable')

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isTooDeep(value) ? unparsable : value
  } catch {
    return unparsable
  }
}

/** jsonrepair turns prose into a string, which is no repair: only text that begins like an object is given to it. */
function mend(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return unparsable
  try {
    return parse(jsonrepair(text))
  } catch {
    return unparsable
  }
}

export function repair(kind: RepairKind, before: unknown, after: unknown, path = ''): Repair {
  return { kind, path, before: shown(before), after: shown(after) }
}

function shown(value: unknown): string {
  return excerpt(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'), 200)
}

function unreadable(raw: string): ReadArguments {
  return {
    ok: false,
    message: `The arguments are not JSON: ${shown(raw)}. Send them as one JSON object, e.g. {"name":"value"}.`,
  }
}

function notAnObject(value: unknown): ReadArguments {
  return {
    ok: false,
    message: `The arguments are ${shown(value)}; they have to be one JSON object, e.g. {"name":"value"}.`,
  }
}
