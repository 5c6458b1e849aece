// Finds JSON values in the middle of other text, as in "Calling {"name": …} now". Linear in the length of the text,
// because the text comes from a model and may be megabytes of brackets.

import { maxDepth } from './json.ts'

/** The position of a JSON object or array in a text. */
export interface Span {
  /** Index of the opening bracket. */
  readonly start: number
  /** Index after the closing bracket. */
  readonly end: number
  /** `true` when the value is part of a bigger value that is broken or truncated. */
  readonly isPart: boolean
}

/**
 * The positions of all outermost JSON objects and arrays in a text, in order.
 *
 * A failed scan does not restart at the next bracket, which would take quadratic time. It restarts at the last quote
 * before the failure, because what looked like a string may have been the text between two strings.
 *
 * @example
 * jsonSpans('a {"b": [1]} c [2]') // [{ start: 2, end: 12, isPart: false }, { start: 15, end: 18, isPart: false }]
 */
export function jsonSpans(text: string): readonly Span[] {
  const spans: Span[] = []
  const scanner = new Scanner(text)
  const openings = new Openings(text)
  let isInside = false
  let start = openings.next(0)
  while (start !== -1) {
    const end = scanner.scan(start)
    if (end !== -1) spans.push({ start, end, isPart: isInside })
    else for (const part of scanner.parts) spans.push(part)
    isInside ||= scanner.isTooDeep
    start = openings.next(end === -1 ? scanner.resume : end)
  }
  return spans
}

/** Index after the object or array that begins at `start`; -1 when there is no valid JSON. */
export function endOfJson(text: string, start: number): number {
  return text[start] === '{' || text[start] === '[' ? new Scanner(text).scan(start) : -1
}

/** Finds opening brackets. Each kind is searched with its own `indexOf`, which is much faster than a regular expression. */
class Openings {
  readonly #text: string
  #object = -2
  #array = -2

  constructor(text: string) {
    this.#text = text
  }

  /** Index of the first opening bracket at or after `from`, which must never decrease; -1 when there are no more. */
  next(from: number): number {
    if (this.#object !== -1 && this.#object < from) this.#object = this.#text.indexOf('{', from)
    if (this.#array !== -1 && this.#array < from) this.#array = this.#text.indexOf('[', from)
    if (this.#object === -1) return this.#array
    return this.#array === -1 ? this.#object : Math.min(this.#object, this.#array)
  }
}

/** The tokens that may come next. */
type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end'

/** A JSON number. Its groups are the sign, the digits before the point, the digits after it, and the exponent. */
export const jsonNumber = /(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?/

const scalar = new RegExp(`${jsonNumber.source}|true|false|null`, 'y')

/** Codes of the characters that structure JSON, strict or lenient. */
export const charCodes = {
  quote: 0x22,
  apostrophe: 0x27,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  open: 0x7b,
  close: 0x7d,
} as const

/** Scans one object or array strictly, without recursion. One scanner serves a whole text, which may need many scans. */
class Scanner {
  readonly #text: string
  /** For each open value where it begins, and how many entries `parts` had then; later entries lie within the value. */
  readonly #starts = new Int32Array(maxDepth)
  readonly #partsBefore = new Int32Array(maxDepth)
  /** After a failure: the complete values within the broken one. */
  readonly parts: Span[] = []
  /** After a failure: where to look for the next value. */
  resume = 0
  /** The scan failed because of the nesting depth, so the values that follow may be part of an unreadable one. */
  isTooDeep = false

  constructor(text: string) {
    this.#text = text
  }

  /** Index after the value that begins at `from`; -1 when it is not valid JSON. */
  scan(from: number): number {
    const text = this.#text
    const starts = this.#starts
    const partsBefore = this.#partsBefore
    const parts = this.parts
    if (parts.length > 0) parts.length = 0
    this.isTooDeep = false
    let depth = 0
    let expected = 'value' as Expected
    let lastQuote = -1
    let position = from
    for (;;) {
      position = skipBlanks(text, position)
      const character = text.charCodeAt(position)
      const wantsValue = expected === 'value' || expected === 'value or end'
      if (character === charCodes.quote) {
        if (expected === 'colon' || expected === 'comma or end') return this.#fail(position, lastQuote)
        lastQuote = position
        const end = endOfString(text, position)
        if (end === -1) return this.#fail(position, lastQuote)
        position = end
        expected = wantsValue ? 'comma or end' : 'colon'
      } else if (character === charCodes.open || character === charCodes.openArray) {
        if (!wantsValue) return this.#fail(position, lastQuote)
        if (depth === maxDepth) {
          this.isTooDeep = true
          return this.#fail(position, lastQuote)
        }
        starts[depth] = position
        partsBefore[depth] = parts.length
        depth++
        expected = character === charCodes.open ? 'key or end' : 'value or end'
        position++
      } else if (character === charCodes.close || character === charCodes.closeArray) {
        const mayEnd = expected === 'comma or end' || expected === 'key or end' || expected === 'value or end'
        depth--
        const start = starts[depth] ?? 0
        // A closing bracket's code is that of its opening one and two more.
        if (!mayEnd || text.charCodeAt(start) !== character - 2) return this.#fail(position, lastQuote)
        position++
        if (depth === 0) return position
        const before = partsBefore[depth] ?? 0
        if (parts.length > before) parts.length = before
        parts.push({ start, end: position, isPart: true })
        expected = 'comma or end'
      } else if (character === charCodes.comma && expected === 'comma or end') {
        expected = text.charCodeAt(starts[depth - 1] ?? from) === charCodes.open ? 'key' : 'value'
        position++
      } else if (character === charCodes.colon && expected === 'colon') {
        expected = 'value'
        position++
      } else {
        scalar.lastIndex = position
        if (!wantsValue || !scalar.test(text)) return this.#fail(position, lastQuote)
        position = scalar.lastIndex
        expected = 'comma or end'
      }
    }
  }

  #fail(at: number, lastQuote: number): -1 {
    this.resume = lastQuote === -1 ? at : Math.max(lastQuote + 1, this.parts.at(-1)?.end ?? 0)
    return -1
  }
}

function skipBlanks(text: string, from: number): number {
  let position = from
  for (;;) {
    const character = text.charCodeAt(position)
    if (character !== 0x20 && character !== 0x0a && character !== 0x0d && character !== 0x09) return position
    position++
  }
}

/** The four digits after `\\u`, at `lastIndex`. */
export const hexadecimal = /[0-9a-fA-F]{4}/y

/** Index after the JSON string whose opening quote is at `from`; -1 when it is not a valid JSON string. */
export function endOfString(text: string, from: number): number {
  for (let position = from + 1; position < text.length; position++) {
    const code = text.charCodeAt(position)
    if (code === 0x22) return position + 1
    if (code < 0x20) return -1
    if (code !== 0x5c) continue
    const escaped = text[++position] ?? ''
    if (escaped === 'u') {
      hexadecimal.lastIndex = position + 1
      if (!hexadecimal.test(text)) return -1
      position += 4
    } else if (!'"\\/bfnrt'.includes(escaped) || escaped === '') return -1
  }
  return -1
}
