import { maxDepth } from './json.ts'

export interface Span {
  readonly start: number
  readonly end: number
  /** The value stands inside of a bigger one that is broken or cut off. */
  readonly isPart: boolean
}

/**
 * The spans of all JSON objects and arrays in a text, outermost ones only, in order.
 *
 * Linear, whatever the text: a scan that fails is not begun again at the next bracket, which would be read the same way,
 * but at the last quote before the failure: what was taken for a text may have been the gap between two.
 */
export function jsonSpans(text: string): readonly Span[] {
  const spans: Span[] = []
  const scanner = new Scanner(text)
  let isInside = false
  let start = nextOpening(text, 0)
  while (start !== -1) {
    const end = scanner.scan(start)
    if (end !== -1) spans.push({ start, end, isPart: isInside })
    else for (const part of scanner.parts) spans.push({ ...part, isPart: true })
    isInside ||= scanner.isTooDeep
    start = nextOpening(text, end === -1 ? scanner.resume : end)
  }
  return spans
}

/** Index behind the object or array that begins at `start`; -1 where it is no JSON. */
export function endOfJson(text: string, start: number): number {
  return text[start] === '{' || text[start] === '[' ? new Scanner(text).scan(start) : -1
}

const opening = /[[{]/g

function nextOpening(text: string, from: number): number {
  opening.lastIndex = from
  return opening.test(text) ? opening.lastIndex - 1 : -1
}

type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end'

interface Open {
  readonly start: number
  readonly isArray: boolean
  /** How many parts there were when it was opened: those behind are inside of it. */
  readonly partsBefore: number
}

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/** Reads one object or array strictly, without recursion. One for a whole text: hostile text makes it scan often. */
class Scanner {
  readonly #text: string
  readonly #open: Open[] = []
  /** After a failure: the complete values inside of the broken one. */
  readonly parts: { readonly start: number; readonly end: number }[] = []
  /** After a failure: where to look for the next value. */
  resume = 0
  /** It failed for nesting alone: what follows may be inside of a value that cannot be read. */
  isTooDeep = false

  constructor(text: string) {
    this.#text = text
  }

  /** Index behind the value that begins at `from`, or -1. */
  scan(from: number): number {
    const text = this.#text
    const open = this.#open
    open.length = 0
    this.parts.length = 0
    this.isTooDeep = false
    let expected = 'value' as Expected
    let lastQuote = -1
    let position = from
    for (;;) {
      position = behindBlanks(text, position)
      const character = text[position]
      const wantsValue = expected === 'value' || expected === 'value or end'
      if (character === '"') {
        if (expected === 'colon' || expected === 'comma or end') return this.#fail(position, lastQuote)
        lastQuote = position
        const end = endOfString(text, position)
        if (end === -1) return this.#fail(position, lastQuote)
        position = end
        expected = wantsValue ? 'comma or end' : 'colon'
      } else if (character === '{' || character === '[') {
        if (!wantsValue) return this.#fail(position, lastQuote)
        if (open.length >= maxDepth) {
          this.isTooDeep = true
          return this.#fail(position, lastQuote)
        }
        open.push({ start: position, isArray: character === '[', partsBefore: this.parts.length })
        expected = character === '[' ? 'value or end' : 'key or end'
        position++
      } else if (character === '}' || character === ']') {
        const top = open.at(-1)
        if (top?.isArray !== (character === ']') || !expected.endsWith('or end')) return this.#fail(position, lastQuote)
        open.pop()
        position++
        if (open.length === 0) return position
        this.parts.length = top.partsBefore
        this.parts.push({ start: top.start, end: position })
        expected = 'comma or end'
      } else if (character === ',' && expected === 'comma or end') {
        expected = open.at(-1)?.isArray ? 'value' : 'key'
        position++
      } else if (character === ':' && expected === 'colon') {
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

function behindBlanks(text: string, from: number): number {
  let position = from
  for (;;) {
    const code = text.charCodeAt(position)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return position
    position++
  }
}

const hexadecimal = /[0-9a-fA-F]{4}/y

/** Index behind the string that begins at the quote `from`; -1 where it is no JSON string. */
function endOfString(text: string, from: number): number {
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
