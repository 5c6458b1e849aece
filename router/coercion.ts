// Models and servers write `"42"` where a schema wants a number, 42 where it wants a string, JSON text where it wants an
// object, or `null` for a property that they mean to leave out. Such a value is converted when the conversion loses nothing
// and its type is the only thing wrong with it. The schema decides: a string property stays a string, whatever is in it.

import { exactNumber, parseExactJson } from './json/exact-json.ts'
import { isObject, unparsable } from './json/json.ts'
import { escapePointerToken, lookUp, parsePointer } from './json/json-pointer.ts'
import { parseLenientJson } from './json/lenient-json.ts'
import { type NumberTexts, numberTexts, Places } from './number-texts.ts'
import { maxRecordedRepairs, type Repair, type RepairKind, repair } from './tool-call.ts'
import type { ValidationError, Validator } from './validation.ts'

/** The value that is converted, and what is known about where its parts come from. */
interface CoercionInput {
  /** The input with its references resolved. */
  readonly value: unknown
  /** JSON Pointers to the values that replaced references. They are data. */
  readonly referencedPaths: readonly string[]
  /** Texts of the numbers that JavaScript writes in another way. */
  readonly numbers: NumberTexts | undefined
  /** Whether there may be such numbers whose texts are not known. */
  readonly hasLostTexts: boolean
  /** Whether validating the input takes long. */
  readonly isLarge: boolean
  /** With more errors nothing is converted: it would block the process. */
  readonly maxErrors: number
  /** Resolves the references in a value that was parsed from a string. It returns `undefined` to leave the string as it is. */
  readonly resolve: (value: unknown) => { readonly value: unknown } | undefined
}

interface Coerced {
  /** A copy of the input; only the containers of changed values were copied. */
  readonly value: unknown
  /** One entry per changed value, at most {@link maxRecordedRepairs}. */
  readonly repairs: readonly Repair[]
  /** The validation errors that are left; none if the value is valid. */
  readonly errors: readonly ValidationError[]
  /** `numbers` at the places where the numbers are now. */
  readonly numbers: ReadonlyMap<string, string>
}

/** Largest number of conversion rounds. JSON in a string, and lists of `item`, may be nested. */
const maxPasses = 16

/** The same for a large input: each round validates all of it. */
const fewPasses = 4

/**
 * Converts values to the type that the schema wants, where that loses nothing:
 *
 * - a string to what it contains: JSON to an object or an array, `"42"` to a number, `"true"` to a boolean;
 * - a number or a boolean to a string, as the model wrote it;
 * - `{"item": …}`, which servers make of markup, to an array;
 * - `null` for an optional property: the property is left out.
 *
 * A valid part stays as it is. What cannot be converted stays, too, and its errors are returned.
 *
 * @param errors the validation errors of the input.
 *
 * @example
 * // With the schema { type: 'object', properties: { limit: { type: 'integer' } } }:
 * // { limit: '42' } becomes { limit: 42 }, and { limit: '42.5' } stays invalid.
 */
export function coerce(input: CoercionInput, errors: readonly ValidationError[], validate: Validator): Coerced {
  const coercion = new Coercion(input)
  let remaining = errors
  const passes = input.isLarge ? fewPasses : maxPasses
  for (let pass = 0; pass < passes && remaining.length > 0 && remaining.length <= input.maxErrors; pass++) {
    const hasChanged = coercion.convert(remaining)
    if (!hasChanged) break
    remaining = validate(coercion.value)
    if (coercion.restoreRequired(remaining)) remaining = validate(coercion.value)
  }
  const { value, repairs, numbers } = coercion
  return { value, repairs, errors: remaining, numbers }
}

/** A value that replaces another one. */
interface Conversion {
  readonly value: unknown
  readonly kind: RepairKind
}

/** The conversions of one input. */
class Coercion {
  readonly #copy: CopyOnWrite
  readonly #input: CoercionInput
  readonly #repairs = new Set<Repair>()
  /** Texts of numbers, and places of data: a text in data is never read as a reference. */
  readonly #places = new Places()
  /** Repairs of properties that were `null` and were left out, by their places. */
  readonly #dropped = new Map<string, Repair>()
  /** Places of required properties, which must not be left out. */
  readonly #required = new Set<string>()

  constructor(input: CoercionInput) {
    this.#input = input
    this.#copy = new CopyOnWrite(input.value)
    for (const path of input.referencedPaths) this.#places.markData(path)
    for (const [path, text] of Object.entries(input.numbers ?? {})) this.#places.setText(path, text)
  }

