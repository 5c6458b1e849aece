/*
 * Texts without escapes and notation. A text that a model was shown may have been encoded several times, in several ways,
 * and may have been cut into lines at any place:
 *
 *   {"log":"{\"text\":\"&lt;invoke …"}      JSON in JSON, with markup of HTML
 *   GET /?q=%253Cinvoke%2520name            percent-encoded twice
 *   ["<invoke name=\"rm\\u00","3e …"]       lines that end inside an escape
 *
 * Escapes are decoded until none is left, so the number of encodings does not matter. A value that holds an escape itself
 * cannot be told from these encodings. So what is compared of such a value are only the parts beside its escapes.
 */

/** A text in the form in which calls are compared. */
export interface PlainText {
  /** Letters, digits and the signs `_ : = . - (`, in lower case. A blank is at each place where something was left out. */
  readonly marked: string
  /** The same without blanks and brackets. */
  readonly squeezed: string
}

/** Encodings that are decoded, one inside the other. Each takes as long as the text. */
const maxPasses = 12

/** A text without escapes and notation. */
export function plainText(text: string): PlainText {
  return withoutNotation(decoded(text, false))
}

/**
 * The forms of a text that was shown: as it is; without marks before lines, and with lines joined that end inside an escape;
 * and without the thinking in it, as a reader reads a reply that repeats it.
 */
export function plainForms(text: string): readonly PlainText[] {
  const forms = new Set([decoded(text, false)])
  if (lineSign.test(text)) forms.add(decoded(text, true))
  if (thinkingSign.test(text)) forms.add(decoded(text, true, true))
  return Array.from(forms, withoutNotation)
}

/** A text that may have lines, or strings in a list. */
const lineSign = /[\r\n]|",|\\[nrux"]|&(?:quot|amp|#)|%(?:0|2)|\uff02/i
/** A text that may have tags of thinking: with their name, or with letters that are escaped. */
const thinkingSign = /think|\\(?:u00|x)[67]|&#|%[67]/i

/**
 * The parts of a value that each encoding of it keeps, squeezed. Control characters, and escapes with the letters and digits
 * after them, are between the parts.
 */
export function lastingParts(value: string): readonly string[] {
  return wide(value)
    .split(betweenParts)
    .map((part) => plainText(part).squeezed)
    .filter((part) => part !== '')
}

/** A text without the blanks and brackets of {@link PlainText.marked}. */
export function squeeze(marked: string): string {
  return marked.replace(/[ (]+/g, '')
}

/** All that is not compared: blanks, quotes, brackets, separators, and signs that are escaped in some format. */
const notation = /[^\p{L}\p{N}_:=.(-]+/gu

function withoutNotation(text: string): PlainText {
  const marked = text.toLowerCase().replace(notation, ' ')
  return { marked, squeezed: squeeze(marked) }
}

/** Marks before a line of a text: indentation, signs of quotation, numbers, times and levels. */
const linePrefix =
  String.raw`(?:[ \t|\r\n]+|>+[ \t\r\n]|\d[\d:.,TZ/+\-]{0,40}[ \t]+` +
  String.raw`|\[?(?:info|warn(?:ing)?|error|debug|trace)\]?:?[ \t]+){0,8}`

/** Characters of a class: those that begin an escape. */
const escapeStart = String.raw`\\%&\u001b`
/** Characters of a class: those that follow it. */
const escapePart = String.raw`\p{L}\p{N}#;:/[{}<>.,+\-`

/**
 * An escape in a value, with all that it may become a part of after decoding: the tag `<think>`, or `[0m` after the escape
 * character. A line may end inside it, and what begins a line may look like the time before a line of a log.
 */
const betweenParts = new RegExp(
  [
    String.raw`(?:<[\\/]{0,4}[a-zA-Z:]{0,11} {0,2})?[${escapeStart}][${escapeStart}${escapePart}]*(?:[\s>|]+[${escapePart}]*)?`,
    String.raw`[\r\n]${linePrefix}`,
    String.raw`\p{Cc}`,
  ].join('|'),
  'giu',
)

/** An escaped backslash, while the escapes beside it are decoded. Texts with this sign lose it. */
const backslash = '\ue000'
const escapedCharacter = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\})/g
const percentEncoded = /(?:%(?:25)*[0-9a-fA-F]{2})+/g
const entity = /&(?:amp;)*(?:(lt|gt|quot|apos|amp|nbsp)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));/gi
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', nbsp: ' ' }
const escapeSign = String.fromCharCode(27)
/** Codes for the colors of a terminal. */
const color = new RegExp(`${escapeSign}\\[[\\d;]{0,20}[A-Za-z]`, 'g')
const thinkTag = /<\\*\/?(?:mm:)?think(?:ing)?\s{0,2}>/gi
const fullWidth = /[\uff01-\uff5e]+/g

function decoded(text: string, joinsLines: boolean, dropsThinking = false): string {
  let plain = text
  for (let pass = 0; pass < maxPasses; pass++) {
    let next = decodedOnce(joinsLines ? withoutLines(plain) : plain, dropsThinking)
    // Signs of double width are the innermost encoding: no other encoding has them.
    if (next === plain) next = wide(plain)
    if (next === plain) break
    plain = next
  }
  return plain
}

