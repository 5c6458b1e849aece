import type { Place, TextCall } from '../../../router/reading/text-format.ts'
import { refuse, withoutTags } from './tags.ts'

/*
 * Thinking in the content of a reply, as MiniMax's models write it:
 *
 *   <think>\nThey want the weather.\n</think>\n\nIt is warm.     M2; other spellings: <thinking>, <THINK>, <think >
 *   <mm:think>They want the weather.</mm:think>It is warm.       M3
 *   They want the weather.</think>It is warm.                    the chat template of the server opened the thinking
 *   <think>\nThey want                                           cut off: no text is visible
 *   The engine printed a <think> tag. Restart it.                a mention, not a tag
 *   The proxy strips `</think>` tags.                            a quotation, not a tag
 */

/** One tag of thinking, from `start` up to, not including, `end`. */
interface ThinkTag {
  /** Whether it ends thinking. */
  readonly isCloser: boolean
  /** Index of its first character. */
  readonly start: number
  /** Index after its last character. */
  readonly end: number
}

const tagPattern = /<(\/?)(?:mm:)?think(?:ing)?\s{0,2}>/iy

const spellings = ['<think>', '<thinking>', '<mm:think>', '<mm:thinking>'].flatMap((tag) => [
  tag,
  tag.replace('<', '</'),
])
const maxTagLength = '</mm:thinking  >'.length

/**
 * Finds thinking in a content that arrives in pieces, cut anywhere. Text that may still be part of a tag is held back.
 *
 * A `<think>` in the middle of a line is a tag only if another tag follows: until then, everything from it on is held back.
 * A closing tag that comes first ends thinking that began before the content, so that all text before it was thinking.
 */
export class ThinkingScan {
  /** The tags so far, in order, with their places in the content. */
  readonly tags: ThinkTag[] = []
  readonly #onAllThinking: () => void
  #isThinking = false
  /** Text from a `<think>` on that may be a mention. */
  #doubtful: string | undefined
  /** The end of the content so far, if it may be the beginning of a tag. */
  #held = ''
  /** Length of the content before the held text, and its last character. */
  #length = 0
  #before = ''
  #isMidLine = false

  /** @param onAllThinking called when a closing tag comes first: all visible text so far was thinking. */
  constructor(onAllThinking: () => void = () => {}) {
    this.#onAllThinking = onAllThinking
  }

