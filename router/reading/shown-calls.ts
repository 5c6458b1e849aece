import { isObject, parseJson, unparsable } from '../json/json.ts'
import { parseLenientJson } from '../json/lenient-json.ts'
import { lastingParts, type PlainText, plainForms, plainText, squeeze } from './plain-text.ts'

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
    const id = JSON.stringify([parts.name, parts.source, [...parts.keys], [...parts.values], [...parts.numbers]])
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
  /** Finds the name in a text with marks. Lines may end inside the name. */
  readonly namePattern: RegExp
  /** The whole text of the call. */
  readonly source: string
  /** The names of its arguments, without those that are found in any text. */
  readonly keys: ReadonlySet<string>
  /** The texts in its arguments. */
  readonly values: ReadonlySet<string>
  /** The numbers in its arguments. A number may be written in several ways. */
  readonly numbers: ReadonlySet<number>
  /** Arguments as functions of programming languages take them: `id=x`, `id:x`. */
  readonly pairs: ReadonlySet<string>
  /** Characters around the name in which the arguments are searched. */
  readonly reach: number
}

/** Characters that a log may put before each line of a call. */
const linePrefix = 60
/** Other members of the call, such as its id. */
const margin = 200

function partsOf({ name, input, source }: QuotableCall): Parts {
  const collected = {
    keys: new Set<string>(),
    values: new Set<string>(),
    numbers: new Set<number>(),
    pairs: new Set<string>(),
  }
  collect(input, collected, 0)
  const text = plainText(source).squeezed
  const plainName = plainText(name).squeezed
  const count = collected.keys.size + collected.values.size + collected.numbers.size
  return {
    ...collected,
    plainName: name,
    name: plainName,
    namePattern: new RegExp(Array.from(plainName, (sign) => (sign === '.' ? '\\.' : sign)).join('[ (]?'), 'g'),
    source: text,
    reach: margin + 2 * text.length + linePrefix * (count + 2),
  }
}

interface Collected {
  readonly keys: Set<string>
  readonly values: Set<string>
  readonly numbers: Set<number>
  readonly pairs: Set<string>
}

/** Values are nested in JSON, and JSON in strings. */
const maxLevels = 32

function collect(value: unknown, to: Collected, level: number): void {
  if (level > maxLevels) return
  if (typeof value === 'string') {
    const inner = /^\s*[{[]/.test(value) ? jsonIn(value) : undefined
    if (inner !== undefined) collect(inner, to, level + 1)
    else if (isNumber.test(value)) to.numbers.add(Number(value))
    else for (const part of lastingParts(value)) to.values.add(part)
  } else if (typeof value === 'number') {
    to.numbers.add(value)
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, to, level + 1)
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      // Markup wraps items of lists, and texts have nothing for a value that is missing.
      if (member === null) continue
      if (key !== 'item') for (const part of lastingParts(key)) to.keys.add(part)
      addPair(key, member, to)
      collect(member, to, level + 1)
    }
  }
}

const isNumber = /^\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/

