import { isObject, parseJson, unparsable } from '../json/json.ts'
import { jsonSpans } from '../json/json-scan.ts'
import { parseLenientJson } from '../json/lenient-json.ts'
import { callFieldsOf, callKeys, envelopeKeys, envelopeOf } from './call-shapes.ts'
import { linesIn, withoutEscapes, withoutMarks, withoutNotation, withoutPrefixes } from './plain-text.ts'
import type { SchemaOf, TextFormat } from './text-format.ts'

/*
 * Finds out whether a call in a reply only quotes a text that the model was shown: a log, a page, a prompt. A model quotes
 * in many ways, so calls are compared in two ways.
 *
 * Their texts are compared without blanks, quotes, brackets and escapes, so that a line is found again that was indented,
 * put after `>`, or part of JSON or HTML:
 *
 *   <invoke name=\"ping\"><\/invoke>     invokename=pinginvoke
 *
 * Their names and arguments are compared with those of all calls in the shown texts, whatever format these are in. A model
 * that rewrites `<invoke name="ping">` as `{"name":"ping","input":{}}` still quotes it.
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

/** The tools and the text format that the texts are read with. */
interface ShownOptions {
  readonly schemaOf: SchemaOf
  readonly textFormat?: TextFormat | undefined
}

/**
 * Calls of one reply that are compared by their text. Each comparison takes as long as the shown texts, and a broken model
 * may write thousands of calls. Further ones count as quotations.
 */
const maxCompared = 200

/** The texts that a model was shown before a reply. */
export class ShownTexts {
  readonly #texts: readonly ShownText[]
  readonly #known = new Map<string, boolean>()

  /** @param texts messages, prompts, results: as text, or as JSON whose strings are texts. */
  constructor(texts: Iterable<string>, options: ShownOptions) {
    this.#texts = Array.from(texts, (text) => new ShownText(text, options))
  }

  /** Whether a call appears in a shown text. */
  contains({ name, input, source }: QuotableCall): boolean {
    const text = withoutNotation(source)
    const key = keyOf(name, input)
    const id = `${text}\n${key}`
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const isShown = this.#known.size >= maxCompared || this.#texts.some((shown) => shown.contains(name, text, key))
    this.#known.set(id, isShown)
    return isShown
  }
}

/** One text. It is looked at closely only if it mentions the tool. */
class ShownText {
  readonly #text: string
  readonly #options: ShownOptions
  #compared: string | undefined
  /** The calls in the text, by the names that were asked for. */
  readonly #keys = new Map<string, ReadonlySet<string>>()

  constructor(text: string, options: ShownOptions) {
    this.#text = text
    this.#options = options
  }

