import { jsonSpans } from '../json-scan.ts'
import { cutOff, type MarkupCall, type SchemaOf } from './markup-call.ts'
import { type Tag, type TagName, tagsIn } from './tags.ts'
import { memberOf, placeOf, valueOfText } from './typed-text.ts'

/*
 * The markup of M2 to M2.7: <minimax:tool_call> around <invoke name="…"> around <parameter name="…">value</parameter>.
 * Values are raw text, nothing in them is escaped, so a closing tag counts only where the structure goes on behind it.
 * Where a value holds such markup itself, the end of the value cannot be told with certainty, and the call is refused.
 */

/** The invokes of a text. A bare one, outside of the wrapper, counts only where it names a declared tool. */
export function invokeCalls(text: string, schemaOf: SchemaOf): readonly MarkupCall[] {
  const source = new Source(text)
  const calls: MarkupCall[] = []
  /** The wrapper that is open and has held nothing so far. */
  let empty: Tag | undefined
  let index = 0
  for (let tag = source.tags[0]; tag !== undefined; tag = source.tags[index]) {
    index++
    if (tag.name === 'wrapper' && tag.kind === 'close') {
      const problem = empty === undefined ? undefined : emptiness(text.slice(empty.end, tag.start))
      if (problem !== undefined) calls.push({ start: empty?.start ?? 0, end: tag.end, name: '', problem })
      empty = undefined
      source.isWrapped = false
    } else if (tag.name === 'wrapper') {
      if (text[tag.start - 1] === '`') continue // named, not used
      empty = tag
      source.isWrapped = true
    } else if (tag.name === 'think') {
      empty = undefined
    } else if (tag.name === 'invoke' && tag.kind !== 'close') {
      const schema = schemaOf(tag.label)
      if (schema === undefined && !source.isWrapped) continue
      empty = undefined
      const read = readInvoke(source, index - 1, schema)
      calls.push(read.call)
      index = read.next
    }
  }
  if (empty !== undefined && emptiness(text.slice(empty.end)) !== undefined) {
    calls.push({ start: empty.start, end: text.length, name: '', problem: cutOff })
  }
  return calls
}

/** What is wrong with a wrapper without an invoke. Some models put JSON into it: that is read as JSON in text. */
function emptiness(body: string): string | undefined {
  return jsonSpans(body).some(({ isPart }) => !isPart) ? undefined : 'it holds no call'
}

/** A text and its tags, with what has to be known of the tags behind each, so that no search is made twice. */
class Source {
  readonly text: string
  readonly tags: readonly Tag[]
  isWrapped = false
  /** For each tag, the index of the next closing tag of a parameter behind which the structure goes on. */
  readonly #valueEnds: Int32Array
  readonly #thoughtEnds: Int32Array

  constructor(text: string) {
    this.text = text
    this.tags = tagsIn(text)
    this.#valueEnds = new Int32Array(this.tags.length + 1).fill(-1)
    this.#thoughtEnds = new Int32Array(this.tags.length + 1).fill(-1)
    for (let index = this.tags.length - 1; index >= 0; index--) {
      const { name, kind } = this.tags[index] ?? {}
      const isValueEnd = name === 'parameter' && kind === 'close' && this.#goesOnBehind(index)
      this.#valueEnds[index] = isValueEnd ? index : (this.#valueEnds[index + 1] ?? -1)
      const isThoughtEnd = name === 'think' && kind === 'close'
      this.#thoughtEnds[index] = isThoughtEnd ? index : (this.#thoughtEnds[index + 1] ?? -1)
    }
  }

  endOfValue(index: number): number {
    return this.#valueEnds[index] ?? -1
  }

  endOfThought(index: number): number {
    return this.#thoughtEnds[index] ?? -1
  }

  /** Whether nothing but blanks stands between a position and the tag of this index. */
  isNext(position: number, index: number): boolean {
    const tag = this.tags[index]
    if (tag === undefined) return false
    blanks.lastIndex = position
    blanks.test(this.text)
    return blanks.lastIndex >= tag.start
  }

  is(index: number, name: TagName, kind: Tag['kind']): boolean {
    const tag = this.tags[index]
    return tag?.name === name && tag.kind === kind
  }

