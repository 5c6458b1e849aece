const thinking = ['<think>', '<mm:think>', '</think>', '</mm:think>']
/** Where leaked tool markup begins: from there on nothing is meant for the reader. */
const markup = ['<minimax:tool_call>', ']<]minimax[>[', '[TOOL_CALL]']
const all = [...thinking, ...markup]
const longest = Math.max(...all.map((tag) => tag.length))

/** The visible part of a text that comes in pieces, in which a tag may be split over two. */
export class VisibleText {
  /** The end of the last piece, which may be the beginning of a tag. */
  #held = ''
  #thinks = false
  #over = false

  /** Returns what can be shown now. */
  push(piece: string): string {
    let text = this.#held + piece
    let visible = ''
    while (!this.#over) {
      const next = firstTag(text)
      if (next === undefined) {
        const end = beginningOfTag(text)
        this.#held = text.slice(end)
        return this.#thinks ? visible : visible + text.slice(0, end)
      }
      if (!this.#thinks) visible += text.slice(0, next.index)
      this.#over = !this.#thinks && markup.includes(next.tag)
      if (thinking.includes(next.tag)) this.#thinks = !next.tag.startsWith('</')
      text = text.slice(next.index + next.tag.length)
    }
    this.#held = ''
    return visible
  }

  /** Returns what was held back and turned out to be no tag. */
  end(): string {
    const held = this.#thinks || this.#over ? '' : this.#held
    this.#held = ''
    return held
  }
}

function firstTag(text: string): { readonly tag: string; readonly index: number } | undefined {
  const found = all.map((tag) => ({ tag, index: text.indexOf(tag) })).filter(({ index }) => index !== -1)
  return found.length === 0 ? undefined : found.reduce((first, next) => (next.index < first.index ? next : first))
}

/** Where a tag may begin that the text breaks off in; its length where none does. */
function beginningOfTag(text: string): number {
  for (let index = Math.max(0, text.length - longest + 1); index < text.length; index++) {
    if (all.some((tag) => tag.startsWith(text.slice(index)))) return index
  }
  return text.length
}
