import type { Place, TextCall } from '../../../router/reading/text-format.ts'
import { refuse, withoutTags } from './tags.ts'
import { type ThinkTag, thinkTags } from './thinking.ts'

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
