/** One tag of thinking: `<think>`, `</think>`, or M3's own `<mm:think>`. */
export interface ThinkTag {
  readonly isCloser: boolean
  readonly start: number
  readonly end: number
}

/** The end of a tag of thinking, in the spellings of all models. */
const spelling = /<\/?(?:mm:)?think(?:ing)?\s{0,2}>$/i
const longest = '</mm:thinking  >'.length

/** The tag of thinking that ends with the `>` at `last`. */
export function thinkTagAt(content: string, last: number): ThinkTag | undefined {
  const near = content.slice(Math.max(0, last + 1 - longest), last + 1)
  if (!spelling.test(near)) return undefined
  const start = last + 1 - near.length + near.lastIndexOf('<')
  // In quotes or in code it is spoken of.
  const before = content[start - 1]
  if (before === content[last + 1] && (before === '"' || before === "'" || before === '`')) return undefined
  return { isCloser: content[start + 1] === '/', start, end: last + 1 }
}

/** The tags of thinking in a text, in order. */
export function thinkTags(content: string): readonly ThinkTag[] {
  return scanThinking(content).tags
}

export interface ThinkScan {
  readonly tags: readonly ThinkTag[]
  /** No other tag ends in the text, whatever its kind. */
  readonly isAll: boolean
}

/**
 * Looks for the tags of thinking by their last character, which most texts do not hold: a search for one character runs
 * at the speed of memory, one for a pattern at that of `JSON.parse`.
 */
export function scanThinking(content: string): ThinkScan {
  let last = content.indexOf('>')
  if (last === -1) return noTags
  const tags: ThinkTag[] = []
  let isAll = true
  for (; last !== -1; last = content.indexOf('>', last + 1)) {
    const tag = thinkTagAt(content, last)
    if (tag === undefined) isAll = false
    else tags.push(tag)
  }
  // A thought begins a line, or is closed: an opener that does neither is spoken of.
  const final = tags.at(-1)
  if (final !== undefined && !final.isCloser && isMidLine(content, tags, final)) tags.pop()
  return { tags, isAll }
}

const noTags: ThinkScan = { tags: [], isAll: true }

function isMidLine(content: string, tags: readonly ThinkTag[], { start }: ThinkTag): boolean {
  const lineStart = Math.max(content.lastIndexOf('\n', start) + 1, tags.at(-2)?.end ?? 0)
  return content.slice(lineStart, start).trim() !== ''
}

/**
 * A reply's text without its `<think>` parts. A part that is never closed reaches to the end; a closer without an opener
 * ends a part that began before the text did.
 */
export function withoutThinking(content: string, tags = thinkTags(content)): string {
  let visible = ''
  let position = 0
  let isThought = false
  for (const { isCloser, start, end } of tags) {
    // Only a closer that comes first ends hidden text: later ones follow text that was visible already.
    if (!isThought && !(isCloser && position === 0)) visible += content.slice(position, start)
    isThought = !isCloser
    position = end
  }
  return isThought ? visible : visible + content.slice(position)
}
