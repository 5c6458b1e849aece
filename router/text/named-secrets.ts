/** Replaces a secret wherever a text or a value is shown. */
export const mask = '[redacted]'

/** Endings of names whose value is a secret: `OPENAI_API_KEY`, `clientSecret`, `Set-Cookie`, `HF_TOKEN`. */
export const secretWords =
  'api[ _-]?keys?|secret(?:[_-]?(?:access[_-]?)?key)?|passw(?:or)?d|passphrase|private[ _-]?key|authorization|credentials?|cookies?|token'
const maxWordLength = 'secret_access_key'.length
const endsInSecretWord = new RegExp(`(?:${secretWords})$`, 'i')

/** Tokens that a language model reads or writes, and page tokens: these are not credentials. */
const textToken =
  /(?:^|[^a-z])(?:first|last|next|per|each|input|output|prompt|completion|cached|eos|bos|pad|unk|sep|cls|mask|image|audio|video|special|stop|start|begin|end|draft|page|unexpected)[ _-]?token$/

/** Whether a member, header or environment variable of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return endsInSecretWord.test(name.slice(-maxWordLength)) && !textToken.test(inWords(name))
}

/** Whether the name ends in `token`. A number with such a name is a count or a token id, not a credential. */
export function isTokenName(name: string): boolean {
  return /token$/i.test(name)
}

/** The end of a name in snake_case: `nextPageToken` becomes `next_page_token`. */
function inWords(name: string): string {
  return name
    .slice(-64)
    .replace(/[a-z0-9](?=[A-Z])/g, '$&_')
    .toLowerCase()
}

/** A quote in JSON, in JSON within JSON (each level adds backslashes), or in a shell. */
const quote = String.raw`\\{0,31}["'\x60]?`

/** Text between a name and its value. The first alternative that matches decides how the value is read. */
const separators = [
  // `{"name":"HF_TOKEN","value":"…"}`, and the same in YAML.
  String.raw`(?<row>${quote}(?:[,\s]|\\[nrt]){0,20}${quote}value${quote}[ \t]{0,4}[=:][ \t]{0,4})`,
  // `API_KEY=…`, `"api_key": "…"`, `X-Api-Key: …`. `Token::new` and `secret://…` are not assignments.
  String.raw`(?<assignment>${quote}[ \t]{0,4}(?::=|:(?!:|//)|={1,3}>?)[ \t]{0,4})`,
  // `<parameter name="password">…`, `<password>…`
  `(?<element>${quote}>)`,
  // `--api-key …`, `["--api-key","…"]`, `- --api-key\n- …`
  String.raw`(?<option>${quote}(?:,\s{0,20}|(?:\s|\\[nrt]){1,20}-[ \t]|[ \t]{1,4}))`,
].join('|')
const namedValue = new RegExp(`(?<word>${secretWords})(?:${separators})`, 'gi')

/** The endings of all names with the first character of every separator. It takes half the time of {@link namedValue}. */
const afterName = String.raw`[\\"'\x60,\s:=>v]`
const shortEndings = new RegExp(`k(?:en|eys?|ies?)${afterName}`, 'i')
const longEndings = new RegExp(`(?:secret|passw(?:or)?d|passphrase|authorization|credentials?)${afterName}`, 'i')

/** Whether a text may contain a named secret. `false` is certain, and most texts get it. */
export function mayNameSecret(text: string): boolean {
  return shortEndings.test(text) || longEndings.test(text)
}

/** Masks the values of secret names in the notations of JSON, YAML, headers, shells and markup. */
export function maskNamedSecrets(text: string): string {
  let shown = ''
  let done = 0
  for (const { start, end } of namedSpans(text)) {
    shown += text.slice(done, start) + mask
    done = end
  }
  return done === 0 ? text : shown + text.slice(done)
}

/** The values that {@link maskNamedSecrets} masks. */
export function namedSecrets(text: string): readonly string[] {
  return [...namedSpans(text)].map(({ start, end }) => text.slice(start, end))
}

function* namedSpans(text: string): Generator<Span> {
  let from = 0
  for (;;) {
    namedValue.lastIndex = from
    const match = namedValue.exec(text)
    if (match === null) return
    const value = valueAfter(match, text)
    if (value !== undefined) yield value
    from = value?.end ?? match.index + match[0].length
  }
}

interface Span {
  readonly start: number
  readonly end: number
}

