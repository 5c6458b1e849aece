import { isObject } from '../../../router/json/json.ts'
import type { SchemaOf, TextCall } from '../../../router/reading/text-format.ts'
import { ambiguous, notClosed, refuse, type Tag, type TagName, tagsIn, vendorsStart, withoutTags } from './tags.ts'
import { memberOf, placeOf, valueOfText } from './typed-text.ts'
import { readWrappedJson } from './wrapped-json.ts'

/*
 * The markup of M2 to M2.7:
 *
 *   <minimax:tool_call>
 *   <invoke name="get_weather">
 *   <parameter name="city">Oslo</parameter>
 *   <parameter name="days">3</parameter>
 *   </invoke>
 *   </minimax:tool_call>
 *
 * M1, and many other models, put JSON into the wrapper instead; wrapped-json.ts reads it.
 *
 * Values are raw text without escapes. A closing tag therefore counts only if the structure continues after it. If a value
 * contains such markup itself, the end of the value is ambiguous, and the call is refused.
 */

/**
 * Reads the calls of a text that are in wrappers, as invokes or as JSON. A bare invoke, outside a wrapper, counts if it
 * names a declared tool or has parameters: nobody writes those but to call.
 */
export function readM2Calls(text: string, schemaOf: SchemaOf): readonly TextCall[] {
  const source = new Source(text)
  const calls: TextCall[] = []
  const lastClose = text.lastIndexOf('</minimax:tool_call')
  /** The open wrapper, and whether it was empty so far. */
  let wrapper: Tag | undefined
  let isEmpty = false
  const closeWrapper = (bodyEnd: number, end: number) => {
    if (wrapper !== undefined && isEmpty)
      for (const call of readWrappedJson(text, wrapper, bodyEnd, end)) calls.push(call)
    wrapper = undefined
    source.isWrapped = false
  }
  let certain = 0
  let index = 0
  for (let tag = source.tags[0]; tag !== undefined; tag = source.tags[index]) {
    index++
    if (tag.name === 'wrapper' && tag.kind === 'close') {
      if (wrapper === undefined && text.startsWith('</minimax:', tag.start)) wrapCallsBefore(text, calls, tag)
      closeWrapper(tag.start, tag.end)
    } else if (tag.name === 'wrapper') {
      if (!isUsed(text, tag, lastClose)) continue
      if (wrapper !== undefined && text.slice(wrapper.end, tag.start).trim() !== '') closeWrapper(tag.start, tag.start)
      wrapper = tag
      isEmpty = source.isWrapped = true
    } else if (tag.name === 'think') {
      isEmpty = false
    } else if (tag.name === 'parameter') {
      // A parameter outside an invoke: an earlier value did not end where it seemed to.
      certain = refuseFrom(calls, certain, tag.kind !== 'close')
    } else if (tag.kind !== 'close') {
      const schema = schemaOf(tag.nameAttribute)
      const read = readInvoke(source, index - 1, schema)
      const isBare = schema === undefined && !source.isWrapped && tag.kind !== 'cut off'
      if (isBare && !hasMembers(read.call)) continue
      isEmpty = false
      calls.push(wrapper === undefined ? read.call : { ...read.call, wrapperStart: vendorsStart(text, wrapper) })
      index = read.next
    }
  }
  const last = calls.at(-1)
  if (wrapper !== undefined && isEmpty) closeWrapper(text.length, text.length)
  else if (wrapper !== undefined && last !== undefined && last.start > wrapper.start && hasTextAfter(text, last)) {
    calls[calls.length - 1] = refuse(last, notClosed)
  }
  return calls
}

/**
 * Whether a wrapper is used, not mentioned. It begins its line; or, if it is MiniMax's own, whose name is not an ordinary
 * word, it is closed, or a call or nothing follows.
 */
