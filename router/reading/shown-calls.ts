import { isObject, parseJson, unparsable } from '../json/json.ts'
import { parseLenientJson } from '../json/lenient-json.ts'

/*
 * Finds out whether a call in a reply only quotes a text that the model was shown: a log, a page, a prompt. A model quotes
 * in many ways: it leaves out the times before the lines of a log, decodes escapes, joins lines, rewrites the call in another
 * format, or shortens it. So only the parts of a call are compared, without notation: letters, digits and a few signs.
 *
 *   12:00 <invoke name=\"rm\">\n12:00 <parameter …     12:00invokename=rm12:00parametername=path…
 *   {"tool":"rm","args":{"path":"a.txt"}}              tool:rmargs:path:a.txt
 *
 * A call was shown if the name of its tool is in a shown text, at a place where calls have it, and its arguments are near.
 */

/** A call of a reply, as it was found in the text. */
export interface QuotableCall {
  /** Name of the tool. */
  readonly name: string
  /** The arguments: an object, or JSON text. */
  readonly input: unknown
  /** The text that the call was read from. */
  readonly source: string
}

/**
 * Calls of one reply that are compared. Each comparison takes as long as the shown texts, and a broken model may write
 * thousands of calls. Further ones count as quotations.
 */
const maxCompared = 200

/**
 * Characters that are searched for arguments, in all. Hostile texts repeat the name of a tool without end. Beyond, calls
 * count as quotations.
 */
const maxSearched = 20_000_000

/** The texts that a model was shown before a reply. */
export class ShownTexts {
  readonly #texts: readonly ShownText[]
  readonly #known = new Map<string, boolean>()
  readonly #work = { left: maxSearched }

  /** @param texts messages, prompts, results: as text, or as JSON whose strings are texts. */
  constructor(texts: Iterable<string>) {
    this.#texts = Array.from(texts, (text) => new ShownText(text))
  }

  /** Whether a call appears in a shown text. */
  contains(call: QuotableCall): boolean {
    const parts = partsOf(call)
    const id = `${parts.name}\n${parts.source}\n${parts.values.join('\n')}`
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const isShown = this.#known.size >= maxCompared || this.#texts.some((shown) => shown.contains(parts, this.#work))
    this.#known.set(id, isShown)
    return isShown
  }
}

/** The parts of a call without notation. */
interface Parts {
  /** The name as it is, for a quick check. */
  readonly plainName: string
  readonly name: string
  /** The whole text of the call. */
  readonly source: string
  /** The names and values of its arguments, without those that are found in any text. */
  readonly values: readonly string[]
  /** Characters around the name in which the arguments are searched. */
  readonly reach: number
}

/** Characters that a log may put before each line of a call. */
const linePrefix = 60
/** Other members of the call, such as its id. */
const margin = 200

function partsOf({ name, input, source }: QuotableCall): Parts {
  const values = new Set<string>()
  collectValues(input, values, 0)
  const text = withoutNotation(source)
  return {
    plainName: name,
    name: withoutNotation(name),
    source: text,
    values: [...values],
    reach: margin + 2 * text.length + linePrefix * (values.size + 2),
  }
}

/** Values are nested in JSON, and JSON in strings. */
const maxLevels = 32