/** Constants and references to variables: values that are not secret. */
const noSecret = /(?:[Nn]one|null|NULL|nil|undefined|[Tt]rue|[Ff]alse|\$[A-Z_]+|\$\{\w+\})(?=[\s"'`,;)\]}\\]|$)/y
const number = /[+-]?\d[\d.]*(?:e[+-]?\d+)?%?(?=[\s"'`,;)\]}\\]|$)/iy
/** Three plain words in a row after a name are a sentence about it: `authorization: Bearer token required`. */
const sentence = /[A-Za-z]?[a-z]*(?: [a-z]+){2}/y
/** `token` alone often names a piece of text, as in `{"token": "Hello"}`. Its value must look like a credential. */
const credential = /(?=[^\d\s]{0,64}\d)[\w.~+/=:-]{12}|[\w.~+/=:-]{16}/y
const optionName = /--[\w-]*$/
const elementName = /(?:<|=\\{0,31}["'])[\w.:-]*$/
const elementValue = /[^<\s\]][^<\n\]]{0,1024}(?=<\/|\]<|$)/y
const opening = /(?:[bfru]{1,2}(?=["']))?(\\{0,31}["'`])/iy
const bare = /[^\s"'`\\,;&()[\]{}]+/y
const cookies = /[^\s"'=;\\]{1,100}=[^"'\\\r\n]*/y
const authorization = /(?:[a-z][\w-]{0,20}[ \t]{1,4})?[^\s"'`\\,]+/iy

function valueAfter(match: RegExpExecArray, text: string): Span | undefined {
  const { word = '', assignment, element, option } = match.groups ?? {}
  const before = text.slice(Math.max(0, match.index - 48), match.index)
  const start = match.index + match[0].length
  if (textToken.test(inWords(before + word)) || text.startsWith(mask, start)) return undefined
  if (element !== undefined) return elementName.test(before) ? spanOf(elementValue, text, start) : undefined
  if (option !== undefined && (!optionName.test(before) || text[start] === '-')) return undefined
  // `/password: …` is a JSON Pointer with a message after it.
  if (assignment?.startsWith(':') && /\/[\w-]*$/.test(before)) return undefined
  const quoted = spanOf(opening, text, start)
  const first = quoted?.end ?? start
  if (isAt(noSecret, text, first) || (isTokenName(word) && isAt(number, text, first))) return undefined
  if (word.toLowerCase() === 'token' && /(?:^|[^\w-])$/.test(before) && !isAt(credential, text, first)) return undefined
  if (quoted !== undefined) {
    const end = endOfQuoted(text, quoted)
    return end === first ? undefined : { start: first, end }
  }
  if (text[start] === '[' || text[start] === '{') return { start, end: endOfBrackets(text, start) }
  if (!assignment?.includes('=') && isAt(sentence, text, start)) return undefined
  return spanOf(/^cookie/i.test(word) ? cookies : /^auth/i.test(word) ? authorization : bare, text, start)
}

/** The position of the closing quote, which has as many backslashes as the opening one; else the end of the line. */
function endOfQuoted(text: string, { start, end }: Span): number {
  const closing = text.slice(start, end).replace(/^[a-z]+/i, '')
  let at = text.indexOf(closing, end)
  while (at > end && text[at - 1] === '\\') at = text.indexOf(closing, at + closing.length)
  if (at !== -1) return at
  const endOfLine = text.indexOf('\n', end)
  return endOfLine === -1 ? text.length : endOfLine
}

const maxListLength = 16_384

/** The end of a list or an object; of one that is never closed, everything that was read of it. */
function endOfBrackets(text: string, start: number): number {
  const limit = Math.min(text.length, start + maxListLength)
  let depth = 0
  for (let at = start; at < limit; at++) {
    const character = text[at]
    if (character === '[' || character === '{') depth++
    if ((character === ']' || character === '}') && --depth === 0) return at + 1
    if (character === '"' || character === "'" || character === '\\') {
      const quoted = spanOf(opening, text, at)
      if (quoted !== undefined) at = endOfQuoted(text, quoted) + quoted.end - quoted.start - 1
    }
  }
  return limit
}

function isAt(pattern: RegExp, text: string, position: number): boolean {
  pattern.lastIndex = position
  return pattern.test(text)
}

function spanOf(pattern: RegExp, text: string, start: number): Span | undefined {
  return isAt(pattern, text, start) ? { start, end: pattern.lastIndex } : undefined
}