function withoutLines(text: string): string {
  let plain = text
  if (/"\s{0,9}\}/.test(plain)) plain = plain.replace(lineObject, brokenLine)
  if (/[\r\n]|"\s{0,4},/.test(plain)) plain = plain.replace(lineStart, startedLine).replace(lineEnd, joined)
  return plain
}

/** Drops what is between a tag that begins thinking and one that ends it. */
function withoutThinking(text: string): string {
  const parts = text.split(thinkTag)
  const tags = text.match(thinkTag) ?? []
  const isCloser = (index: number) => tags[index]?.includes('/') === true
  const isThinking = (index: number) => index > 0 && index < tags.length && !isCloser(index - 1) && isCloser(index)
  return parts.map((part, index) => (isThinking(index) ? '' : `${part}${tags[index] ?? ''}`)).join('')
}

function decodedOnce(text: string, dropsThinking: boolean): string {
  let plain = text
  // The backslashes of an outer encoding come first: decoding others may put a backslash beside them.
  if (plain.includes('\\')) plain = withoutBackslashes(plain)
  if (plain.includes('%')) plain = plain.replace(percentEncoded, percentDecoded)
  if (plain.includes('&')) plain = plain.replace(entity, entityOf)
  if (dropsThinking) plain = withoutThinking(plain)
  // A model may quote one half of a call in its thinking, and the other half after it.
  if (plain.includes('>')) plain = plain.replace(thinkTag, ' ')
  if (plain.includes(escapeSign)) plain = plain.replace(color, ' ')
  return plain
}

/** Decodes one level of the escapes of JSON and of programming languages. A backslash before another character is left out. */
function withoutBackslashes(text: string): string {
  let plain = text
    .replaceAll(backslash, '')
    .replaceAll('\\\\', backslash)
    .replaceAll('\\n', '\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\t', '\t')
  if (plain.includes('\\u') || plain.includes('\\x')) plain = plain.replace(escapedCharacter, character)
  return plain.replaceAll('\\', '').replaceAll(backslash, '\\')
}

function wide(text: string): string {
  return text.replace(fullWidth, (run) => run.normalize('NFKC'))
}

/** The end of an object that holds a line, with the beginning of the next one. */
const lineObject = new RegExp(
  [
    String.raw`(?<!\\)(\\{0,64})"\s{0,9}\},\s{0,40}\{\s{0,40}(\\{0,64})"`,
    String.raw`(?:\w{1,20}\2"\s{0,4}:\s{0,4}(?:\d{1,12}|\2"[^"\\]{0,40}\2")\s{0,9},\s{0,40}\2"){0,3}`,
    String.raw`\w{1,20}\2"\s{0,4}:\s{0,4}\2"`,
  ].join(''),
  'g',
)

function brokenLine(_: string, before: string, next: string): string {
  return `${before.slice(next.length)}\n`
}

/** The end of a line, or of a string in a list of lines, with quotation marks, numbers, times and levels before the next. */
const lineStart = new RegExp(String.raw`(?:[\r\n]+|(?<!\\)(\\{0,64})"\s{0,4},\s{0,4}(\\{0,64})")(${linePrefix})`, 'gi')

/** A vertical tab is a line break whose marks are gone, so that the text after it is not taken for another mark. */
function startedLine(line: string, before: string | undefined, next = '', prefix = ''): string {
  if (before === undefined) return '\v'
  return prefix === '' ? line : `${before.slice(next.length)}\v`
}

/** The end of a line, or of a string in a list of lines, that may be inside an escape, after the beginning of this escape. */
const lineEnd = new RegExp(
  [
    String.raw`((?<!\\)\\+(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)|(?:%[0-9a-fA-F]{0,2}){1,8}|&[#\w;]{0,24}`,
    String.raw`|\u001b\[?[\d;]{0,20}|<[\\/]{0,4}[a-zA-Z:]{0,11} {0,2}`,
    // A backslash alone is often the end of a value, so it is joined only to the rest of an escape.
    String.raw`|(?<!\\)(?=\\{1,64}(?:"\s{0,4},\s{0,4}\\{0,64}"|\v)(?:u[0-9a-fA-F]{2}|x[0-9a-fA-F]|["\\])))`,
    String.raw`(?:\s{0,4}(\\{0,64})"\s{0,4},\s{0,4}(\\{0,64})"|(\\{0,64})\v)`,
  ].join(''),
  'g',
)

/** Backslashes before a quotation mark escape it if as many are before the next one. Further ones belong to the line. */
function joined(end: string, begun: string, before = '', next = '', beforeBreak = ''): string {
  const rest = begun + before.slice(next.length) + beforeBreak
  return rest === '' ? end : rest
}

function character(_: string, unicode?: string, short?: string, long?: string): string {
  const sign = characterOf(Number.parseInt(unicode ?? short ?? long ?? '', 16))
  return sign === '\\' ? backslash : sign
}

function entityOf(_: string, name?: string, decimal?: string, hexadecimal?: string): string {
  if (name !== undefined) return entities[name.toLowerCase()] ?? ''
  return characterOf(decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal))
}

function characterOf(code: number): string {
  return code > 0x10ffff || code === backslash.charCodeAt(0) ? '' : String.fromCodePoint(code)
}

/** Invalid UTF-8 is not compared: it becomes a sign that is left out. */
function percentDecoded(text: string): string {
  const digits = text.replace(/%(?:25)+(?=[0-9a-fA-F]{2})/g, '%').replaceAll('%', '')
  return Buffer.from(digits, 'hex').toString()
}