  get value(): unknown {
    return this.#copy.value
  }

  get repairs(): readonly Repair[] {
    return [...this.#repairs].slice(0, maxRecordedRepairs)
  }

  get numbers(): ReadonlyMap<string, string> {
    return this.#places.texts()
  }

  /** Converts what the errors complain about. Returns whether anything changed. */
  convert(errors: readonly ValidationError[]): boolean {
    const withLimits = new Set(
      errors.filter(({ keyword }) => limits.has(keyword)).map(({ instancePath }) => instancePath),
    )
    let hasChanged = false
    for (const error of errors) {
      const { instancePath: path, data } = error
      if (path === '') continue
      if (data === null) {
        if (this.#drop(path)) hasChanged = true
        continue
      }
      const conversion = this.#conversionOf(error, withLimits.has(path))
      if (conversion === undefined || !this.#copy.replace(path, data, conversion.value)) continue
      hasChanged = true
      this.#repairs.add(repair(conversion.kind, data, conversion.value, path))
    }
    return hasChanged
  }

  /** Puts back properties that turned out to be required. Returns whether there were any. */
  restoreRequired(errors: readonly ValidationError[]): boolean {
    let hasChanged = false
    if (this.#dropped.size === 0) return false
    for (const { keyword, instancePath, params } of errors) {
      if (keyword !== 'required' && keyword !== 'dependentRequired') continue
      const path = `${instancePath}/${escapePointerToken(String(params['missingProperty']))}`
      const dropped = this.#dropped.get(path)
      if (dropped === undefined) continue
      this.#dropped.delete(path)
      this.#repairs.delete(dropped)
      this.#required.add(path)
      this.#copy.add(path, null)
      hasChanged = true
    }
    return hasChanged
  }

  #drop(path: string): boolean {
    if (this.#required.has(path) || !this.#copy.remove(path, null)) return false
    const dropped = repair('null_dropped', null, undefined, path)
    this.#dropped.set(path, dropped)
    this.#repairs.add(dropped)
    return true
  }

  #conversionOf({ keyword, data, instancePath: path, params, parentSchema }: ValidationError, isLimited: boolean) {
    if (keyword === 'enum' || keyword === 'const') {
      return this.#oneOf(keyword === 'enum' ? params['allowedValues'] : [params['allowedValue']], data, path)
    }
    if (keyword !== 'type') return undefined
    const types: readonly unknown[] = [params['type']].flat()
    if (typeof data === 'string') return this.#read(types, data, path)
    if (types.includes('array') && isObject(data)) return this.#unwrap(data, path, parentSchema?.['items'])
    // A number that is only too large or too small for one branch of a union is not meant as a string.
    if (!types.includes('string') || isLimited) return undefined
    const text = this.#textOf(data, path)
    return text === undefined ? undefined : ({ value: text, kind: 'coerced' } as const)
  }

  /** The one of some allowed values that a scalar of another type means. */
  #oneOf(allowed: unknown, data: unknown, path: string): Conversion | undefined {
    if (!Array.isArray(allowed)) return undefined
    const text = typeof data === 'string' ? data.trim() : this.#textOf(data, path)
    const number = text === undefined ? undefined : readNumber(text)
    const value: unknown = allowed.find((one) =>
      typeof one === 'string'
        ? typeof data !== 'string' && one === text
        : typeof data === 'string' && (typeof one === 'number' ? one === number : String(one) === text),
    )
    return value === undefined || typeof value === 'object' ? undefined : { value, kind: 'coerced' }
  }

  /** A number or a boolean as the model wrote it. */
  #textOf(data: unknown, path: string): string | undefined {
    if (typeof data === 'boolean') return String(data)
    if (typeof data !== 'number') return undefined
    if (this.#places.isData(path)) return String(data)
    const text = this.#places.text(path)
    if (text !== undefined) return text
    return this.#input.hasLostTexts && !Number.isSafeInteger(data) ? undefined : String(data)
  }

  /** The value that a text denotes as one of the types, the first that fits. */
  #read(types: readonly unknown[], text: string, path: string): Conversion | undefined {
    const trimmed = text.trim()
    for (const type of types) {
      const value = type === 'object' || type === 'array' ? this.#parse(trimmed, type, path) : readScalar(trimmed, type)
      if (value !== unparsable) {
        return { value, kind: type === 'object' || type === 'array' ? 'unstringified' : 'coerced' }
      }
    }
    return undefined
  }

  #parse(text: string, type: 'object' | 'array', path: string): unknown {
    // A list may be written as `{"item": …}`, which is unwrapped next.
    const mayBeWrapped = type === 'array' && text.startsWith('{')
    if (!mayBeWrapped && !text.startsWith(type === 'object' ? '{' : '[')) return unparsable
    const strict = parseExactJson(text)
    const read = strict.kind === 'unparsable' ? parseLenientJson(text) : strict
    if (read.kind === 'unparsable') return unparsable
    const isWanted = type === 'object' ? isObject(read.value) : Array.isArray(read.value) || isWrapped(read.value)
    if (!isWanted) return unparsable
    const resolved = this.#places.isData(path) ? read : this.#input.resolve(read.value)
    if (resolved === undefined) return unparsable
    for (const [pointer, number] of Object.entries(numberTexts(read.json) ?? {}))
      this.#places.setText(path + pointer, number)
    return resolved.value
  }