  /** Takes the next piece. Returns the visible text that is certain by now. */
  push(piece: string): string {
    if (this.#held !== '' || piece.includes('<')) return this.#scan(this.#held + piece, false)
    if (piece === '') return ''
    this.#length += piece.length
    this.#before = piece[piece.length - 1] ?? ''
    return this.#pass(piece)
  }

  /** Takes the last piece. Returns the visible text that was held back. */
  end(piece = ''): string {
    const visible = this.#scan(this.#held + piece, true)
    if (this.#doubtful === undefined) return visible
    this.tags.pop()
    return visible + this.#doubtful
  }

  #scan(text: string, isFinal: boolean): string {
    const offset = this.#length
    this.#held = ''
    let visible = ''
    let position = 0
    for (let at = text.indexOf('<'); at !== -1; at = text.indexOf('<', at + 1)) {
      const end = endOfTag(text, at, at === 0 ? this.#before : (text[at - 1] ?? ''), isFinal)
      if (end === undefined) continue
      visible += this.#pass(text.slice(position, at))
      position = at
      if (end === 'undecided') {
        this.#held = text.slice(at)
        break
      }
      const isCloser = text[at + 1] === '/'
      if (isCloser && this.tags.length === 0) {
        visible = ''
        this.#onAllThinking()
      }
      this.tags.push({ isCloser, start: offset + at, end: offset + end })
      this.#apply(isCloser, text.slice(at, end))
      position = end
    }
    if (this.#held === '') visible += this.#pass(text.slice(position))
    const length = text.length - this.#held.length
    this.#length += length
    if (length > 0) this.#before = text[length - 1] ?? ''
    return visible
  }

  #apply(isCloser: boolean, tag: string): void {
    const isDoubtful = !isCloser && !this.#isThinking && this.#doubtful === undefined && this.#isMidLine
    this.#doubtful = isDoubtful ? tag : undefined
    this.#isThinking = !isCloser && !isDoubtful
    this.#isMidLine = false
  }

  /** Takes text between tags. Returns it if it is visible. */
  #pass(text: string): string {
    if (text === '' || this.#isThinking) return ''
    if (this.#doubtful !== undefined) {
      this.#doubtful += text
      return ''
    }
    const line = text.lastIndexOf('\n') + 1
    if (line > 0 || !this.#isMidLine) this.#isMidLine = hasText(text, line)
    return text
  }
}

/** Whether a text has more than blanks from an index on. */
function hasText(text: string, from: number): boolean {
  const first = text.charCodeAt(from)
  // Most lines begin with a letter: nothing needs to be copied then.
  return (first > 0x20 && first < 0x7f) || text.slice(from).trim() !== ''
}

/** The end of the tag that begins at an index; `undefined` if none does, `'undecided'` if one may begin there. */
function endOfTag(text: string, at: number, before: string, isFinal: boolean): number | 'undecided' | undefined {
  const isQuoted = before === '"' || before === "'" || before === '`'
  tagPattern.lastIndex = at
  if (tagPattern.test(text)) {
    const end = tagPattern.lastIndex
    if (isQuoted && end === text.length && !isFinal) return 'undecided'
    return isQuoted && text[end] === before ? undefined : end
  }
  if (isFinal || text.length - at >= maxTagLength) return undefined
  const beginning = text.slice(at).trimEnd().toLowerCase()
  return spellings.some((tag) => tag.startsWith(beginning)) ? 'undecided' : undefined
}

/** The tags of thinking in a complete content, in order. */
function thinkTags(content: string): readonly ThinkTag[] {
  const scan = new ThinkingScan()
  scan.end(content)
  return scan.tags
}

/** The visible text of a complete content. Thinking that is never closed reaches to the end. */
export function withoutThinking(content: string): string {
  return new ThinkingScan().end(content)
}

/*
 * Tells calls that the model makes in its thinking from calls that it only considers there:
 *
 *   <think>I ping.\n<invoke name="ping"></invoke>\n</think>          made: nothing follows it, the thinking ended too late
 *   <think>I could <invoke name="ping"></invoke>.</think>Done.       only considered: dropped
 *   <think>I could <invoke name="ping"></invoke>, but                only considered, and cut off: refused
 */

/** Result of {@link readThinking}. */
interface ThinkingReading {
  /** The calls that the model makes, or that get feedback. Each knows whether visible text follows it. */
  readonly calls: readonly TextCall[]
  /** The places of thinking in the content, in order. */
  readonly thinking: readonly Place[]
}

/** Drops calls that were only considered in thinking, or refuses them if the thinking is never closed. */
export function readThinking(content: string, found: readonly TextCall[]): ThinkingReading {
  const tags = thinkTags(content)
  const thinking = thinkingIn(content, tags, found)
  const gaps = gapsBetween(content, thinking, found)
  const lastCloser = tags.findLast(({ isCloser }) => isCloser)?.start ?? -1
  const isAnyOutside = gaps.some(({ isThinkingAfter }, index) => index < found.length && !isThinkingAfter)
  const calls: TextCall[] = []
  let isFollowed = false
  let isFollowedVisibly = false
  for (let index = found.length - 1; index >= 0; index--) {
    const after = gaps[index + 1]
    isFollowed ||= (after?.isVisible ?? false) || (after?.isThought ?? false)
    isFollowedVisibly ||= after?.isVisible ?? false
    const call = found[index]
    if (call === undefined) continue
    const isConsidered = gaps[index]?.isThinkingAfter === true && (isFollowed || isAnyOutside)
    if (!isConsidered) calls.push(isFollowedVisibly ? { ...call, isFollowed: true } : call)
    else if (lastCloser < call.end) calls.push(refuse(call, 'it is inside your thinking'))
  }
  return { calls: calls.reverse(), thinking }
}

/** The places of thinking, tags included. Tags inside a call belong to its values. */
function thinkingIn(content: string, tags: readonly ThinkTag[], found: readonly TextCall[]): readonly Place[] {
  const places: Place[] = []
  let start = tags[0]?.isCloser === true ? 0 : -1
  let call = 0
  for (const tag of tags) {
    while ((found[call]?.end ?? Number.POSITIVE_INFINITY) <= tag.start) call++
    if (tag.start > (found[call]?.start ?? Number.POSITIVE_INFINITY)) continue
    if (!tag.isCloser) start = start === -1 ? tag.start : start
    else if (start !== -1) {
      places.push({ start, end: tag.end })
      start = -1
    }
  }
  return start === -1 ? places : [...places, { start, end: content.length }]
}

/** The text between two calls, or before the first or after the last one. */
interface Gap {
  /** It holds visible text. */
  readonly isVisible: boolean
  /** It holds text of thinking. */
  readonly isThought: boolean
  /** It ends in thinking, so the call after it is in thinking. */
  readonly isThinkingAfter: boolean
}

function gapsBetween(content: string, thinking: readonly Place[], found: readonly TextCall[]): readonly Gap[] {
  let place = 0
  return Array.from({ length: found.length + 1 }, (_, index) => {
    const end = found[index]?.start ?? content.length
    let from = Math.min(found[index - 1]?.end ?? 0, end)
    let visible = ''
    let thought = ''
    for (;;) {
      const next = thinking[place]
      if (next === undefined || next.start >= end) break
      if (from < next.start) visible += content.slice(from, next.start)
      thought += content.slice(Math.max(from, next.start), Math.min(next.end, end))
      from = Math.max(from, Math.min(next.end, end))
      if (next.end > end) break
      place++
    }
    visible += content.slice(from, end)
    const isThinkingAfter = (thinking[place]?.start ?? end) < end
    return { isVisible: holdsText(visible), isThought: holdsText(thought), isThinkingAfter }
  })
}

/** Whether a text holds more than tags, fences and blanks. */
function holdsText(text: string): boolean {
  return (
    withoutTags(text)
      .replace(/`{3,}\w{0,20}|~{3,}\w{0,20}|<\/?(?:mm:)?think(?:ing)?\s{0,2}>/gi, '')
      .trim() !== ''
  )
}
