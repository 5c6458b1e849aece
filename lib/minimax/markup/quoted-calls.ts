import { type MarkupCall, refuse, withoutTags } from './tags.ts'
import { type ThinkTag, thinkTags } from './thinking.ts'

/*
 * Tells calls that the model makes from calls that it only writes about:
 *
 *   I look.\n<invoke name="ping"></invoke>                           made
 *   <think>I ping.\n<invoke name="ping"></invoke>\n</think>          made: nothing follows it, the thinking ended too late
 *   <think>I could <invoke name="ping"></invoke>.</think>Done.       only considered: dropped
 *   The log says "<invoke name="ping"></invoke>"                     quoted: refused
 *   <invoke name="ping"></invoke> is how one calls.                  made: it begins its line
 *   Write <invoke name="ping"></invoke> to call.                     inside a line, with text after it: refused
 */

/**
 * Refuses calls that may be quotations or examples, so that the model makes them natively if it meant them, and drops
 * calls that were only considered in thinking.
 */
export function refuseQuotedCalls(content: string, found: readonly MarkupCall[]): readonly MarkupCall[] {
  if (found.length === 0) return found
  const surroundings = new Surroundings(content, found)
  const places = found.map((call, index) => surroundings.before(content.slice(found[index - 1]?.end ?? 0, call.start)))
  surroundings.before(content.slice(found.at(-1)?.end ?? 0))
  const isAnyOutsideThinking = places.some(({ isThinking }) => !isThinking)
  const calls: MarkupCall[] = []
  let isFollowed = false
  let isFollowedVisibly = false
  for (let index = found.length - 1; index >= 0; index--) {
    const after = surroundings.gaps[index + 1]
    isFollowed ||= after?.holdsText ?? false
    isFollowedVisibly ||= after?.isVisible ?? false
    const call = found[index]
    const place = places[index]
    if (call === undefined || place === undefined) continue
    if (place.isThinking && (isFollowed || isAnyOutsideThinking)) {
      if (!surroundings.isThinkingClosedAfter(call)) calls.push(refuse(call, 'it is inside your thinking'))
    } else if (place.isQuoted || (isFollowedVisibly && (place.isCode || place.isMidLine))) {
      calls.push(refuse(call, 'it is in a quotation, or has text after it, as an example does'))
    } else calls.push(call)
  }
  return calls.reverse()
}

/** The text between two calls, or before the first or after the last one. */
interface Gap {
  /** It holds text, even if that is only thinking. */
  readonly holdsText: boolean
  /** It holds visible text. */
  readonly isVisible: boolean
}

const emptyGap: Gap = { holdsText: false, isVisible: false }

/** Where a call is. */
interface Place {
  readonly isThinking: boolean
  /** In a code block. */
  readonly isCode: boolean
  /** After a quotation mark, or in a line that begins with `>`. */
  readonly isQuoted: boolean
  /** With text before it on its line. */
  readonly isMidLine: boolean
}

/** The text around the calls of a content. It is walked through once, gap by gap. */
class Surroundings {
  readonly gaps: Gap[] = []
  readonly #tags: readonly ThinkTag[]
  readonly #lastCloser: number
  readonly #found: readonly MarkupCall[]
  /** Index of the next tag of thinking. */
  #tag = 0
  /** Index in the content of the next gap. */
  #position = 0
  #isThinking = false
  /** The mark that opened the current code block; empty outside. */
  #fence = ''
  #isMidLine = false
  #isQuotedLine = false

  constructor(content: string, found: readonly MarkupCall[]) {
    this.#tags = thinkTags(content)
    this.#lastCloser = this.#tags.findLast(({ isCloser }) => isCloser)?.start ?? -1
    this.#found = found
  }

  isThinkingClosedAfter({ end }: MarkupCall): boolean {
    return this.#lastCloser >= end
  }

  /** Walks through the next gap. Returns the place of the call after it. */
  before(gap: string): Place {
    if (gap !== '' || this.gaps.length === 0) this.#walk(gap)
    else this.gaps.push(emptyGap)
    this.#position = this.#found[this.gaps.length - 1]?.end ?? this.#position
    const isQuoted = this.#isQuotedLine || /["'`“‘]/.test(gap.at(-1) ?? '')
    return {
      isThinking: this.#isThinking,
      isCode: this.#fence !== '',
      isQuoted: isQuoted && !gap.endsWith('```'),
      isMidLine: this.#isMidLine,
    }
  }

  #walk(gap: string): void {
    let visible = ''
    let thinking = ''
    let from = this.#position
    const start = from
    const end = start + gap.length
    for (let tag = this.#tags[this.#tag]; tag !== undefined && tag.start < end; tag = this.#tags[++this.#tag]) {
      if (tag.start < from) continue // inside a call
      const text = gap.slice(from - start, tag.start - start)
      if (this.#isThinking) thinking += text
      else visible += text
      this.#isThinking = !tag.isCloser
      from = tag.end
    }
    const rest = gap.slice(from - start)
    if (this.#isThinking) thinking += rest
    else visible += rest
    this.#walkLine(rest, this.gaps.length === 0 || from > start)
    for (const [mark] of visible.matchAll(/`{3,}|~{3,}/g)) {
      if (this.#fence === '') this.#fence = mark
      else if (mark.startsWith(this.#fence)) this.#fence = ''
    }
    const isVisible = holdsText(visible)
    this.gaps.push({ holdsText: isVisible || holdsText(thinking), isVisible })
  }

  /** Looks at the line before a call. A tag of thinking begins a line, as a line break does. */
  #walkLine(text: string, isFresh: boolean): void {
    const lineBreak = text.lastIndexOf('\n')
    const isLine = isFresh || lineBreak !== -1
    const line = text.slice(lineBreak + 1)
    this.#isQuotedLine = isLine ? /^\s{0,20}>/.test(line) : this.#isQuotedLine
    this.#isMidLine = (!isLine && this.#isMidLine) || holdsText(line)
  }
}

/** Whether a text holds more than tags, fences and blanks. */
function holdsText(text: string): boolean {
  return (
    withoutTags(text)
      .replace(/`{3,}\w{0,20}|~{3,}\w{0,20}/g, '')
      .trim() !== ''
  )
}
