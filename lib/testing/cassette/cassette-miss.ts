import { isObject } from '../../../router/json/json.ts'
import { excerpt } from '../../../router/text/clip.ts'
import { ModelError } from '../../loop/errors.ts'
import type { CassetteEntry, RequestDocument } from './cassette-file.ts'

const shownBytes = 200

/** The error of a request that a cassette holds no further reply for: where it differs from the nearest one. */
export function miss(request: RequestDocument, played: number, entries: readonly CassetteEntry[], file: string) {
  const problem =
    played > 0
      ? `This request was recorded ${times(played)} and is now asked once more.`
      : entries.length === 0
        ? 'The cassette is empty.'
        : differenceFromNearest(request, entries)
  return new ModelError(`${file} has no reply to this request. ${problem} Record the cassette anew.`, {
    code: 'protocol',
    retryable: false,
  })
}

function differenceFromNearest(request: RequestDocument, entries: readonly CassetteEntry[]): string {
  const nearest = entries
    .map((entry, index) => ({ line: index + 1, difference: firstDifference(entry.request, request) }))
    .reduce((best, next) => ((next.difference?.equalBefore ?? 0) > (best.difference?.equalBefore ?? 0) ? next : best))
  if (nearest.difference === undefined) return 'It equals a recorded one, whose key was changed.'
  const { path, left, right } = nearest.difference
  const [recorded, asked] = shown(left, right)
  return `The nearest is number ${nearest.line}; the first difference is at ${path}: recorded ${recorded}, asked ${asked}.`
}

/** Both values clipped; of two long texts the part in which they differ. */
function shown(left: unknown, right: unknown): readonly [string, string] {
  if (typeof left !== 'string' || typeof right !== 'string') return [text(left), text(right)]
  const start = Math.max(0, commonLength(left, right) - 40)
  const part = (value: string) => `${start > 0 ? '…' : ''}${text(value.slice(start))}`
  return [part(left), part(right)]
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : excerpt(JSON.stringify(value), shownBytes)
}

function commonLength(left: string, right: string): number {
  let length = 0
  while (length < left.length && left[length] === right[length]) length++
  return length
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** The first place at which two documents differ, members in alphabetical order. */
interface Difference {
  /** JSON Pointer; empty for the document itself. */
  readonly path: string
  /** `undefined` where there is nothing at this place. */
  readonly left: unknown
  readonly right: unknown
  /** How many values before this place are equal: the more, the nearer the two are. */
  readonly equalBefore: number
}

function firstDifference(left: unknown, right: unknown): Difference | undefined {
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

/** A path as JSON Pointer (RFC 6901). */
function pointerOf(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
