import { isObject } from '../../../router/json.ts'
import { pointerOf } from './pointer.ts'

/** The first place at which two documents differ, members in alphabetical order. */
export interface Difference {
  /** JSON Pointer; empty for the document itself. */
  readonly path: string
  /** `undefined` where there is nothing at this place. */
  readonly left: unknown
  readonly right: unknown
  /** How many values before this place are equal: the more, the nearer the two are. */
  readonly equalBefore: number
}

export function firstDifference(left: unknown, right: unknown): Difference | undefined {
  let equal = 0
  const compare = (a: unknown, b: unknown, path: readonly string[]): Difference | undefined => {
    if (Array.isArray(a) && Array.isArray(b)) {
      const indexes = Array.from({ length: Math.max(a.length, b.length) }, (_, index) => String(index))
      return compareMembers(indexes, a, b, path)
    }
    if (isObject(a) && isObject(b)) {
      return compareMembers([...new Set([...Object.keys(a), ...Object.keys(b)])].sort(), a, b, path)
    }
    if (a === b) {
      equal++
      return undefined
    }
    return { path: pointerOf(path), left: a, right: b, equalBefore: equal }
  }
  const compareMembers = (names: readonly string[], a: object, b: object, path: readonly string[]) => {
    for (const name of names) {
      const found = compare(Reflect.get(a, name), Reflect.get(b, name), [...path, name])
      if (found !== undefined) return found
    }
    return undefined
  }
  return compare(left, right, [])
}
