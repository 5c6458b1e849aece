const tag = /<(\/?)(?:mm:)?think>/g

/**
 * A reply's text without its `<think>` parts. A part that is never closed reaches to the end; a closer without an opener
 * ends a part that began before the text did.
 */
export function withoutThinking(content: string): string {
  if (!content.includes('think>')) return content
  let visible = ''
  let position = 0
  let isThought = false
  let isFirst = true
  for (const match of content.matchAll(tag)) {
    const isCloser = match[1] === '/'
    if (isCloser || !isThought) {
      // Only a closer that comes first ends hidden text: later ones follow text that was visible already.
      if (!isThought && !(isCloser && isFirst)) visible += content.slice(position, match.index)
      position = match.index + match[0].length
      isThought = !isCloser
    }
    isFirst = false
  }
  return isThought ? visible : visible + content.slice(position)
}
