// Models write `"42"` where a schema wants a number, or JSON text where it wants an object. Such a value is converted when
// the conversion loses nothing and its type is the only thing wrong with it. The schema decides: a string property stays a
// string, whatever is in it.

import { exactNumber, parseExactJson } from './json/exact-json.ts'
import { isObject, unparsable } from './json/json.ts'
import { lookUp, parsePointer } from './json/json-pointer.ts'
import { parseLenientJson } from './json/lenient-json.ts'
import { type Repair, repair } from './tool-call.ts'
import type { ValidationError, Validator } from './validation.ts'

interface Coerced {
  /** A copy of the input; only the containers of changed values were copied. */
  readonly value: unknown
  /** One entry per changed value, at most {@link maxRecorded}. */
  readonly repairs: readonly Repair[]
}

/** Largest number of conversion rounds. JSON in a string may itself contain JSON in a string. */
const maxPasses = 4

/** Enough to see what happened, even when an array has a hundred thousand quoted numbers. */
const maxRecorded = 50

/**
 * Converts strings to the type that the schema wants, where that loses nothing: JSON text to an object or an array,
 * `"42"` to a number, `"true"` to a boolean, `"null"` to `null`.
 *
 * @param errors the validation errors of `input`.
 * @param unwrap resolves the references in a value that was parsed from a string at `path`. It returns `undefined` to
 *   leave the string as it is.
 * @returns the converted input when it is valid, otherwise `undefined`.
 *
 * @example
 * // With the schema { type: 'object', properties: { limit: { type: 'integer' } } }:
 * // { limit: '42' } becomes { limit: 42 }, and { limit: '42.5' } stays invalid.
 */
export function coerce(
  input: unknown,
  errors: readonly ValidationError[],
  validate: Validator,
  unwrap: (value: unknown, path: string) => { readonly value: unknown } | undefined,
): Coerced | undefined {
  const repairs: Repair[] = []
  const copy = new CopyOnWrite(input)
  let remaining = errors
  for (let pass = 0; pass < maxPasses; pass++) {
    const converted = convertTypes(copy, remaining, unwrap)
    if (converted.length === 0) return undefined
    for (const one of converted) if (repairs.length < maxRecorded) repairs.push(one)
    remaining = validate(copy.value)
    if (remaining.length === 0) return { value: copy.value, repairs }
  }
  return undefined
}

function convertTypes(
  copy: CopyOnWrite,
  errors: readonly ValidationError[],
  unwrap: (value: unknown, path: string) => { readonly value: unknown } | undefined,
): readonly Repair[] {
  const repairs: Repair[] = []
  for (const { keyword, data, instancePath, params } of errors) {
    if (keyword !== 'type' || typeof data !== 'string' || instancePath === '') continue
    const converted = convertTo([params['type']].flat(), data)
    const value = converted?.kind === 'unstringified' ? unwrap(converted.value, instancePath) : converted
    if (converted === undefined || value === undefined) continue
    if (!copy.replace(instancePath, data, value.value)) continue
    repairs.push(repair(converted.kind, data, converted.value, instancePath))
  }
  return repairs
}

/** The value that a text denotes as one of the types, the first that fits. */
function convertTo(
  types: readonly unknown[],
  text: string,
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

function parseAs(text: string, type: 'object' | 'array'): unknown {
  if (!text.startsWith(type === 'object' ? '{' : '[')) return unparsable
  const strict = parseExactJson(text)
  const read = strict.kind === 'unparsable' ? parseLenientJson(text) : strict
  if (read.kind !== 'parsed') return unparsable
  return (type === 'object' ? isObject(read.value) : Array.isArray(read.value)) ? read.value : unparsable
}

/** Changes a value without changing the original. Only the containers around a change are copied, each at most once. */
class CopyOnWrite {
  value: unknown
  readonly #copied = new Set<unknown>()

  constructor(value: unknown) {
    this.value = value
  }

  /** Replaces the value at a JSON Pointer, if it still is `before`. Returns whether it did. */
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
