import { repair } from './arguments.ts'
import { lookUp, parsePointer } from './json-pointer.ts'
import type { Repair } from './tool-call.ts'
import type { Fault } from './validator.ts'

export interface Coerced {
  readonly value: unknown
  readonly repairs: readonly Repair[]
}

/**
 * Mends values whose only fault is their type, where that loses nothing: JSON text where the schema wants an object or
 * an array, `"42"` where it wants a number, `"true"` where it wants a boolean. What a schema calls a string is never
 * touched. Returns undefined where there is nothing to mend; the caller checks the mended copy again.
 */
export function coerce(input: unknown, faults: readonly Fault[]): Coerced | undefined {
  const repairs: Repair[] = []
  let value = input
  for (const fault of faults) {
    if (fault.keyword !== 'type' || typeof fault.data !== 'string' || fault.instancePath === '') continue
    const mended = asType(fault.data, [fault.params['type']].flat())
    if (mended === undefined) continue
    if (value === input) value = structuredClone(input)
    if (!replaceAt(value, fault.instancePath, fault.data, mended.value)) continue
    repairs.push(repair(mended.kind, fault.data, mended.value, fault.instancePath))
  }
  return repairs.length > 0 ? { value, repairs } : undefined
}

function asType(
  text: string,
  types: readonly unknown[],
): { readonly value: unknown; readonly kind: 'unstringified' | 'coerced' } | undefined {
  for (const type of types) {
    const trimmed = text.trim()
    if (type === 'boolean' && /^(?:true|false)$/i.test(trimmed)) return { value: /^t/i.test(trimmed), kind: 'coerced' }
    if (type === 'null' && /^(?:null|none)$/i.test(trimmed)) return { value: null, kind: 'coerced' }
    if (type === 'number' || type === 'integer') {
      const number = exactNumber(trimmed)
      if (number !== undefined && (type === 'number' || Number.isInteger(number)))
        return { value: number, kind: 'coerced' }
    }
    if (type === 'object' || type === 'array') {
      const parsed = parseAs(trimmed, type)
      if (parsed !== undefined) return { value: parsed, kind: 'unstringified' }
    }
  }
  return undefined
}

/** The number that a text writes, if it is a JSON number and a double holds it exactly as written. */
function exactNumber(text: string): number | undefined {
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return undefined
  const number = Number(text)
  if (!Number.isFinite(number)) return undefined
  if (/^-?\d+$/.test(text) && !Number.isSafeInteger(number)) return undefined
  return number
}

function parseAs(text: string, type: 'object' | 'array'): unknown {
  if (!text.startsWith(type === 'object' ? '{' : '[')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Sets the member that a path names, if it still is what the fault saw. */
function replaceAt(root: unknown, path: string, before: string, after: unknown): boolean {
  const tokens = parsePointer(path) ?? []
  const last = tokens.at(-1)
  const parent = lookUp(root, tokens.slice(0, -1))
  if (last === undefined || !parent.found || typeof parent.value !== 'object' || parent.value === null) return false
  return Reflect.get(parent.value, last) === before && Reflect.set(parent.value, last, after)
}
