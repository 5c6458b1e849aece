import type { Place, TextCall } from './text-format.ts'

/*
 * Finds out whether a call in a text is in a place where Markdown, or a person, quotes:
 *
 *   ```\n<invoke …>\n```        a code block
 *   - <invoke …>                a list item; also an indented line below one
 *   > <invoke …>                a quoted line
 *   It says "<invoke …>"        a quotation; also `code`, and <pre> or <code> of HTML
 *   Write <invoke …> to call.   a mention: inside a line, with text after it
 *   | 7 | <invoke …> |          a table
 *       <invoke …>              an indented block
 */

/**
 * For each call the place that makes it a quotation, as the end of the clause "it is …"; `undefined` for a call that is made.
 *
 * @param source the text that the places count in.
 * @param thinking the places of thinking. Its lines and code blocks are apart from those of the visible text.
 */
export function quotingPlaces(
  source: string,
  thinking: readonly Place[],
  calls: readonly TextCall[],
): readonly (string | undefined)[] {
  const walk = new Walk(source, thinking)
  let end = 0
  let wrapper: number | undefined
  let place: string | undefined
  return calls.map((call) => {
    const { start, wrapperStart = start, isFollowed = false } = call
    // Calls of one wrapper, or of one JSON value, are in the same place.
    if (start >= end && (wrapperStart >= end || wrapperStart !== wrapper)) {
      place = walk.placeAt(Math.max(end, wrapperStart), isFollowed, lineAfter(source, call.end))
    }
    const own = place ?? (start > wrapperStart ? markerBefore(source, Math.max(end, wrapperStart), start) : undefined)
    wrapper = wrapperStart
    end = Math.max(end, call.end)
    walk.skipTo(end)
    return own
  })
}

const marker = /^[ \t]{0,40}(?:(>)|([-*+•·‣◦▪–—])[ \t]|\d{1,9}[.)][ \t]|[a-zA-Z][.)][ \t]|(\|))/
const quotationMark = /["'`“”„‘’‚«»‹›「『《]$/
const quotingElement = /<(?:pre|code|samp|tt|kbd|q|blockquote|cite|li|td|th|xmp|textarea)(?:\s[^<>]{0,100})?>\s{0,20}$/i
const quoted = 'in a quotation'
const inList = 'in a list item'
const inTable = 'in a table'
const indented = 'in an indented block'

/** The place that the beginning of a line tells; `undefined` if it has no mark. */
function placeOfLine(line: string): string | undefined {
  const match = marker.exec(line)
  if (match === null) return undefined
  return match[1] !== undefined ? quoted : match[3] !== undefined ? inTable : inList
}

/** The place of a call inside a wrapper, if its own line begins with a mark. */
function markerBefore(source: string, from: number, start: number): string | undefined {
  const text = source.slice(Math.max(from, start - maxLine), start)
  const lineBreak = text.lastIndexOf('\n')
  return lineBreak === -1 ? undefined : placeOfLine(text.slice(lineBreak + 1))
}

/** Characters of a line that are looked at, and characters before a call. */
const maxLine = 100
const maxEnd = 160

function lineAfter(source: string, end: number): string {
  return source.slice(end, end + maxLine).split('\n', 1)[0] ?? ''
}

/** The lines and code blocks of visible text, or of thinking. */
class Layer {
  /** The mark that opened the current code block; empty outside. */
  #fence = ''
  /** The beginning of the current line, its last characters, and whether it has text besides tags. */
  #line = ''
  #end = ''
  #hasText = false
  #hasPipe = false
  /** The list item that the current line may continue, as the width of its indentation; -1 outside. */
  #list = -1

  add(text: string): void {
    for (const [mark] of text.matchAll(/`{3,}|~{3,}/g)) {
      if (this.#fence === '') this.#fence = mark
      else if (mark.startsWith(this.#fence)) this.#fence = ''
    }
    let from = 0
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      this.#extend(text.slice(from, at))
      this.#endLine()
      from = at + 1
    }
    this.#extend(text.slice(from))
    this.#end = (this.#end + text.slice(-maxEnd)).slice(-maxEnd)
  }

  /** A tag of thinking begins a line, as a line break does. */
  beginLine(): void {
    this.#endLine()
    this.#end = ''
  }

  /** Whatever is before a call does not touch the next one. */
  passCall(): void {
    this.#end = ''
  }

  place(isFollowed: boolean, after: string): string | undefined {
    if (this.#fence !== '') return 'in a code block'
    const place = placeOfLine(this.#line)
    if (place !== undefined) return place
    if (this.#hasPipe || /^\s{0,20}\|/.test(after)) return inTable
    if (!this.#hasText) {
      const indent = indentOf(this.#line)
      if (indent >= 4) return indented
      if (this.#list !== -1 && indent > this.#list) return inList
    }
    const isCode = this.#end.endsWith('```') || this.#end.endsWith('~~~')
    if (!isCode && quotationMark.test(this.#end)) return quoted
    if (quotingElement.test(this.#end)) return quoted
    return this.#hasText && isFollowed ? 'inside a line, with text after it' : undefined
  }

  #extend(part: string): void {
    if (part === '') return
    if (this.#line.length < maxLine) this.#line = (this.#line + part).slice(0, maxLine)
    this.#hasPipe ||= part.includes('|')
    this.#hasText ||= part.replace(/<[^<>]{0,100}>|`{3,}\w{0,20}|~{3,}\w{0,20}|[[\]\s]/g, '') !== ''
  }

  #endLine(): void {
    const isItem = placeOfLine(this.#line) === inList
    if (isItem) this.#list = indentOf(this.#line)
    else if (this.#hasText && indentOf(this.#line) <= this.#list) this.#list = -1
    this.#line = ''
    this.#hasText = this.#hasPipe = false
  }
}

function indentOf(line: string): number {
  let width = 0
  for (const character of line) {
    if (character === ' ') width++
    else if (character === '\t') width += 4
    else break
  }
  return width
}

/** Walks through a text once, from call to call. */
class Walk {
  readonly #source: string
  readonly #thinking: readonly Place[]
  readonly #visible = new Layer()
  readonly #thought = new Layer()
  #next = 0
  #position = 0

  constructor(source: string, thinking: readonly Place[]) {
    this.#source = source
    this.#thinking = thinking
  }

  /** The place of a call that begins at an index. */
  placeAt(start: number, isFollowed: boolean, after: string): string | undefined {
    this.#read(start)
    return this.#layer.place(isFollowed, after)
  }

  /** Goes to the end of a call without reading it: lines and fences in its values are not those of the text. */
  skipTo(end: number): void {
    this.#layer.passCall()
    this.#position = Math.max(this.#position, end)
  }

  get #layer(): Layer {
    return (this.#thinking[this.#next]?.start ?? this.#source.length) < this.#position ? this.#thought : this.#visible
  }

  #read(end: number): void {
    for (let place = this.#thinking[this.#next]; place !== undefined && place.start < end; ) {
      if (this.#position <= place.start) {
        this.#visible.add(this.#source.slice(this.#position, place.start))
        this.#thought.beginLine()
        this.#position = place.start
      }
      const until = Math.min(place.end, end)
      if (until > this.#position) {
        this.#thought.add(this.#source.slice(this.#position, until))
        this.#position = until
      }
      if (place.end > end) return
      this.#visible.beginLine()
      place = this.#thinking[++this.#next]
    }
    if (end > this.#position) {
      this.#visible.add(this.#source.slice(this.#position, end))
      this.#position = end
    }
  }
}
