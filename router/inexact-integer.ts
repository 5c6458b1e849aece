import { endOfString } from './json-scan.ts'

const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * The first integer of a JSON text that a double cannot hold as it is written. `JSON.parse` rounds it without a word, and
 * a tool would run with another number, an id perhaps. Fractions are rounded by everybody.
 */
export function inexactInteger(json: string): string | undefined {
  if (!holdsLongNumber(json)) return undefined
  for (let position = 0; position < json.length; ) {
    const character = json[position] ?? ''
    if (character === '"') {
      const end = endOfString(json, position)
      if (end === -1) return undefined
      position = end
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = position
      const written = number.exec(json)?.[0] ?? character
      if (/^-?\d{16,}$/.test(written) && !isExact(written)) return written
      position += written.length
    } else position++
  }
  return undefined
}

/** Doubles hold all integers of fewer digits. */
const longDigits = 16

/** Whether there are so many digits in a row. They cannot pass between two places that are as far apart: only those are looked at. */
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

/** Also exact is what JavaScript itself writes for a double: it fills up with zeros what lies behind the 17th digit. */
function isExact(integer: string): boolean {
  // Beyond 400 digits there is no double at all, and to make an integer of them takes long.
  if (integer.length > 400 || !Number.isFinite(Number(integer))) return false
  return String(Number(integer)) === integer || BigInt(Number(integer)) === BigInt(integer)
}
