const opener = /<(?:mm:)?think>/g
const closer = /<\/(?:mm:)?think>/g

/**
 * A reply's text without its `<think>` parts. A part that is never closed reaches to the end; a closer without an opener
 * ends a part that began before the text did.
 */
export function withoutThinking(content: string): string {
  if (!content.includes('think>')) return content
  const visible: string[] = []
  let position = 0
  for (;;) {
    opener.lastIndex = position
    closer.lastIndex = position
    const open = opener.exec(content)
    const close = closer.exec(content)
    if (close !== null && (open === null || close.index < open.index)) {
      // Only the first stray closer ends hidden text: later ones follow text that was already visible.
      if (position === 0) visible.length = 0
      else visible.push(content.slice(position, close.index))
      position = closer.lastIndex
      continue
    }
    if (open === null) return visible.concat(content.slice(position)).join('')
    visible.push(content.slice(position, open.index))
    closer.lastIndex = opener.lastIndex
    if (closer.exec(content) === null) return visible.join('')
    position = closer.lastIndex
  }
}
