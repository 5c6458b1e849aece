// JavaScript rounds a number that a double cannot represent, without a warning. A tool would then run with another number,
// possibly another id. The functions here detect such numbers instead.

import { parseJson, unparsable } from './json.ts'
import { endOfString, jsonNumber } from './json-scan.ts'

/** Result of {@link parseExactJson}. `json` is the text that was parsed. */
export type ExactJson =
  | { readonly kind: 'parsed'; readonly value: unknown; readonly json: string }
  /** The text is not JSON, or nests too deep. */
  | { readonly kind: 'unparsable' }
  /** `integer` is the first integer that `JSON.parse` rounds. It is rounded in `value`. */
  | { readonly kind: 'inexact'; readonly integer: string; readonly value: unknown; readonly json: string }

const unparsableJson: ExactJson = { kind: 'unparsable' }

/**
 * Parses JSON without throwing and without rounding integers. Rounded fractions are expected, so they are accepted.
 *
 * @example
 * parseExactJson('{"id": 1}')                 // { kind: 'parsed', value: { id: 1 }, … }
 * parseExactJson('{"id": 9007199254740993}')  // { kind: 'inexact', integer: '9007199254740993', value: … }
 */
export function parseExactJson(text: string): ExactJson {
  const value = parseJson(text)
  if (value === unparsable) return unparsableJson
  const integer = inexactInteger(text)
  return integer === undefined ? { kind: 'parsed', value, json: text } : { kind: 'inexact', integer, value, json: text }
}

/**
 * The number that a text denotes, when a double represents all of its digits.
 *
 * @returns `undefined` when the text is not a JSON number, or when it would be rounded.
 */
export function exactNumber(text: string): number | undefined {
  const number = Number(text)
  // Integers above 2^53 are usually ids, and neighbouring ids round to the same double.
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return undefined
  return isSameDecimal(text, String(number)) ? number : undefined
}

const decimal = new RegExp(`^${jsonNumber.source}$`)

/** Whether two texts denote the same decimal, such as `1.50` and `15e-1`. `false` when one is not a JSON number. */
function isSameDecimal(one: string, other: string): boolean {
  const normal = normalForm(one)
  return normal !== undefined && normal === normalForm(other)
}

/** The digits without leading and trailing zeros, and the exponent of the last one. */
function normalForm(text: string): string | undefined {
  const match = decimal.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  const first = indexOfFirstNonZero(digits)
  if (first === digits.length) return '0'
  const end = indexAfterLastNonZero(digits)
  const power = Number(exponent) - fraction.length + digits.length - end
  return Number.isSafeInteger(power) ? `${sign}${digits.slice(first, end)}e${power}` : undefined
}

function indexOfFirstNonZero(digits: string): number {
  let first = 0
  while (digits[first] === '0') first++
  return first
}

function indexAfterLastNonZero(digits: string): number {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return end
}

const number = new RegExp(jsonNumber.source, 'y')

/** The first integer of a valid JSON text that a double cannot represent exactly. */
function inexactInteger(json: string): string | undefined {
  if (!holdsLongNumber(json)) return undefined
  for (let position = 0; position < json.length; ) {
    const character = json[position] ?? ''
    if (character === '"') position = endOfString(json, position)
    else if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = position
      const written = number.exec(json)?.[0] ?? character
      if (isRoundedInteger(written)) return written
      position += written.length
    } else position++
  }
  return undefined
}

/** A double represents all integers with fewer digits exactly. */
const longDigits = 16

/**
 * Whether a text has {@link longDigits} digits in a row. Such a row covers at least one of the positions 15, 31, 47, …, so
 * looking at every sixteenth character is enough.
 */
function holdsLongNumber(json: string): boolean {
  for (let position = longDigits - 1; position < json.length; position += longDigits) {
    if (!isDigit(json, position)) continue
    let start = position
    let end = position + 1
    while (start > 0 && isDigit(json, start - 1)) start--
    while (end - start < longDigits && isDigit(json, end)) end++
    if (end - start >= longDigits) return true
  }
  return false
}

function isDigit(text: string, position: number): boolean {
  const code = text.charCodeAt(position)
  return code >= 0x30 && code <= 0x39
}

/** Whether the text of a number is an integer that a double rounds. */
export function isRoundedInteger(text: string): boolean {
  return /^-?\d{16,}$/.test(text) && !isExact(text)
}

/** Whether a double keeps an integer. JavaScript writes large doubles with zeros after the 17th digit; those count, too. */
function isExact(integer: string): boolean {
  // No double has more than 309 digits, and converting a very long text to a BigInt is slow.
  if (integer.length > 400 || !Number.isFinite(Number(integer))) return false
  return String(Number(integer)) === integer || BigInt(Number(integer)) === BigInt(integer)
}
