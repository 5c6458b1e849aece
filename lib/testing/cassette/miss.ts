import { excerpt } from '../../../router/clip.ts'
import { ModelError } from '../../loop/model-error.ts'
import type { CassetteEntry } from './entry.ts'
import { firstDifference } from './first-difference.ts'
import type { RequestDocument } from './request-document.ts'

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
    kind: 'protocol',
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