  contains(name: string, text: string, key: string): boolean {
    if (!mentions(this.#text, name)) return false
    this.#compared ??= withoutNotation(this.#text)
    if (!callsByName(this.#compared, name)) return false
    if (text !== '' && this.#compared.includes(text)) return true
    const keys = this.#keys.get(name) ?? new KeyCollector(this.#options, name, this.#text.length).collect(this.#text)
    this.#keys.set(name, keys)
    return keys.has(key)
  }
}

/** Whether a text contains a name, or has escapes that may hide it. A quick check, which most texts do not pass. */
function mentions(text: string, name: string): boolean {
  return text.includes(name) || text.includes('\\u') || text.includes('\\_') || text.includes('&#')
}

/** Whether a text without notation has a name where calls have it: `invokename=ping`, `{name:ping`. */
function callsByName(compared: string, name: string): boolean {
  return compared.includes(`=${name}`) || compared.includes(`:${name}`)
}

/** Texts in JSON in texts in JSON: a log line of a service that logs JSON is at the third level. */
const maxLevels = 8
/** Texts in texts are read up to this multiple of the length of the whole. Hostile ones could be read without end. */
const maxWork = 16

/** Collects the keys of all calls of one tool in a text, in any format, at any level of escapes. */
class KeyCollector {
  readonly #options: ShownOptions
  readonly #name: string
  readonly #keys = new Set<string>()
  #left: number

  constructor(options: ShownOptions, name: string, length: number) {
    this.#options = options
    this.#name = name
    this.#left = maxWork * length
  }

  collect(text: string): ReadonlySet<string> {
    this.#read(text, 0)
    return this.#keys
  }

  #read(text: string, level: number): void {
    if (level > 0 && !(mentions(text, this.#name) && callsByName(withoutNotation(text), this.#name))) return
    let plain = text
    this.#readPlain(plain, level)
    for (const simplify of [withoutMarks, withoutEscapes, withoutEscapes, withoutEscapes]) {
      const simpler = simplify(plain)
      if (simpler !== plain) this.#readPlain(simpler, level)
      plain = simpler
    }
    const lines = withoutPrefixes(text, this.#name)
    if (lines !== text) this.#readPlain(lines, level)
  }

  #readPlain(text: string, level: number): void {
    this.#left -= text.length
    if (this.#left < 0 || level > maxLevels) return
    const { textFormat, schemaOf } = this.#options
    for (const { name, input } of textFormat?.findCalls(text, schemaOf) ?? []) {
      if (input !== undefined) this.#add(name, input)
    }
    if (text.startsWith('"')) {
      const value = parseJson(text)
      if (typeof value === 'string') this.#walk(value, level)
    }
    for (const { start, end } of jsonSpans(text)) {
      const value = parseJson(text.slice(start, end))
      if (value !== unparsable) this.#walk(value, level)
    }
    for (const value of lenientValues(text)) this.#walk(value, level)
  }

  #walk(value: unknown, level: number): void {
    if (typeof value === 'string') {
      if (value.length > 8) this.#read(value, level + 1)
    } else if (Array.isArray(value)) {
      for (const item of value) this.#walk(item, level)
      for (const lines of linesIn(value)) this.#read(lines, level + 1)
    } else if (isObject(value)) {
      for (const call of envelopeOf(value)?.calls ?? []) this.#addCall(call, {})
      this.#addCall(value)
      for (const member of Object.values(value)) this.#walk(member, level)
    }
  }

  #addCall(call: unknown, missing?: object): void {
    const { name, input = missing } = callFieldsOf(call)
    if (name !== undefined && input !== undefined) this.#add(name, input)
  }

  #add(name: string, input: unknown): void {
    if (name.trim() === this.#name) this.#keys.add(keyOf(name, input))
  }
}

/** The beginning of an object in lenient JSON whose first key is one of a call. */
const lenientStart = new RegExp(
  `\\{\\s{0,20}(?:'(?:${[...callKeys, ...envelopeKeys].join('|')})'|(?:${[...callKeys, ...envelopeKeys].join('|')}))\\s{0,20}:`,
  'g',
)
/** Objects in lenient JSON are rare. The limits keep their search linear. */
const maxLenient = 50
const maxLenientLength = 65_536

/** The objects in a text that may be calls and are not strict JSON. */
function lenientValues(text: string): readonly unknown[] {
  const values: unknown[] = []
  let tries = 0
  lenientStart.lastIndex = 0
  for (let match = lenientStart.exec(text); match !== null && tries < maxLenient; match = lenientStart.exec(text)) {
    tries++
    const end = endOfLenient(text, match.index)
    const read = end === -1 ? undefined : parseLenientJson(text.slice(match.index, end))
    if (read === undefined || read.kind === 'unparsable') continue
    values.push(read.value)
    lenientStart.lastIndex = end
  }
  return values
}

/** Index after the brace that closes the one at an index, outside of strings in any quotes; -1 if it is too far away. */
function endOfLenient(text: string, start: number): number {
  const limit = Math.min(text.length, start + maxLenientLength)
  let depth = 0
  let quote = ''
  for (let index = start; index < limit; index++) {
    const character = text[index] ?? ''
    if (quote !== '') {
      if (character === '\\') index++
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) return index + 1
  }
  return -1
}

/** Equal for calls that run a tool in the same way: with the same values, whatever their types and notation. */
function keyOf(name: string, input: unknown): string {
  return `${name.trim()} ${loose(input)}`
}

/** Markup writes empty texts, lists and objects alike. */
const empty = '""'

/** A value in a form without what coercion changes: the types of scalars, JSON in strings, lists of items, empty members. */
function loose(value: unknown): string {
  if (typeof value === 'string') return looseText(value.trim())
  if (Array.isArray(value)) return value.length === 0 ? empty : `[${value.map(loose).join()}]`
  if (!isObject(value)) return looseText(String(value))
  const keys = Object.keys(value).sort()
  if (keys.length === 1 && keys[0] === 'item') {
    const { item } = value
    return loose(Array.isArray(item) ? item : [item])
  }
  const members = keys.map((key) => [key, loose(value[key])] as const).filter(([, member]) => member !== 'null')
  if (members.length === 0) return empty
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${member}`).join()}}`
}

function looseText(text: string): string {
  if (text.startsWith('{') || text.startsWith('[')) {
    const value = parseJson(text)
    if (value !== unparsable) return loose(value)
    const lenient = parseLenientJson(text)
    if (lenient.kind === 'parsed') return loose(lenient.value)
  }
  if (text === '') return empty
  const number = Number(text)
  if (Number.isFinite(number)) return String(number)
  return /^(?:null|none)$/i.test(text)
    ? 'null'
    : JSON.stringify(text.toLowerCase() === 'true' ? 'true' : text.replace(/\s+/g, ''))
}
