/** One tag of thinking: `<think>`, `</think>`, or M3's own `<mm:think>`. */
export interface ThinkTag {
  readonly isCloser: boolean
  readonly start: number
  readonly end: number
}

/** The end of a tag of thinking, in the spellings of all models. */
const spelling = /<(\/?)(?:mm:)?think(?:ing)?\s{0,2}>$/i
const longest = '</mm:thinking  >'.length

/** The tag of thinking that ends with the `>` at `last`. */
export function thinkTagAt(content: string, last: number): ThinkTag | undefined {
  if (!/[kg\s]/i.test(content[last - 1] ?? '')) return undefined
  const found = spelling.exec(content.slice(Math.max(0, last + 1 - longest), last + 1))
  if (found === null) return undefined
  const start = last + 1 - found[0].length
  // In quotes or in code it is spoken of.
  if (/["'`]/.test(content[start - 1] ?? '') && content[start - 1] === content[last + 1]) return undefined
  return { isCloser: found[1] === '/', start, end: last + 1 }
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
  // A thought begins a line, or is closed: an opener that does neither is spoken of.
  const final = tags.at(-1)
  if (final !== undefined && !final.isCloser && isMidLine(content, tags, final)) tags.pop()
  return tags
}

function isMidLine(content: string, tags: readonly ThinkTag[], { start }: ThinkTag): boolean {
  const lineStart = Math.max(content.lastIndexOf('\n', start) + 1, tags.at(-2)?.end ?? 0)
  return content.slice(lineStart, start).trim() !== ''
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
