import { type Masked, mask } from './mask.ts'
import { type Secrecy, secrecyOf, secretWord } from './secret-names.ts'
import { isFigure, isNoSecret, isProse, looksRandom } from './secret-values.ts'

const quote = String.raw`\\{0,31}["'\x60]?`

/** What stands between a name and its value; of the notations the first that fits decides. */
const notations = [
  // `{"name":"HF_TOKEN","value":"…"}`, and the same in YAML.
  String.raw`(?<row>${quote}(?:[,\s]|\\[nrt]){0,20}${quote}value${quote}[ \t]{0,4}[=:][ \t]{0,4})`,
  // `api_key=…`, `"api_key": "…"`, `password => …`; but `Token::new` and `secret://…` are names.
  String.raw`(?<assignment>${quote}[ \t]{0,4}(?::=|:(?!:|//)|={1,3}>?)[ \t]{0,4})`,
  // `<parameter name="password">…`, `<password>…`
  `(?<element>${quote}>)`,
  // `--api-key …`, `["--api-key","…"]`, `- --api-key\n- …`
  String.raw`(?<option>${quote}(?:,\s{0,20}|(?:\s|\\[nrt]){1,20}-[ \t]|[ \t]{1,4}))`,
].join('|')

const named = new RegExp(`(?<word>${secretWord})(?:${notations})`, 'gi')

/**
 * How all the words end, each with what all the notations begin with: what is asked first, since most texts hold neither.
 * Together the two take half the time of {@link named}; one search for everything could skip less and takes as long.
 */
const behind = String.raw`[\\"'\x60,\s:=>v]`
const endings = new RegExp(`k(?:en|eys?|ies?)${behind}`, 'i')
const longEndings = new RegExp(`(?:secret|passw(?:or)?d|passphrase|authorization|credentials?)${behind}`, 'i')

