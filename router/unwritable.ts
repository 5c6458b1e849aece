import { types } from 'node:util'
import { toToken } from './json-pointer.ts'

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
    const found = unwritableIn(member, `${path}/${toToken(key)}`)
    if (found !== undefined) return found
  }
  return undefined
}
