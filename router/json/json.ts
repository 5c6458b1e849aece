// Small helpers for JSON values: types, copying, parsing without exceptions, canonical text, and finding values that JSON
// cannot represent. Values come from models and from tools, so each helper has to survive deep nesting and odd objects.

import { types } from 'node:util'
import { escapePointerToken } from './json-pointer.ts'

/** Any value that JSON can represent. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json }

/** An object from outside, such as parsed JSON. Any member may be missing or have any type. */
export type UnknownObject = { readonly [key: string]: unknown }

/** Whether a value is an object and neither `null` nor an array. */
export function isObject(value: unknown): value is UnknownObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Deepest nesting that is read from a model. `JSON.stringify` and recursive walks overflow the stack at some thousands of
 * levels, and no real tool input comes close to this limit.
 */
export const maxDepth = 64

/** Whether a value nests deeper than {@link maxDepth}. */
export function isTooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth >= maxDepth) return true
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isTooDeep(item, depth + 1)) return true
    return false
  }
  for (const key in value) {
    const member: unknown = Reflect.get(value, key)
    if (typeof member === 'object' && isTooDeep(member, depth + 1)) return true
  }
  return false
}

/** A deep copy of plain objects and arrays. Any other object, such as a `Date`, is shared with the original. */
export function cloneJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cloneJson)
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  const copy: Record<string, unknown> = { ...value }
  for (const key of Object.keys(copy)) if (typeof copy[key] === 'object') copy[key] = cloneJson(copy[key])
  return copy
}

/** Whether an object was written as a literal: it has no class and no prototype of its own. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/**
 * Whether a value survives `JSON.parse(JSON.stringify(value))` unchanged: it consists of plain objects, arrays, strings,
 * finite numbers, booleans and `null`. A value that nests deeper than 500 levels counts as one that does not, because it
 * may contain itself.
 */
export function isPlainJson(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth === deepestSearch) return false
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlainJson(item, depth + 1)) return false
    return true
  }
  if (!isPlain(value) || 'toJSON' in value) return false
  for (const key of Object.keys(value)) if (!isPlainJson(Reflect.get(value, key), depth + 1)) return false
  return true
}

/** Result of {@link parseJson} for a text that is not JSON. `null` would not do, because it is a JSON value itself. */
export const unparsable = Symbol('unparsable')

/**
 * Parses JSON without throwing.
 *
 * @param options with `anyDepth`, nesting is not limited. Code that walks the value must not be recursive then.
 * @returns the value, or {@link unparsable} when `text` is not JSON or nests deeper than {@link maxDepth}.
 */
export function parseJson(text: string, options?: { readonly anyDepth: true }): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return options === undefined && hasManyOpenings(text) && isTooDeep(value) ? unparsable : value
  } catch {
    return unparsable
  }
}

/** Walking a value costs as much as parsing it. A text with few brackets cannot nest too deep and needs no walk. */
function hasManyOpenings(text: string): boolean {
  if (text.length <= 2 * maxDepth) return false
  let count = 0
  for (const bracket of '[{') {
    let position = text.indexOf(bracket)
    while (position !== -1) {
      if (++count > maxDepth) return true
      position = text.indexOf(bracket, position + 1)
    }
  }
  return false
}

/**
 * JSON with sorted members, so that equal values give equal texts.
 *
 * @param replace may return a text to write instead of an object or a string; `undefined` keeps it.
 */
export function canonicalJson(value: unknown, replace?: (value: object | string) => string | undefined): string {
  const replaced = replace !== undefined && (typeof value === 'string' || isContainer(value)) && replace(value)
  if (typeof replaced === 'string') return JSON.stringify(replaced)
  if (!isContainer(value)) return JSON.stringify(value) ?? 'null'
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? canonicalJson(item, replace) : `,${canonicalJson(item, replace)}`
    return `[${text}]`
  }
  for (const key of sortedKeys(value)) {
    const member = `${JSON.stringify(key)}:${canonicalJson(Reflect.get(value, key), replace)}`
    text += text === '' ? member : `,${member}`
  }
  return `{${text}}`
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Member names in order. Sorting allocates more than anything else here, and most objects are sorted already. */
function sortedKeys(value: object): readonly string[] {
  const keys = Object.keys(value)
  let previous = ''
  for (const key of keys) {
    if (key < previous) return keys.sort()
    previous = key
  }
  return keys
}