/** Enough of what stands before a word to see the whole name, and the word before it. */
const lookBehind = 48
const optionName = /(?:--|(?:^|[\s"'`,[(])-)(?:[A-Za-z][\w-]*)?$/

/** Masks what stands behind the name of a secret, in the notations of JSON, YAML, shells, markup and headers. */
export function maskNamed(text: string): string {
  return endings.test(text) || longEndings.test(text) ? maskBehindNames(text) : text
}

/** The same without the question that is asked first. */
export function maskBehindNames(text: string): string {
  let out = ''
  let done = 0
  named.lastIndex = 0
  for (let match = named.exec(text); match !== null; match = named.exec(text)) {
    const masked = valueBehind(match, text)
    if (masked === undefined) continue
    out += text.slice(done, masked.from) + masked.shown
    done = masked.to
    named.lastIndex = masked.to
  }
  return done === 0 ? text : out + text.slice(done)
}

function valueBehind(match: RegExpExecArray, text: string): Masked | undefined {
  const { word = '', assignment, element, option } = match.groups ?? {}
  const before = text.slice(Math.max(0, match.index - lookBehind), match.index)
  const secrecy = secrecyOf(before + word)
  const from = match.index + match[0].length
  if (secrecy === 'none' || text.startsWith(mask, from)) return undefined
  if (element !== undefined) return elementAt(text, from, before, word)
  if (option !== undefined && (!optionName.test(before) || text[from] === '-')) return undefined
  const quoted = quotedAt(text, from)
  if (quoted !== undefined) {
    return isNoSecret(text.slice(quoted.from, quoted.to), word, secrecy) ? undefined : { ...quoted, shown: mask }
  }
  if (option === undefined && secrecy === 'certain' && isOpening(text[from])) return maskItems(text, from, word)
  return bareBehind(word, secrecy, text, from, assignment?.includes('=') === true)
}

function isOpening(character: string | undefined): boolean {
  return character === '[' || character === '{'
}

function bareBehind(
  word: string,
  secrecy: Secrecy,
  text: string,
  from: number,
  isAssigned: boolean,
): Masked | undefined {
  if (/^cookie/i.test(word)) return cookiesAt(text, from)
  if (/^authorization$/i.test(word)) return credentialsAt(text, from)
  return bareAt(text, from, { word, secrecy, least: isAssigned ? 1 : 4 })
}

/** More than any list of credentials takes: what is longer was cut off, or its brackets are no JSON. */
const longest = 16_384

const colonBehind = /\\{0,31}["'`]?\s{0,4}:/y
const bare = /[^\s,:[\]{}"'`\\]+/y
/** A line that does not go on with JSON or YAML was not meant to be part of the list. */
const otherLine = /\n\s{0,80}[^\s[\]{}"'`\\\d-]/y

/** A list or an object behind the name of a secret: every value in it is masked, the names of its members are kept. */
function maskItems(text: string, from: number, word: string): Masked {
  const limit = Math.min(text.length, from + longest)
  let shown = ''
  let depth = 0
  let at = from
  do {
    const quoted = quotedAt(text, at)
    if (quoted !== undefined) {
      const value = text.slice(quoted.from, quoted.to)
      const kept = isAt(colonBehind, text, quoted.to) || isNoSecret(value, word, 'certain')
      shown += text.slice(at, quoted.from) + (kept ? value : mask) + text.slice(quoted.to, quoted.end)
      at = quoted.end
    } else if (text.startsWith(mask, at)) {
      shown += mask
      at += mask.length
    } else if (isAt(bare, text, at)) {
      const value = text.slice(at, bare.lastIndex)
      at = bare.lastIndex
      const kept = isAt(colonBehind, text, at) || isProse(value) || isFigure(value, false)
      shown += kept ? value : mask
    } else {
      const character = text.charAt(at)
      if (character === '[' || character === '{') depth++
      if (character === ']' || character === '}') depth--
      shown += character
      at++
    }
  } while (depth > 0 && at < limit && !isAt(otherLine, text, at))
  return { from, to: at, shown }
}

function isAt(pattern: RegExp, text: string, position: number): boolean {
  pattern.lastIndex = position
  return pattern.test(text)
}

interface Quoted {
  /** Where the text between the quotes begins and ends. */
  readonly from: number
  readonly to: number
  /** Behind the closing quote. */
  readonly end: number
}

const opening = /(?:[bfru]{1,2}(?=["']))?(\\{0,31})(["'`])/iy

/** A secret that is longer is a text that was cut off, or an apostrophe that was taken for a quote. */
const longestQuote = 16_384

/**
 * The text in quotes that begins at a position. Quotes of JSON inside of JSON have backslashes before them, and are
 * closed by a quote with as many; one that is closed by none ends with its line.
 */
function quotedAt(text: string, position: number): Quoted | undefined {
  opening.lastIndex = position
  const match = opening.exec(text)
  if (match === null) return undefined
  const [whole, { length: level } = '', quote = '"'] = match
  const from = position + whole.length
  const limit = Math.min(text.length, from + longestQuote)
  for (let at = text.indexOf(quote, from); at !== -1 && at < limit; at = text.indexOf(quote, at + 1)) {
    const backslashes = backslashesBefore(text, at, from)
    if (closes(backslashes, level)) return { from, to: at - Math.min(level, backslashes), end: at + 1 }
  }
  const to = endOfLine(text, from)
  return { from, to, end: to }
}

/** A quote with further backslashes belongs to the text, unless these are backslashes of the text, each escaped. */
function closes(backslashes: number, level: number): boolean {
  return backslashes < level || (backslashes - level) % (2 * (level + 1)) === 0
}

function backslashesBefore(text: string, at: number, from: number): number {
  let first = at
  while (first > from && text[first - 1] === '\\') first--
  return at - first
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

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
function bareAt(text: string, from: number, { word, secrecy, least }: Named): Masked | undefined {
  const value = matchAt(start, text, from)
  if (value.length < least || isProse(value) || isFigure(value, /token$/i.test(word))) return undefined
  if (isNoSecret(value, word, secrecy)) return undefined
  return { from, to: from + value.length + matchAt(rest, text, from + value.length).length, shown: mask }
}

/** `Cookie: a=…; b=…`: the whole line. */
function cookiesAt(text: string, from: number): Masked | undefined {
  const value = matchAt(cookies, text, from)
  return value === '' ? undefined : { from, to: from + value.length, shown: mask }
}

/** `Authorization: Token …`: the scheme is kept where it is one. */
function credentialsAt(text: string, from: number): Masked | undefined {
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
function elementAt(text: string, from: number, before: string, word: string): Masked | undefined {
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
