import { type Masked, mask } from './mask.ts'
import { maskItems } from './masked-items.ts'
import { quotedAt } from './quoted-text.ts'
import { type Secrecy, secrecyOf, secretWord } from './secret-names.ts'
import { isNoSecret } from './secret-values.ts'
import { bareAt, cookiesAt, credentialsAt, elementAt } from './unquoted-secrets.ts'

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
