// Removes from a text what logs, quotations and encodings put around a call, so that the call can be recognised in it.

import { isObject } from '../json/json.ts'

const escapedCharacter = /\\u([0-9a-fA-F]{4})/g
const escapedBlank = /\\[nrt]/g
const entity = /&(?:amp;)*(?:(lt|gt|quot|apos|amp|nbsp)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));/g
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', nbsp: ' ' }
/** Blanks, invisible characters, and all that quotes, escapes, brackets or lists text. A list of lines is a text as well. */
const notation = /[\s\u00ad\u200b-\u200f\u2060\\"'`<>/|*,]+/g

/** A text in the form in which quotations are compared. */
export function withoutNotation(text: string): string {
  return withoutEntities(text.replace(escapedCharacter, character).replace(escapedBlank, '')).replace(notation, '')
}

function withoutEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(entity, (_, name?: string, decimal?: string, hexadecimal?: string) => {
    if (name !== undefined) return entities[name] ?? ''
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
    return code > 0x10ffff ? '' : String.fromCodePoint(code)
  })
}

function character(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}

/** Longest text that a log puts before a line. */
const maxPrefix = 200

/**
 * A text without what a log puts before each of its lines: a time, a level, a number. It is the common beginning of the line
 * with the name of the tool and of the line next to it, in which digits may differ.
 */
export function withoutPrefixes(text: string, name: string): string {
  const at = text.indexOf(name)
  const start = text.lastIndexOf('\n', at) + 1
  const end = text.indexOf('\n', at)
  if (at === -1 || (start === 0 && end === -1)) return text
  const before = text.lastIndexOf('\n', start - 2) + 1
  const next = end === -1 ? text.slice(before, before + maxPrefix) : text.slice(end + 1, end + 1 + maxPrefix)
  const shape = commonBeginning(shapeOf(text.slice(start, Math.min(at, start + maxPrefix))), shapeOf(next))
  if (shape === '') return text
  const { length } = shape
  return text.replace(/^.+/gm, (line) => (shapeOf(line.slice(0, length)) === shape ? line.slice(length) : line))
}

function shapeOf(prefix: string): string {
  return prefix.replace(/\d/g, '0')
}

/** The words that two texts begin with. */
function commonBeginning(one: string, other: string): string {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  const isWhole = length === one.length || /\s/.test(`${one[length]}${other[length] ?? '\n'}`)
  return (isWhole ? one.slice(0, length) : one.slice(0, length).replace(/\S+$/, '')).trimEnd()
}

/** The texts whose lines a list holds: as items, or as a member of each item. */
export function linesIn(list: readonly unknown[]): readonly string[] {
  const [first] = list
  if (list.length < 2) return []
  if (typeof first === 'string') return [list.filter((item) => typeof item === 'string').join('\n')]
  if (!isObject(first)) return []
  const keys = Object.keys(first).filter((key) => typeof first[key] === 'string')
  return keys.map((key) => list.map((item) => (isObject(item) ? String(item[key] ?? '') : '')).join('\n'))
}

/** The marks of quoted lines, and the numbers that tools put before lines. */
const quotedLine = /^[ \t]{0,20}(?:>[ \t]?|\d{1,7}(?:[:|\t]|[ \t]{2})[ \t]?){1,20}/gm

/** A text without the entities of HTML, and without marks and numbers before lines. */
export function withoutMarks(text: string): string {
  const plain = withoutEntities(text)
  return plain.replace(quotedLine, '')
}

const escapeSequence = /\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g
const escapedBlanks: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/** A text without one level of the escapes of JSON, for text in JSON that is broken. */
export function withoutEscapes(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(escapeSequence, (_, digits?: string, sign = '') =>
    digits === undefined ? (escapedBlanks[sign] ?? sign) : character(_, digits),
  )
}
