import { isObject } from '../../../router/json/json.ts'
import { escapePointerToken } from '../../../router/json/json-pointer.ts'
import { shownValue } from '../../../router/text/shown-value.ts'
import { ModelError } from '../../loop/errors.ts'
import type { CassetteEntry, RequestDocument } from './cassette-file.ts'

/** Longest shown part of a value, in bytes. */
const maxShownBytes = 200

/**
 * The error for a request that a cassette has no reply for.
 *
 * @param replayed number of replies that this request already got.
 */
export function missError(
  request: RequestDocument,
  replayed: number,
  entries: readonly CassetteEntry[],
  file: string,
): ModelError {
  const problem =
    replayed > 0
      ? `This request was recorded ${times(replayed)}, and the run sent it once more.`
      : entries.length === 0
        ? 'The cassette is empty.'
        : differenceFromNearest(request, entries)
  return new ModelError(`${file} has no reply to this request. ${problem} Delete the file and record it again.`, {
    code: 'protocol',
    retryable: false,
  })
}

/** A sentence about the recorded request with the most equal values before the first difference. */
function differenceFromNearest(request: RequestDocument, entries: readonly CassetteEntry[]): string {
  const nearest = entries
    .map((entry, index) => ({ line: index + 1, difference: firstDifference(entry.request, request) }))
    .reduce((best, next) => ((next.difference?.equalBefore ?? 0) > (best.difference?.equalBefore ?? 0) ? next : best))
  if (nearest.difference === undefined) return 'It equals a recorded request whose key was changed.'
  const { path, left, right } = nearest.difference
  const [recorded, sent] = shown(left, right)
  return `The nearest recorded request is in line ${nearest.line}. The first difference is at ${path}: recorded ${recorded}, sent ${sent}.`
}

/** Two values, clipped. Of two long texts, the part in which they differ. */
function shown(left: unknown, right: unknown): readonly [string, string] {
  if (typeof left !== 'string' || typeof right !== 'string')
    return [shownValue(left, maxShownBytes), shownValue(right, maxShownBytes)]
  const start = Math.max(0, commonLength(left, right) - 40)
  const part = (value: string) => `${start > 0 ? '…' : ''}${shownValue(value.slice(start), maxShownBytes)}`
  return [part(left), part(right)]
}

function commonLength(left: string, right: string): number {
  let length = 0
  while (length < left.length && left[length] === right[length]) length++
  return length
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

/** The first difference between two documents, with members in alphabetical order. */
interface Difference {
  /** JSON Pointer to the difference; empty for the whole document. */
  readonly path: string
  /** The value in the first document; `undefined` if it has none here. */
  readonly left: unknown
  /** The value in the second document; `undefined` if it has none here. */
  readonly right: unknown
  /** Number of equal values before the difference. The nearest document has the most. */
  readonly equalBefore: number
}

/** The first difference between two documents; undefined if they are equal. */
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
    return { path: path.map((name) => `/${escapePointerToken(name)}`).join(''), left: a, right: b, equalBefore: equal }
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