function isUsed(text: string, { start, end }: Tag, lastClose: number): boolean {
  let before = start - 1
  if (text[before] === '`') return false
  while (text[before] === ' ' || text[before] === '\t') before--
  if (before < 0 || /[\n\r>]/.test(text[before] ?? '')) return true
  if (!text.startsWith('<minimax:', start)) return false
  return lastClose > start || /^\s{0,200}(?:[<{[\]`]|$)/.test(text.slice(end, end + 201))
}

/** The calls directly before a closing wrapper that was never opened were in that wrapper: servers lose its opening tag. */
function wrapCallsBefore(text: string, calls: TextCall[], { start }: Tag): void {
  const wrapped: number[] = []
  let next = start
  for (let index = calls.length - 1; index >= 0; index--) {
    const call = calls[index]
    if (call === undefined || call.wrapperStart !== undefined || text.slice(call.end, next).trim() !== '') break
    wrapped.push(index)
    next = call.start
  }
  for (const index of wrapped) {
    const call = calls[index]
    if (call !== undefined) calls[index] = { ...call, wrapperStart: next }
  }
}

function hasMembers({ input }: TextCall): boolean {
  return isObject(input) && Object.keys(input).length > 0
}

/**
 * Refuses calls from the first one on that has parameters, because its value may reach further than it seemed; and the
 * last one in any case if `isLast` is set. Returns the number of calls.
 */
function refuseFrom(calls: TextCall[], from: number, isLast: boolean): number {
  let isDoubtful = false
  for (let index = from; index < calls.length; index++) {
    const call = calls[index]
    if (call === undefined) break
    isDoubtful ||= hasMembers(call) || (isLast && index === calls.length - 1)
    if (isDoubtful) calls[index] = refuse(call, ambiguous)
  }
  return calls.length
}

/** Whether text follows the last call of a wrapper that is not closed: it may belong to a value. */
function hasTextAfter(text: string, { end }: TextCall): boolean {
  return (
    withoutTags(text.slice(end))
      .replace(/<\/(?:mm:)?think>|`{3,}/g, '')
      .trim() !== ''
  )
}

/** A text and its tags. Closing tags are looked up once for all places, so that no search is made twice. */
class Source {
  readonly text: string
  readonly tags: readonly Tag[]
  isWrapped = false
  /** For each tag, the index of the next closing tag of a parameter after which the structure continues. */
  readonly #valueEnds: Int32Array
  /** For each tag, the index of the next closing tag of thinking. */
  readonly #thoughtEnds: Int32Array

  constructor(text: string) {
    this.text = text
    this.tags = tagsIn(text)
    this.#valueEnds = new Int32Array(this.tags.length + 1).fill(-1)
    this.#thoughtEnds = new Int32Array(this.tags.length + 1).fill(-1)
    for (let index = this.tags.length - 1; index >= 0; index--) {
      const { name, kind } = this.tags[index] ?? {}
      const isValueEnd = name === 'parameter' && kind === 'close' && this.#structureContinuesAfter(index)
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

  /** Whether only blanks are between a position and the tag with this index. */
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

  #structureContinuesAfter(index: number): boolean {
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
  readonly call: TextCall
  /** Index of the first tag that has not been read. */
  readonly next: number
}

function readInvoke(source: Source, first: number, schema: object | undefined): ReadInvoke {
  const { text, tags } = source
  const invoke = tags[first]
  const name = invoke?.nameAttribute ?? ''
  const start = invoke?.start ?? 0
  const members = new Map<string, unknown>()
  const place = placeOf(schema)
  const complete = (end: number, next: number): ReadInvoke => ({
    call: { start, end, name, input: Object.fromEntries(members) },
    next,
  })
  const refuseInvoke = (end: number, next: number, refusal: string): ReadInvoke => ({
    call: { start, end, name, refusal },
    next,
  })
  /** A call that is cut off inside thinking ends with the thinking, not with the reply. */
  const refuseOpen = (index: number): ReadInvoke => {
    const thought = source.endOfThought(index)
    return thought === -1
      ? refuseInvoke(text.length, tags.length, notClosed)
      : refuseInvoke(tags[thought]?.start ?? text.length, thought, notClosed)
  }
  if (invoke?.kind === 'empty') return complete(invoke.end, first + 1)
  let index = first + 1
  let position = invoke?.end ?? 0
  for (;;) {
    const tag = tags[index]
    if (tag === undefined) return refuseOpen(index)
    const isAdjacent = source.isNext(position, index)
    if (isAdjacent && source.is(index, 'invoke', 'close')) return complete(tag.end, index + 1)
    // The end of the wrapper also tells that nothing is missing.
    if (isAdjacent && source.is(index, 'wrapper', 'close') && source.isWrapped) return complete(tag.start, index)
    if (!isAdjacent || tag.name !== 'parameter' || tag.kind !== 'open')
      return skip(source, index, refuseInvoke, refuseOpen)
    const close = source.endOfValue(index + 1)
    const end = tags[close]
    if (end === undefined) return refuseOpen(index + 1)
    const nested = nestedMarkup(tags, index + 1, close)
    if (nested !== undefined) {
      const thought = source.endOfThought(index + 1)
      return thought !== -1 && thought < nested
        ? refuseOpen(index + 1)
        : refuseInvoke(text.length, tags.length, ambiguous)
    }
    if (members.has(tag.nameAttribute))
      return skip(source, close + 1, refuseInvoke, refuseOpen, `"${tag.nameAttribute}" is given twice`)
    members.set(
      tag.nameAttribute,
      valueOfText(text.slice(tag.end, end.start), memberOf(place, tag.nameAttribute, false)),
    )
    position = end.end
    index = close + 1
  }
}

function nestedMarkup(tags: readonly Tag[], from: number, to: number): number | undefined {
  for (let index = from; index < to; index++) {
    const tag = tags[index]
    if (tag?.kind !== 'close' && (tag?.name === 'parameter' || tag?.name === 'invoke')) return index
  }
  return undefined
}

type Refuse = (end: number, next: number, refusal: string) => ReadInvoke

/** Refuses an invoke with anything but parameters in it, up to its end. */
function skip(
  { tags }: Source,
  from: number,
  refuseInvoke: Refuse,
  refuseOpen: (index: number) => ReadInvoke,
  refusal = 'it holds more than parameters',
): ReadInvoke {
  for (let index = from; index < tags.length; index++) {
    const tag = tags[index]
    if (tag?.name === 'invoke' && tag.kind === 'close') return refuseInvoke(tag.end, index + 1, refusal)
    if (tag?.name === 'invoke') return refuseInvoke(tag.start, index, notClosed)
    if (tag?.name === 'think' && tag.kind === 'close') return refuseInvoke(tag.start, index, notClosed)
    if (tag?.name === 'wrapper' && tag.kind === 'close') return refuseInvoke(tag.start, index, refusal)
  }
  return refuseOpen(tags.length)
}