function collectValues(value: unknown, values: Set<string>, level: number): void {
  if (level > maxLevels) return
  if (typeof value === 'string') {
    const inner = /^\s*[{[]/.test(value) ? jsonIn(value) : undefined
    if (inner !== undefined) collectValues(inner, values, level + 1)
    else for (const line of value.split(/\r?\n/)) addValue(line, values)
  } else if (typeof value === 'number') {
    // A large or a small number is written in several ways.
    if (!String(value).includes('e')) addValue(String(value), values)
  } else if (Array.isArray(value)) {
    for (const item of value) collectValues(item, values, level + 1)
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      // Markup wraps items of lists, and texts have nothing for a value that is missing.
      if (member === null) continue
      if (key !== 'item') addValue(key, values)
      collectValues(member, values, level + 1)
    }
  }
}

function addValue(text: string, values: Set<string>): void {
  const plain = withoutNotation(text)
  if (plain !== '') values.add(plain)
}

function jsonIn(text: string): object | undefined {
  const strict = parseJson(text)
  if (strict !== unparsable) return typeof strict === 'object' && strict !== null ? strict : undefined
  const lenient = parseLenientJson(text)
  return lenient.kind === 'parsed' && isObject(lenient.value) ? lenient.value : undefined
}

/** One text. It is looked at closely only if it may mention the tool. */
class ShownText {
  readonly #text: string
  readonly #isEscaped: boolean
  #forms: readonly string[] | undefined

  constructor(text: string) {
    this.#text = text
    this.#isEscaped = escapeSigns.test(text)
  }

  contains(parts: Parts, work: { left: number }): boolean {
    if (!this.#mayMention(parts.plainName)) return false
    this.#forms ??= formsOf(this.#text)
    return this.#forms.some((text) => appearsIn(text, parts, work))
  }

  /** A line may end inside the name. */
  #mayMention(name: string): boolean {
    const half = Math.ceil(name.length / 2)
    return this.#isEscaped || this.#text.includes(name.slice(0, half)) || this.#text.includes(name.slice(half))
  }
}

/** Beginnings of escapes that may hide a name. */
const escapeSigns = /\\[ux_]|&#|%[0-9a-fA-F]{2}|[\u00ad\u200b-\u200f\u2060\ufeff\uff01-\uff5e]/

const lineEnd = /\\{0,4}"\s{0,4},\s{0,4}\\{0,4}"|\r?\n/g

/** A text without notation. If a line may end inside an escape, also with its lines joined before escapes are decoded. */
function formsOf(text: string): readonly string[] {
  const plain = withoutNotation(text)
  if (!/[&%\\]/.test(text)) return [plain]
  const joined = text.replace(lineEnd, '')
  return joined.length === text.length ? [plain] : [plain, withoutNotation(joined)]
}

function appearsIn(text: string, parts: Parts, work: { left: number }): boolean {
  if (!text.includes(parts.name)) return false
  if (parts.source !== '' && text.includes(parts.source)) return true
  return parts.values.every((value) => text.includes(value)) && isCalledIn(text, parts, work)
}

/** Whether a text without notation calls the tool, with the values near its name. */
function isCalledIn(text: string, { name, values, reach }: Parts, work: { left: number }): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + name.length)) {
    const end = at + name.length
    if (work.left <= 0) return true
    if (!isCalledAt(text, at, end, values.length === 0)) continue
    const around = text.slice(Math.max(0, at - reach), end + reach)
    work.left -= around.length * (values.length + 1)
    if (values.every((value) => around.includes(value))) return true
  }
  return false
}

const nameKey = /[:=]$/
/** Places where nothing but a call has a name. A call without arguments has nothing else that tells it. */
const callingKey = /(?:invokename|tool|tool_?name|tool_calls?|function_?name|action)[:=]$/
const argumentsKey = /^.{0,60}?(?:input|arguments|args|parameters|params|tool_?input|action_?input)(?!:?type:)/
/** The name of a tool is part of its declaration, too. */
const declaration = /^(?:title|description|input_?schema|parameters:?(?:type|properties)|annotations|strict)/

function isCalledAt(text: string, at: number, end: number, needsProof: boolean): boolean {
  const before = text.slice(Math.max(0, at - 16), at)
  const after = text.slice(end, end + 80)
  if (!nameKey.test(before) || after.startsWith('_') || declaration.test(after)) return false
  return !needsProof || callingKey.test(before) || argumentsKey.test(after)
}

/** A run of backslashes is looked at once, from its first one. */
const escapedCharacter = /(?<!\\)\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/g
const escapedBlank = /(?<!\\)\\+[nrt]/g
const percentEncoded = /(?:%(?:25){0,3}[0-9a-fA-F]{2})+/g
const entity = /&(?:amp;)*(?:(lt|gt|quot|apos|amp|nbsp)|#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6}));/g
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&', nbsp: ' ' }
/** Codes for the colors of a terminal. */
const color = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]{0,20}[A-Za-z]`, 'g')
const thinkTag = /<\/?(?:mm:)?think>/g
const fullWidth = /[\uff01-\uff5e]+/g
/** All that is not compared: blanks, quotes, brackets, separators, and signs that are escaped in some format. */
const notation = /[^\p{L}\p{N}_:=.-]+/gu

/** A text in the form in which calls are compared. */
function withoutNotation(text: string): string {
  let plain = text
  if (plain.includes('%')) plain = plain.replace(percentEncoded, percentDecoded)
  if (plain.includes('\\')) plain = plain.replace(escapedCharacter, character).replace(escapedBlank, '')
  if (plain.includes('&')) plain = plain.replace(entity, entityOf)
  // A model may quote one half of a call in its thinking, and the other half after it.
  if (plain.includes('think>')) plain = plain.replace(thinkTag, '')
  plain = plain.replace(color, '').replace(fullWidth, (wide) => wide.normalize('NFKC'))
  return plain.toLowerCase().replace(notation, '')
}

function character(_: string, unicode?: string, short?: string): string {
  return String.fromCharCode(Number.parseInt(unicode ?? short ?? '', 16))
}

function entityOf(_: string, name?: string, decimal?: string, hexadecimal?: string): string {
  if (name !== undefined) return entities[name] ?? ''
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
  return code > 0x10ffff ? '' : String.fromCodePoint(code)
}

/** Invalid UTF-8 is not compared: it becomes a sign that is left out. */
function percentDecoded(text: string): string {
  const digits = text.replace(/%(?:25)+(?=[0-9a-fA-F]{2})/g, '%').replaceAll('%', '')
  return Buffer.from(digits, 'hex').toString()
}
