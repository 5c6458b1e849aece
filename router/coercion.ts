import { isObject, parseJson, unparsable } from './json/json.ts'
import { lookUp, parsePointer } from './json/json-pointer.ts'
import { parseLenientJson } from './json/lenient-json.ts'
import { type Repair, repair } from './tool-call.ts'
import type { ValidationError, Validator } from './validation.ts'

interface Coerced {
  readonly value: unknown
  readonly repairs: readonly Repair[]
}

/** JSON in a string may hold JSON in a string: so often it is looked into. */
const maxPasses = 4

/** Enough to see what happened; an array of a hundred thousand quoted numbers is one deviation, not as many. */
const maxRecorded = 50

/**
 * Mends values whose only fault is their type, where that loses nothing: JSON text where the schema wants an object or
 * an array, `"42"` where it wants a number, `"true"` where it wants a boolean. What a schema calls a string is never
 * touched. Returns undefined where the value stays faulty.
 *
 * @param unwrap Decides on a value that was unpacked from a string, as on any other part of the input: references in it
 *   are resolved, unless a reference brought the string; undefined where it is not to be used.
 */
export function coerce(
  input: unknown,
  faults: readonly ValidationError[],
  validate: Validator,
  unwrap: (value: unknown, path: string) => { readonly value: unknown } | undefined,
): Coerced | undefined {
  const repairs: Repair[] = []
  const copy = new CopyOnWrite(input)
  let remaining = faults
  for (let pass = 0; pass < maxPasses; pass++) {
    const mended = mendTypes(copy, remaining, unwrap)
    if (mended.length === 0) return undefined
    for (const one of mended) if (repairs.length < maxRecorded) repairs.push(one)
    remaining = validate(copy.value)
    if (remaining.length === 0) return { value: copy.value, repairs }
  }
  return undefined
}

function mendTypes(
  copy: CopyOnWrite,
  faults: readonly ValidationError[],
  unwrap: (value: unknown, path: string) => { readonly value: unknown } | undefined,
): readonly Repair[] {
  const repairs: Repair[] = []
  for (const fault of faults) {
    if (fault.keyword !== 'type' || typeof fault.data !== 'string' || fault.instancePath === '') continue
    const mended = asType(fault.data, [fault.params['type']].flat())
    const value = mended?.kind === 'unstringified' ? unwrap(mended.value, fault.instancePath) : mended
    if (mended === undefined || value === undefined) continue
    if (!copy.replace(fault.instancePath, fault.data, value.value)) continue
    repairs.push(repair(mended.kind, fault.data, mended.value, fault.instancePath))
  }
  return repairs
}

function asType(
  text: string,
  types: readonly unknown[],
): { readonly value: unknown; readonly kind: 'unstringified' | 'coerced' } | undefined {
  const trimmed = text.trim()
  for (const type of types) {
    if (type === 'boolean' && /^(?:true|false)$/i.test(trimmed)) return { value: /^t/i.test(trimmed), kind: 'coerced' }
    if (type === 'null' && /^(?:null|none)$/i.test(trimmed)) return { value: null, kind: 'coerced' }
    if (type === 'number' || type === 'integer') {
      const number = exactNumber(trimmed)
      if (number !== undefined && (type === 'number' || Number.isInteger(number)))
        return { value: number, kind: 'coerced' }
    }
    if (type === 'object' || type === 'array') {
      const parsed = parseAs(trimmed, type)
      if (parsed !== unparsable) return { value: parsed, kind: 'unstringified' }
    }
  }
  return undefined
}

/** The number that a text writes, if it is a JSON number and a double is written with the same digits. */
export function exactNumber(text: string): number | undefined {
  const number = Number(text)
  // Integers beyond 2^53 are ids more often than counts, and their neighbours are the same double.
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return undefined
  return isSameDecimal(text, String(number)) ? number : undefined
}

function parseAs(text: string, type: 'object' | 'array'): unknown {
  if (!text.startsWith(type === 'object' ? '{' : '[')) return unparsable
  const strict = parseJson(text)
  const value = strict === unparsable ? parseLenientJson(text) : strict
  return (type === 'object' ? isObject(value) : Array.isArray(value)) ? value : unparsable
}

/** A value of which only the containers on the way to a change are copied, each once: the rest may be megabytes. */
class CopyOnWrite {
  value: unknown
  readonly #copied = new Set<unknown>()

  constructor(value: unknown) {
    this.value = value
  }

  /** Sets the member that a path names, if it still is what the fault saw. */
  replace(path: string, before: string, after: unknown): boolean {
    const tokens = parsePointer(path) ?? []
    const last = tokens.pop()
    const found = lookUp(this.value, last === undefined ? tokens : [...tokens, last])
    if (last === undefined || found.kind === 'missing' || found.value !== before) return false
    this.value = this.#own(this.value)
    let parent = this.value as object
    for (const token of tokens) {
      const child = this.#own(Reflect.get(parent, token)) as object
      Reflect.set(parent, token, child)
      parent = child
    }
    return Reflect.set(parent, last, after)
  }

  #own(value: unknown): unknown {
    if (this.#copied.has(value)) return value
    const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
    this.#copied.add(copy)
    return copy
  }
}

/** The form of JSON's numbers, with the parts that make a decimal. */
const written = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Whether two texts write the same decimal, digit for digit: `1.50` and `15e-1`. False where one is no JSON number. */
function isSameDecimal(one: string, other: string): boolean {
  const decimal = normalForm(one)
  return decimal !== undefined && decimal === normalForm(other)
}

/** The digits without zeros around them, and the power of ten of the last one. */
function normalForm(text: string): string | undefined {
  const match = written.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  const first = firstOtherThanZero(digits)
  if (first === digits.length) return '0'
  const end = endOfSignificant(digits)
  const power = Number(exponent) - fraction.length + digits.length - end
  return Number.isSafeInteger(power) ? `${sign}${digits.slice(first, end)}e${power}` : undefined
}

function firstOtherThanZero(digits: string): number {
  let first = 0
  while (digits[first] === '0') first++
  return first
}

function endOfSignificant(digits: string): number {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return end
}
