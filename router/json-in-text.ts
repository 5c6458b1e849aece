import { isTooDeep } from './json.ts'

/** How often the text may be walked over for openings that lead nowhere: keeps the search linear in hostile text. */
const maxPasses = 8

export interface FoundJson {
  readonly value: unknown
  readonly start: number
  readonly end: number
}

/** The JSON objects and arrays in a text: bare, fenced, or between prose, in order. Never throws. */
export function findJson(text: string): readonly FoundJson[] {
  const found: FoundJson[] = []
  let budget = maxPasses * text.length
  let start = nextOpening(text, 0)
  while (start !== -1 && budget > 0) {
    const end = endOfValue(text, start)
    const value = end === -1 ? undefined : parse(text.slice(start, end))
    if (value === undefined) {
      budget -= (end === -1 ? text.length : end) - start
      start = nextOpening(text, start + 1)
    } else {
      found.push({ value, start, end })
      start = nextOpening(text, end)
    }
  }
  return found
}

const opening = /[[{]/g

function nextOpening(text: string, from: number): number {
  opening.lastIndex = from
  return opening.exec(text)?.index ?? -1
}

const token = /["[\]{}]/g

/** Index behind the bracket that closes the one at `start`, strings left out; -1 where there is none. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  token.lastIndex = start
  for (;;) {
    const match = token.exec(text)
    if (match === null) return -1
    const character = match[0]
    if (character === '"') {
      const end = endOfString(text, token.lastIndex)
      if (end === -1) return -1
      token.lastIndex = end
    } else if (character === '{' || character === '[') depth++
    else if (--depth === 0) return token.lastIndex
  }
}

function endOfString(text: string, from: number): number {
  let position = from
  for (;;) {
    const quote = text.indexOf('"', position)
    if (quote === -1) return -1
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
    position = quote + 1
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isTooDeep(value) ? undefined : value
  } catch {
    return undefined
  }
}