/** Types without members of their own to write, each with its test. */
const kinds: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['a Promise', types.isPromise],
  ['a Map', types.isMap],
  ['a Set', types.isSet],
  ['an Error', types.isNativeError],
  ['a RegExp', types.isRegExp],
  ['a generator', types.isGeneratorObject],
  ['a buffer', (value) => types.isAnyArrayBuffer(value) || (types.isArrayBufferView(value) && !Buffer.isBuffer(value))],
]

/**
 * Finds a value that `JSON.stringify` refuses, drops or changes: a promise that was not awaited, a `Map`, a function, a
 * bigint, `NaN`, an object that contains itself. Objects with a `toJSON` method are fine, and so are `undefined` members,
 * which it leaves out.
 *
 * @returns a description with its path for the author of the tool, for example `a Map at /groups, which JSON cannot
 *   represent`; `undefined` when there is no such value.
 */
export function findUnserializable(value: unknown, path = '', around: object[] = []): string | undefined {
  const kind = unserializableKind(value, around)
  if (kind !== undefined) return `${kind} at ${path === '' ? '(root)' : path}, which JSON cannot represent`
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value) && 'toJSON' in value && typeof value.toJSON === 'function') return undefined
  if (around.length === deepestSearch) return undefined
  around.push(value)
  for (const key of Object.keys(value)) {
    const member: unknown = Reflect.get(value, key)
    if (typeof member === 'string' || typeof member === 'boolean') continue
    const found = findUnserializable(member, `${path}/${escapePointerToken(key)}`, around)
    if (found !== undefined) return found
  }
  around.pop()
  return undefined
}

/**
 * Tells how JSON represents a value.
 *
 * @returns `isPlain`: whether it survives JSON unchanged; `problem`: see {@link findUnserializable}. A value with neither is
 *   changed by JSON, as a `Date` is.
 */
export function inspectJson(value: unknown): { readonly isPlain: boolean; readonly problem: string | undefined } {
  // The first test is quick, and the second one finds the reason.
  const isPlain = isPlainJson(value)
  return { isPlain, problem: isPlain ? undefined : findUnserializable(value) }
}

/** The search stops here, long before the stack overflows. No cycle of a real program is longer. */
const deepestSearch = 500

function unserializableKind(value: unknown, around: readonly object[]): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value)
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return undefined
  if (around.includes(value)) return 'an object that contains itself'
  if (Array.isArray(value) || isPlain(value)) return undefined
  if ('toJSON' in value && typeof value.toJSON === 'function') return undefined
  return kinds.find(([, is]) => is(value))?.[0]
}

/**
 * Whether a value takes more than `maxBytes` as JSON, or nests deeper than {@link maxDepth}. It stops at the limit, so that
 * a value of any size costs no more time than the limit. The bytes are estimated: those of strings are not escaped.
 */
export function isLargerThan(value: unknown, maxBytes: number): boolean {
  return estimatedBytes(value, maxBytes) > maxBytes
}

/** The bytes that {@link isLargerThan} compares. The number of a value that is larger than `maxBytes` says nothing more. */
export function estimatedBytes(value: unknown, maxBytes: number): number {
  return maxBytes - bytesLeft(value, maxBytes, 0)
}

/** The part of `left` that is left after a value; negative if it is too large or too deep. It runs for every call: no closure. */
function bytesLeft(value: unknown, left: number, depth: number): number {
  if (typeof value === 'string') return left - stringBytes(value, left)
  let rest = left - 8
  if (typeof value !== 'object' || value === null) return rest
  if (depth >= maxDepth) return -1
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && rest >= 0; index++) rest = bytesLeft(value[index], rest, depth + 1)
    return rest
  }
  for (const key in value) {
    if (rest < 0) return rest
    rest = bytesLeft(Reflect.get(value, key), rest - stringBytes(key, rest), depth + 1)
  }
  return rest
}

/** The bytes of a string, or only its length when that is already too much. */
function stringBytes(text: string, left: number): number {
  return (text.length > left ? text.length : Buffer.byteLength(text)) + 3
}
