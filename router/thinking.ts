/** One tag of thinking: `<think>`, `</think>`, or M3's own `<mm:think>`. */
export interface ThinkTag {
  readonly isCloser: boolean
  readonly start: number
  readonly end: number
}

/** The tag of thinking that ends with the `>` at `last`. */
export function thinkTagAt(content: string, last: number): ThinkTag | undefined {
  if (!content.startsWith('think', last - 5)) return undefined
  const nameStart = content.startsWith('mm:', last - 8) ? last - 8 : last - 5
  const isCloser = content[nameStart - 1] === '/'
  const start = nameStart - (isCloser ? 2 : 1)
  return content[start] === '<' ? { isCloser, start, end: last + 1 } : undefined
}

/**
 * The tags of thinking, in order. Searched for by their last character, which most texts do not hold: a search for one
 * character runs at the speed of memory, one for a pattern at that of `JSON.parse`.
 */
export function thinkTags(content: string): readonly ThinkTag[] {
  const tags: ThinkTag[] = []
  for (let last = content.indexOf('>'); last !== -1; last = content.indexOf('>', last + 1)) {
    const tag = thinkTagAt(content, last)
    if (tag !== undefined) tags.push(tag)
  }
  return tags
}

/**
 * A reply's text without its `<think>` parts. A part that is never closed reaches to the end; a closer without an opener
 * ends a part that began before the text did.
 */
export function withoutThinking(content: string): string {
  let visible = ''
  let position = 0
  let isThought = false
  for (const { isCloser, start, end } of thinkTags(content)) {
    // Only a closer that comes first ends hidden text: later ones follow text that was visible already.
    if (!isThought && !(isCloser && position === 0)) visible += content.slice(position, start)
    isThought = !isCloser
    position = end
  }
  return isThought ? visible : visible + content.slice(position)
}
