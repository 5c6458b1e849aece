import { maxDepth, parseJson, unparsable } from './json.ts'

/** Text of megabytes that is not JSON is not worth mending. */
const maxMendedLength = 256 * 1024

/**
 * The value of a text that is an object but for its notation: other quotes or none, Python's constants, commas too many,
 * line breaks in texts. The notation is rewritten and then read as strictly as any JSON.
 *
 * A library that mends anything (jsonrepair) completes what was cut off, drops what it cannot place, and is quadratic
 * where commas are missing. A call must not run with a guess: what leaves open what it means is {@link unparsable}.
 */
export function parseLenientJson(text: string): unknown {
  if (text.length > maxMendedLength || !/^\s*\{/.test(text)) return unparsable
  const json = rewritten(text)
  return json === undefined ? unparsable : parseJson(json)
}

/** The inside of a text that is all one Markdown code block; any other text as it is, trimmed. */
export function stripCodeFence(text: string): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('```') || !trimmed.endsWith('```')) return trimmed
  const firstLine = trimmed.indexOf('\n')
  const start = firstLine === -1 ? trimmed.search(/[{[]/) : firstLine + 1
  return start < 3 || start > trimmed.length - 3 ? trimmed : trimmed.slice(start, -3).trim()
}

const gap = /\s*([,:]?)\s*/y
const word = /[\p{L}\p{N}_$.+-]+/uy
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** A word that can be a text without quotes; `...`, `007` and `1.` are something else. */
const isName = /^[\p{L}_$]/u
const noValue = new Set(['undefined', 'NaN', 'Infinity'])
const constants: Readonly<Record<string, string>> = {
  true: 'true',
  false: 'false',
  null: 'null',
  True: 'true',
  False: 'false',
  None: 'null',
}

/** The text in strict notation. Undefined where a bracket, a separator or an end of a text is missing. */
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
      // A comma before the bracket is left out, but not a second one, and not one that separates nothing.
      if (open.pop() !== character || separator === ':' || (separator === ',' && !afterValue)) return undefined
      parts.push(character)
      position++
      afterValue = true
      continue
    }
    // Behind a value stands a separator, and behind the outermost value nothing.
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
  readonly json: string
  readonly end: number
}

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
const hexadecimal = /[0-9a-fA-F]{4}/y

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
