import { type Masked, mask } from './mask.ts'
import type { Secrecy } from './secret-names.ts'
import { isFigure, isNoSecret, isProse, looksRandom } from './secret-values.ts'

/** So much of a value says whether it is one: reading each to its end would take too long where most are none. */
const start = /[^\s"'`\\,;&}]{1,128}/y
const rest = /[^\s"'`\\,;&}]*/y
const cookies = /[^\s"'=;\\]{1,100}=[^"'\\\r\n]*/y
const scheme =
  /(?:bearer|basic|token|api-?key|key|digest|negotiate|ntlm|oauth|dpop|jwt|hawk|private-?token|aws4-hmac-sha256)[ \t]{1,4}/iy
const credentials = /[^\s"'`\\]*/y
const secondWord = /[ \t]{1,4}[^\s"'`\\,;&}]{8,}/y
const content = /[^<]{0,1024}/y
const openTag = /<([\w.:-]*)$/
const attribute = /=\\{0,31}["'][\w.:-]*$/
const mark = ']<]minimax[>['

interface Named {
  readonly word: string
  readonly secrecy: Secrecy
  /** The fewest characters that are taken for a secret: the next word of a sentence is often short. */
  readonly least: number
}

/** A value without quotes: it ends at a blank, a quote or a separator. */
export function bareAt(text: string, from: number, { word, secrecy, least }: Named): Masked | undefined {
  const value = matchAt(start, text, from)
  if (value.length < least || isProse(value) || isFigure(value, /token$/i.test(word))) return undefined
  if (isNoSecret(value, word, secrecy)) return undefined
  return { from, to: from + value.length + matchAt(rest, text, from + value.length).length, shown: mask }
}

/** `Cookie: a=…; b=…`: the whole line. */
export function cookiesAt(text: string, from: number): Masked | undefined {
  const value = matchAt(cookies, text, from)
  return value === '' ? undefined : { from, to: from + value.length, shown: mask }
}

/** `Authorization: Token …`: the scheme is kept where it is one. */
export function credentialsAt(text: string, from: number): Masked | undefined {
  const prefix = matchAt(scheme, text, from)
  if (prefix === '') {
    const { length } = matchAt(start, text, from)
    const second = matchAt(secondWord, text, from + length)
    if (looksRandom(second)) return { from, to: from + length + second.length, shown: mask }
    return bareAt(text, from, { word: 'authorization', secrecy: 'certain', least: 4 })
  }
  const value = matchAt(credentials, text, from + prefix.length)
  if (isProse(value) || /^token$/i.test(value) || value.startsWith(mask)) return undefined
  return { from: from + prefix.length, to: from + prefix.length + value.length, shown: mask }
}

/** What an element of markup holds. A lone `<password>` in the help of a command is the name of a value. */
export function elementAt(text: string, from: number, before: string, word: string): Masked | undefined {
  const isAttribute = attribute.test(before)
  const tag = openTag.exec(before)
  if (!isAttribute && tag === null) return undefined
  const value = matchAt(content, text, from)
  const end = from + value.length
  const isMarked = text.startsWith(mark, end - 1)
  const closing = tag === null ? '</' : `</${tag[1]}${word}>`
  const isClosed = text.startsWith(closing, isMarked ? end - 1 + mark.length : end)
  const to = isMarked ? end - 1 : end
  if (!isClosed && !(isAttribute && end === text.length)) return undefined
  return isNoSecret(text.slice(from, to).trim(), word, 'certain') ? undefined : { from, to, shown: mask }
}

function matchAt(pattern: RegExp, text: string, position: number): string {
  pattern.lastIndex = position
  return pattern.exec(text)?.[0] ?? ''
}
