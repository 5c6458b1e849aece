import { types } from 'node:util'
import { escapePointerToken } from './json-pointer.ts'

/** Any value that JSON text can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type JsonObject = { readonly [key: string]: Json }

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The deepest nesting that is read from a model: `JSON.stringify` overflows the stack some thousands of levels down. */
export const maxDepth = 64

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

/** A copy of plain objects and arrays, all the way down; anything else is shared. */
export function cloneJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cloneJson)
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  const copy: Record<string, unknown> = { ...value }
  for (const key of Object.keys(copy)) if (typeof copy[key] === 'object') copy[key] = cloneJson(copy[key])
  return copy
}

export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Whether a value is what its JSON says: it holds plain objects, arrays, texts, finite numbers and nothing else. */
export function isPlainJson(value: unknown): boolean {
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
  if (Array.isArray(value)) {
    for (const item of value) if (!isPlainJson(item)) return false
    return true
  }
  if (!isPlain(value) || 'toJSON' in value) return false
  for (const key of Object.keys(value)) if (!isPlainJson(Reflect.get(value, key))) return false
  return true
}

/** What {@link parseJson} gives for a text that is no JSON: `undefined` and `null` would be mistaken for values. */
export const unparsable = Symbol('unparsable')

/** The value of a JSON text, or {@link unparsable}, which it also is where it nests too deep. Never throws. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return hasManyOpenings(text) && isTooDeep(value) ? unparsable : value
  } catch {
    return unparsable
  }
}

/** Walking a value costs as much as parsing it; a text with few brackets needs no walk. */
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
 * JSON with sorted members: equal for equal values, whatever order they were written in. `replace` may put another
 * value in the place of an object before it is written.
 */
export function canonicalJson(value: unknown, replace?: (value: object) => unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const replaced = replace?.(value)
  if (replaced !== undefined) return canonicalJson(replaced)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, replace)).join(',')}]`
  let members = ''
  for (const key of Object.keys(value).sort()) {
    const member = `${JSON.stringify(key)}:${canonicalJson(Reflect.get(value, key), replace)}`
    members += members === '' ? member : `,${member}`
  }
  return `{${members}}`
}

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
 * What in a value JSON would write as `{}`, without a word: a promise that nobody awaited, a map. With its path, for the
 * author of the tool; undefined where there is none. An object with `toJSON` writes itself.
 */
export function unwritableIn(value: unknown, path = ''): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    if ('toJSON' in value && typeof value.toJSON === 'function') return undefined
    const kind = kinds.find(([, is]) => is(value))?.[0]
    if (kind !== undefined) return `${kind} at ${path === '' ? '(root)' : path}, which JSON cannot carry`
  }
  for (const key of Object.keys(value)) {
    const member: unknown = Reflect.get(value, key)
    if (typeof member !== 'object') continue
    const found = unwritableIn(member, `${path}/${escapePointerToken(key)}`)
    if (found !== undefined) return found
  }
  return undefined
}
