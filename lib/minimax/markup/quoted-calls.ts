import { type MarkupCall, withoutTags } from './tags.ts'
import { type ThinkTag, thinkTags } from './thinking.ts'

/**
 * Calls that the model meant to make.
 *
 * - One inside of a thought was only considered; but where nothing comes behind it, the model closed its thought too late.
 * - One in quotes or in a quoted line is spoken of; so may be one in a code block, or in the middle of a line, that has
 *   text behind it. It is refused, so that the model says it natively if it meant it.
 */
export function refuseQuotedCalls(content: string, found: readonly MarkupCall[]): readonly MarkupCall[] {
  if (found.length === 0) return found
  const surroundings = new Surroundings(content, found)
  const places = found.map((call, index) => surroundings.before(content.slice(found[index - 1]?.end ?? 0, call.start)))
  surroundings.before(content.slice(found.at(-1)?.end ?? 0))
  const isMadeOutside = places.some(({ isThought }) => !isThought)
  const calls: MarkupCall[] = []
  let isFollowed = false
  let isFollowedVisibly = false
  for (let index = found.length - 1; index >= 0; index--) {
    const behind = surroundings.gaps[index + 1]
    isFollowed ||= behind?.holdsText ?? false
    isFollowedVisibly ||= behind?.isVisible ?? false
    const call = found[index]
    const place = places[index]
    if (call === undefined || place === undefined) continue
    if (place.isThought && (isFollowed || isMadeOutside)) {
      if (!surroundings.closesThought(call)) calls.push(refusedAs(call, 'it stands inside of your thinking'))
    } else if (place.isQuoted || (isFollowedVisibly && (place.isCode || place.isMidLine))) {
      calls.push(refusedAs(call, 'it stands in a quotation, or has text behind it, as an example does'))
    } else calls.push(call)
  }
  return calls.reverse()
}

function refusedAs({ start, end, name, problem }: MarkupCall, why: string): MarkupCall {
  return { start, end, name, problem: problem ?? why }
}

interface Gap {
  /** It holds text, if only thinking. */
  readonly holdsText: boolean
  readonly isVisible: boolean
}

const emptyGap: Gap = { holdsText: false, isVisible: false }

interface Place {
  readonly isThought: boolean
  readonly isCode: boolean
  readonly isQuoted: boolean
  readonly isMidLine: boolean
}

/** What stands around calls: walked through once, gap by gap. */
class Surroundings {
  readonly gaps: Gap[] = []
  readonly #tags: readonly ThinkTag[]
  readonly #lastCloser: number
  #tag = 0
  #position = 0
  #isThought = false
  #fence = ''
  #isMidLine = false
  #isQuotedLine = false
  readonly #found: readonly MarkupCall[]

  constructor(content: string, found: readonly MarkupCall[]) {
    this.#tags = thinkTags(content)
    this.#lastCloser = this.#tags.findLast(({ isCloser }) => isCloser)?.start ?? -1
    this.#found = found
  }

  closesThought({ end }: MarkupCall): boolean {
    return this.#lastCloser >= end
  }

  /** Walks through the next gap; gives what holds of the call behind it. */
  before(gap: string): Place {
    if (gap !== '' || this.gaps.length === 0) this.#walk(gap)
    else this.gaps.push(emptyGap)
    this.#position = this.#found[this.gaps.length - 1]?.end ?? this.#position
    const isQuoted = this.#isQuotedLine || /["'`“‘]/.test(gap.at(-1) ?? '')
    return {
      isThought: this.#isThought,
      isCode: this.#fence !== '',
      isQuoted: isQuoted && !gap.endsWith('```'),
      isMidLine: this.#isMidLine,
    }
  }

  #walk(gap: string): void {
    let visible = ''
    let thoughts = ''
    let from = this.#position
    const start = from
    const end = start + gap.length
    for (let tag = this.#tags[this.#tag]; tag !== undefined && tag.start < end; tag = this.#tags[++this.#tag]) {
      if (tag.start < from) continue // inside of a call
      const text = gap.slice(from - start, tag.start - start)
      if (this.#isThought) thoughts += text
      else visible += text
      this.#isThought = !tag.isCloser
      from = tag.end
    }
    const rest = gap.slice(from - start)
    if (this.#isThought) thoughts += rest
    else visible += rest
    this.#walkLine(rest, this.gaps.length === 0 || from > start)
    for (const [mark] of visible.matchAll(/`{3,}|~{3,}/g)) {
      if (this.#fence === '') this.#fence = mark
      else if (mark.startsWith(this.#fence)) this.#fence = ''
    }
    const isVisible = holdsText(visible)
    this.gaps.push({ holdsText: isVisible || holdsText(thoughts), isVisible })
  }

  /** What stands before a call on its own line: behind the last line break, or, where a thought ended later, behind that. */
  #walkLine(text: string, isFresh: boolean): void {
    const lineBreak = text.lastIndexOf('\n')
    const isLine = isFresh || lineBreak !== -1
    const line = text.slice(lineBreak + 1)
    this.#isQuotedLine = isLine ? /^\s{0,20}>/.test(line) : this.#isQuotedLine
    this.#isMidLine = (!isLine && this.#isMidLine) || holdsText(line)
  }
}

function holdsText(text: string): boolean {
  return (
    withoutTags(text)
      .replace(/`{3,}\w{0,20}|~{3,}\w{0,20}/g, '')
      .trim() !== ''
  )
}
