// Models sometimes write objects almost in JSON: with Python's `True` and `None`, single quotes, keys without quotes, a
// trailing comma. The text is rewritten in strict notation and then parsed as strictly as any other JSON, so a text whose
// meaning is not certain is refused instead of guessed.

import { type ExactJson, parseExactJson } from './exact-json.ts'
import { maxDepth } from './json.ts'
import { hexadecimal, jsonNumber } from './json-scan.ts'

/** Longest text that is rewritten. A longer one is a document, not the arguments of a call. */
const maxLength = 256 * 1024

/**
 * Parses an object in lenient notation: any quotes or none, Python's constants, trailing commas, line breaks in strings.
 *
 * A library such as jsonrepair does more: it completes truncated text, drops what does not fit, and takes quadratic time
 * where commas are missing. A tool call must not run with guessed arguments, so ambiguous text is refused here.
 *
 * @returns `unparsable` when something other than the notation is wrong.
 *
 * @example
 * parseLenientJson("{'city': 'Oslo', metric: True,}") // { kind: 'parsed', value: { city: 'Oslo', metric: true } }
 * parseLenientJson('{"city": "Os')                    // { kind: 'unparsable' }, because it is truncated
 */
export function parseLenientJson(text: string): ExactJson {
  const json = text.length > maxLength || !/^\s*\{/.test(text) ? undefined : rewritten(text)
  return json === undefined ? { kind: 'unparsable' } : parseExactJson(json)
}

/** The content of a text that is one Markdown code block as a whole. Any other text is returned trimmed. */
export function stripCodeFence(text: string): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('```') || !trimmed.endsWith('```')) return trimmed
  const firstLine = trimmed.indexOf('\n')
  const start = firstLine === -1 ? trimmed.search(/[{[]/) : firstLine + 1
  return start < 3 || start > trimmed.length - 3 ? trimmed : trimmed.slice(start, -3).trim()
}

const gap = /\s*([,:]?)\s*/y
const word = /[\p{L}\p{N}_$.+-]+/uy
const number = new RegExp(`^${jsonNumber.source}$`)
/** Beginning of a word that can be a string without quotes. `...`, `007` and `1.` cannot. */
const isName = /^[\p{L}_$]/u
/** JavaScript's values that JSON has no notation for. Reading them as strings would change their meaning. */
const noValue = new Set(['undefined', 'NaN', 'Infinity'])
const constants: Readonly<Record<string, string>> = {
  true: 'true',
  false: 'false',
  null: 'null',
  True: 'true',
  False: 'false',
  None: 'null',
}

/** The text in strict notation; `undefined` when a bracket, a separator or a closing quote is missing. */
function rewritten(text: string): string | undefined {
  const parts: string[] = []
  const open: string[] = []
  let position = 0
  let afterValue = false
  while (position < text.length) {
    gap.lastIndex = position
    const separator = gap.exec(text)?.[1] ?? ''
    position = gap.lastIndex
    const character = text[position]
    if (character === undefined) return separator === '' && open.length === 0 ? parts.join('') : undefined
    if (character === '}' || character === ']') {
      // One trailing comma is dropped. A second comma, or a comma without a value before it, is an error.
      if (open.pop() !== character || separator === ':' || (separator === ',' && !afterValue)) return undefined
      parts.push(character)
      position++
      afterValue = true
      continue
    }
    // A value is followed by a separator, and the outermost value by nothing.
    if (afterValue === (separator === '') || (open.length === 0 && parts.length > 0)) return undefined
    parts.push(separator)
    if (character === '{' || character === '[') {
      if (open.push(character === '{' ? '}' : ']') > maxDepth) return undefined
      parts.push(character)
      position++
      afterValue = false
      continue
    }
    const scalar = character === '"' || character === "'" ? readString(text, position) : readWord(text, position)
    if (scalar === undefined) return undefined
    parts.push(scalar.json)
    position = scalar.end
    afterValue = true
  }
  return open.length === 0 ? parts.join('') : undefined
}

interface Scalar {
  /** The value in strict notation. */
  readonly json: string
  /** Index after the value in the original text. */
  readonly end: number
}

/** A number, a constant, or a string without quotes. */
function readWord(text: string, from: number): Scalar | undefined {
  word.lastIndex = from
  const value = word.exec(text)?.[0]
  if (value === undefined) return undefined
  const end = word.lastIndex
  const constant = Object.hasOwn(constants, value) ? constants[value] : undefined
  if (constant !== undefined || number.test(value)) return { json: constant ?? value, end }
  return isName.test(value) && !noValue.has(value) ? { json: JSON.stringify(value), end } : undefined
}

const plain = { '"': /[^"\\]*/y, "'": /[^'\\]*/y } as const
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** A string in single or double quotes; line breaks inside it are kept. */
function readString(text: string, from: number): Scalar | undefined {
  const quote = text[from] === '"' ? '"' : "'"
  let value = ''
  let position = from + 1
  for (;;) {
    plain[quote].lastIndex = position
    value += plain[quote].exec(text)?.[0] ?? ''
    position = plain[quote].lastIndex
    if (text[position] === quote) return { json: JSON.stringify(value), end: position + 1 }
    const escaped = text[position + 1]
    if (escaped === undefined) return undefined
    position += 2
    if (escaped === 'u') {
      hexadecimal.lastIndex = position
      const digits = hexadecimal.exec(text)?.[0]
      if (digits === undefined) return undefined
      value += String.fromCharCode(Number.parseInt(digits, 16))
      position += 4
    } else if ('"\'\\/'.includes(escaped)) value += escaped
    else if (Object.hasOwn(escapes, escaped)) value += escapes[escaped]
    else return undefined
  }
}
