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
export interface ThinkTag {
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
export function thinkTags(content: string): readonly ThinkTag[] {
  const scan = new ThinkingScan()
  scan.end(content)
  return scan.tags
}

/** The visible text of a complete content. Thinking that is never closed reaches to the end. */
export function withoutThinking(content: string): string {
  return new ThinkingScan().end(content)
}