  /** The list that a server wrote as `{"item": …}`: one item, or all items. */
  #unwrap(data: object, path: string, items: unknown): Conversion | undefined {
    if (!isWrapped(data)) return undefined
    const inner: unknown = Reflect.get(data, 'item')
    const areLists = isObject(items) && items['type'] === 'array'
    const isList = Array.isArray(inner) && !(areLists && inner.length > 0 && !inner.some(isContainer))
    this.#places.unwrap(path, 'item', isList ? undefined : '0')
    return { value: isList ? inner : [inner], kind: 'unwrapped' }
  }
}

/** Keywords that only a number can violate. */
const limits: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
])

function isWrapped(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 1 && Object.hasOwn(value, 'item')
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** The scalar of one type that a text denotes. */
function readScalar(text: string, type: unknown): unknown {
  if (type === 'boolean' && /^(?:true|false)$/i.test(text)) return /^t/i.test(text)
  if (type === 'null' && /^(?:null|none)$/i.test(text)) return null
  if (type === 'number' || type === 'integer') {
    const number = readNumber(text)
    if (number !== undefined && (type === 'number' || Number.isInteger(number))) return number
  }
  return unparsable
}

/** Reads a number like Python's `int` and `float`, by which servers convert texts: zeros and a plus may come first. */
function readNumber(text: string): number | undefined {
  return exactNumber(text.replace(/^\+(?=\d)/, '').replace(/^(-?)0+(?=\d)/, '$1'))
}

/** Changes a value without changing the original. Only the containers around a change are copied, each at most once. */
class CopyOnWrite {
  /** The value after all changes. */
  value: unknown
  readonly #copied = new Set<unknown>()

  /** @param value the original. */
  constructor(value: unknown) {
    this.value = value
  }

  /** Replaces the value at a JSON Pointer, if it still is `before`. Returns whether it did. */
  replace(path: string, before: unknown, after: unknown): boolean {
    const place = this.#placeOf(path, before)
    return place !== undefined && Reflect.set(place.parent, place.name, after)
  }

  /** Removes the member of an object at a JSON Pointer, if it still is `before`. Returns whether it did. */
  remove(path: string, before: unknown): boolean {
    const tokens = parsePointer(path) ?? []
    const parent = lookUp(this.value, tokens.slice(0, -1))
    if (parent.kind === 'missing' || Array.isArray(parent.value)) return false
    const place = this.#placeOf(path, before)
    return place !== undefined && Reflect.deleteProperty(place.parent, place.name)
  }

  /** Adds a member to the object around a JSON Pointer, which must exist. */
  add(path: string, value: unknown): void {
    const tokens = parsePointer(path) ?? []
    const name = tokens.pop()
    if (name !== undefined) Reflect.set(this.#own(tokens), name, value)
  }

  /** The container around a value, copied, and the name of the value in it. */
  #placeOf(path: string, before: unknown): { readonly parent: object; readonly name: string } | undefined {
    const tokens = parsePointer(path) ?? []
    const found = lookUp(this.value, tokens)
    const name = tokens.pop()
    if (name === undefined || found.kind === 'missing' || found.value !== before) return undefined
    return { parent: this.#own(tokens), name }
  }

  /** Copies the containers on the way to the last of some members, which is a container as well. Returns its copy. */
  #own(tokens: readonly string[]): object {
    this.value = this.#copyOf(this.value)
    let parent = this.value as object
    for (const token of tokens) {
      const child = this.#copyOf(Reflect.get(parent, token)) as object
      Reflect.set(parent, token, child)
      parent = child
    }
    return parent
  }

  #copyOf(value: unknown): unknown {
    if (this.#copied.has(value)) return value
    const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
    this.#copied.add(copy)
    return copy
  }
}