  #goesOnBehind(index: number): boolean {
    const end = this.tags[index]?.end ?? 0
    if (!this.isNext(end, index + 1)) return false
    return (
      this.is(index + 1, 'invoke', 'close') ||
      this.is(index + 1, 'wrapper', 'close') ||
      this.is(index + 1, 'parameter', 'open')
    )
  }
}

const blanks = /\s*/y

interface ReadInvoke {
  readonly call: MarkupCall
  /** Index of the first tag that has not been read. */
  readonly next: number
}

function readInvoke(source: Source, first: number, schema: object | undefined): ReadInvoke {
  const { text, tags } = source
  const invoke = tags[first]
  const name = invoke?.label ?? ''
  const start = invoke?.start ?? 0
  const members = new Map<string, unknown>()
  const place = placeOf(schema)
  const complete = (end: number, next: number): ReadInvoke => {
    if (tags[next]?.name === 'parameter') return refuse(text.length, tags.length, ambiguous)
    return { call: { start, end, name, input: Object.fromEntries(members) }, next }
  }
  const refuse = (end: number, next: number, problem: string): ReadInvoke => ({
    call: { start, end, name, problem },
    next,
  })
  /** What is cut off inside of a thought ends with the thought, not with the reply. */
  const refuseOpen = (index: number): ReadInvoke => {
    const thought = source.endOfThought(index)
    return thought === -1
      ? refuse(text.length, tags.length, cutOff)
      : refuse(tags[thought]?.start ?? text.length, thought, cutOff)
  }
  if (invoke?.kind === 'empty') return complete(invoke.end, first + 1)
  let index = first + 1
  let position = invoke?.end ?? 0
  for (;;) {
    const tag = tags[index]
    if (tag === undefined) return refuseOpen(index)
    const isAdjacent = source.isNext(position, index)
    if (isAdjacent && source.is(index, 'invoke', 'close')) return complete(tag.end, index + 1)
    // The end of the wrapper says as well that nothing is missing.
    if (isAdjacent && source.is(index, 'wrapper', 'close') && source.isWrapped) return complete(tag.start, index)
    if (!isAdjacent || tag.name !== 'parameter' || tag.kind !== 'open') return skip(source, index, refuse, refuseOpen)
    const close = source.endOfValue(index + 1)
    const end = tags[close]
    if (end === undefined) return refuseOpen(index + 1)
    const nested = nestedMarkup(tags, index + 1, close)
    if (nested !== undefined) {
      const thought = source.endOfThought(index + 1)
      return thought !== -1 && thought < nested ? refuseOpen(index + 1) : refuse(text.length, tags.length, ambiguous)
    }
    if (members.has(tag.label)) return skip(source, close + 1, refuse, refuseOpen, `"${tag.label}" is given twice`)
    members.set(tag.label, valueOfText(text.slice(tag.end, end.start), memberOf(place, tag.label, false)))
    position = end.end
    index = close + 1
  }
}

const ambiguous = 'a value in it holds markup of calls itself, so that its end cannot be told'

function nestedMarkup(tags: readonly Tag[], from: number, to: number): number | undefined {
  for (let index = from; index < to; index++) {
    const tag = tags[index]
    if (tag?.kind !== 'close' && (tag?.name === 'parameter' || tag?.name === 'invoke')) return index
  }
  return undefined
}

type Refuse = (end: number, next: number, problem: string) => ReadInvoke

/** What stands in the place of a parameter is none: the rest up to the end of this invoke belongs to it. */
function skip(
  { tags }: Source,
  from: number,
  refuse: Refuse,
  refuseOpen: (index: number) => ReadInvoke,
  problem = 'it holds more than parameters',
): ReadInvoke {
  for (let index = from; index < tags.length; index++) {
    const tag = tags[index]
    if (tag?.name === 'invoke' && tag.kind === 'close') return refuse(tag.end, index + 1, problem)
    if (tag?.name === 'invoke') return refuse(tag.start, index, cutOff)
    if (tag?.name === 'think' && tag.kind === 'close') return refuse(tag.start, index, cutOff)
    if (tag?.name === 'wrapper' && tag.kind === 'close') return refuse(tag.start, index, problem)
  }
  return refuseOpen(tags.length)
}