function addPair(key: string, value: unknown, { pairs }: Collected): void {
  const first = typeof value === 'string' || typeof value === 'number' ? (lastingParts(String(value))[0] ?? '') : ''
  const name = plainText(key).squeezed
  pairs.add(`${name}=${first}`).add(`${name}:${first}`)
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
  #forms: readonly PlainText[] | undefined

  constructor(text: string) {
    this.#text = text
    this.#isEscaped = escapeSigns.test(text)
  }

  contains(parts: Parts, work: { left: number }): boolean {
    if (!this.#mayMention(parts.plainName)) return false
    this.#forms ??= plainForms(this.#text)
    return this.#forms.some((text) => appearsIn(text, parts, work))
  }

  /** Lines may end inside the name. */
  #mayMention(name: string): boolean {
    if (this.#isEscaped) return true
    const third = Math.ceil(name.length / 3)
    return [0, third, 2 * third].some((at) => at < name.length && this.#text.includes(name.slice(at, at + third)))
  }
}

/** Beginnings of escapes that may hide a name. */
const escapeSigns = /\\[ux_]|&(?:#|amp;)|%[0-9a-fA-F]{2}|think|[\u00ad\u200b-\u200f\u2060\ufeff\uff01-\uff5e]/i

function appearsIn(text: PlainText, parts: Parts, work: { left: number }): boolean {
  const { squeezed } = text
  if (!squeezed.includes(parts.name)) return false
  if (parts.source !== '' && squeezed.includes(parts.source)) return true
  for (const value of parts.values) if (!squeezed.includes(value)) return false
  return isCalledIn(text.marked, parts, work)
}

/** Whether a text without notation calls the tool, with the values near its name. */
function isCalledIn(text: string, parts: Parts, work: { left: number }): boolean {
  const { keys, values, numbers, reach } = parts
  const count = keys.size + values.size + numbers.size
  for (const { index: at, 0: name } of text.matchAll(parts.namePattern)) {
    const end = at + name.length
    if (work.left <= 0) return true
    const site = siteAt(text, at, end, count === 0)
    if (!site.isKeyed && !site.isFunction) continue
    // A blank may be after each character.
    const before = site.isKeyed ? text.slice(Math.max(0, at - 2 * reach), at) : ''
    const after = text.slice(end, end + 2 * reach)
    work.left -= (before.length + after.length) * (count + 1)
    if (site.isKeyed && holds(before, after, parts)) return true
    if (site.isFunction && isFunctionCall(after, parts)) return true
  }
  return false
}

function holds(before: string, after: string, { name, keys, values, numbers, reach }: Parts): boolean {
  const near = squeeze(before).slice(-reach) + name + squeeze(after).slice(0, reach)
  const isNear = (part: string) => near.includes(part)
  return [...keys].every(isNear) && [...values].every(isNear) && holdNumbers([before, after], near, numbers)
}

/** Whether the call of a function has one of the arguments, by name or as the first one, and the values of all. */
function isFunctionCall(after: string, { values, numbers, pairs, reach }: Parts): boolean {
  const near = squeeze(after).slice(0, reach)
  const isNear = (part: string) => near.includes(part)
  const starts = [...values, ...Array.from(numbers, numberText)]
  return (
    [...values].every(isNear) &&
    holdNumbers([after], near, numbers) &&
    ([...pairs].some(isNear) || starts.some((value) => near.startsWith(value)))
  )
}

const numberText = (value: number) => squeeze(String(value).replace('+', ''))

function holdNumbers(marked: readonly string[], squeezed: string, numbers: ReadonlySet<number>): boolean {
  const missing = new Set(Array.from(numbers, Math.abs).filter((value) => !squeezed.includes(numberText(value))))
  if (missing.size === 0) return true
  for (const text of marked) {
    for (const [digits] of text.matchAll(/\d+(?:\.\d+)?(?:e[ -]?\d+)?/g))
      missing.delete(Number(digits.replace(' ', '')))
  }
  return missing.size === 0
}

const nameKey = /[:=]$/
/** Places where nothing but a call has a name. A call without arguments has nothing else that tells it. */
const callingKey = /(?:invokename|tool|tool_?name|tool_calls?|function_?name|action)[:=]$/
const argumentsKey = /^.{0,60}?(?:input|arguments|args|parameters|params|tool_?input|action_?input)(?!:?type:)/
/** The name of a tool is part of its declaration, too. */
const declaration = /^(?:title|description|input_?schema|parameters:?(?:type|properties)|annotations|strict)/
/** The name is not the beginning of another word. */
const wordEnd = /^(?![\p{L}\p{N}_-]|[:.][\p{L}\p{N}_])/u
/** A function of a programming language begins with a name of an argument, a quotation mark, a bracket or a number. */
const functionStart = /^\((?: |\d|[\p{L}_][\p{L}\p{N}_]* ?[:=])/u
const inWord = /[\p{L}\p{N}_-]$/u

/** Whether a call may name its tool at a place of a text with marks: as the value of a key, or as a function. */
function siteAt(text: string, at: number, end: number, needsProof: boolean): { isKeyed: boolean; isFunction: boolean } {
  const next = text.slice(end, end + 160)
  if (!wordEnd.test(next)) return { isKeyed: false, isFunction: false }
  const before = squeeze(text.slice(Math.max(0, at - 32), at))
  const after = squeeze(next)
  const isCall = !needsProof || callingKey.test(before) || argumentsKey.test(after)
  return {
    isKeyed: isCall && nameKey.test(before) && !declaration.test(after),
    isFunction: !needsProof && functionStart.test(next) && !inWord.test(text.slice(Math.max(0, at - 2), at)),
  }
}
