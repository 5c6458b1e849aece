// The forms in which a model writes a reference. Servers convert arguments to text and back, so a reference arrives as
//
//   { "$result": "get_user#/email" }                           an object
//   "{\"$result\": \"get_user#/email\"}"                       its JSON as text
//   "<$result>get_user#/email</$result>"                       markup as text; each tag may follow a marker
//
// A text is a reference only as a whole.

import { isObject, parseJson, unparsable } from './json/json.ts'
import { parseLenientJson } from './json/lenient-json.ts'

/** A reference, split at its first `#`. */
export interface Reference {
  /** Whether it points at a result or at an input of the run. */
  readonly kind: '$result' | '$input'
  /** Name of a tool or of an input, or id of a call. */
  readonly name: string
  /** JSON Pointer into the value; empty for the whole value. */
  readonly pointer: string
}

/** The reference that a value is; `undefined` for any other value. An object has exactly one member, and its value is a string. */
export function parseReference(value: unknown): Reference | undefined {
  const written = typeof value === 'string' ? (fromMarkup(value) ?? objectIn(value)) : value
  if (!isObject(written)) return undefined
  const kind = '$result' in written ? '$result' : '$input' in written ? '$input' : undefined
  if (kind === undefined || Object.keys(written).length !== 1) return undefined
  const target = written[kind]
  if (typeof target !== 'string') return undefined
  const hash = target.indexOf('#')
  return hash === -1
    ? { kind, name: target, pointer: '' }
    : { kind, name: target.slice(0, hash), pointer: target.slice(hash + 1) }
}

/** A reference as text. Equal references have equal texts. */
export function referenceText({ kind, name, pointer }: Reference): string {
  return `${kind} ${name}#${pointer}`
}

/** Names that were probably meant as a reference: `$results`, `$input:units`, or `$result` beside other members. */
const misspelt = /^\$(?:results?|inputs?)(?:$|\W)/i

/**
 * The member of an object that was probably meant as a reference. Text may contain such a member for another reason, so in
 * text it must be the only one, and its value must be a string.
 */
export function misspeltMember(value: unknown): string | undefined {
  const written = typeof value === 'string' ? objectIn(value) : value
  if (!isObject(written)) return undefined
  if (typeof value !== 'string') return Object.keys(written).find((key) => key.startsWith('$') && misspelt.test(key))
  const [name = '', ...others] = Object.keys(written)
  const isMeant = others.length === 0 && misspelt.test(name) && typeof written[name] === 'string'
  return isMeant ? name : undefined
}

/** Longest text that is taken for a reference. */
const longestReference = 4_096

/** Whether a text may be a reference or JSON with references. Most text is not, and this check is cheap. */
export function mayBeReference(text: string): boolean {
  const at = text.indexOf('$')
  return at > 0 && /^\s*(?:[{[]|\S{0,20}?<\$)/.test(text)
}

/** The last group ends with the marker of the closing tag, if there is one. */
const markup = /^\s*(\S{0,20}?)<\$(result|input)>(.*)<\/\$\2>\s*$/s

function fromMarkup(text: string): object | undefined {
  const [, marker = '', kind, inner = ''] = (text.length <= longestReference && markup.exec(text)) || []
  if (kind === undefined || !inner.endsWith(marker)) return undefined
  const target = inner.slice(0, inner.length - marker.length).trim()
  return /[<>]/.test(target) ? undefined : { [`$${kind}`]: target }
}

function objectIn(text: string): unknown {
  return text.length <= longestReference && /^\s*\{/.test(text) ? jsonIn(text) : undefined
}

/** The object or array that a text contains as JSON. */
export function jsonIn(text: string): unknown {
  const strict = parseJson(text)
  if (strict !== unparsable) return strict
  const lenient = parseLenientJson(text)
  return lenient.kind === 'parsed' ? lenient.value : undefined
}
