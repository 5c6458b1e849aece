import { type AssistantMessage, contentText } from './assistant-message.ts'
import { JsonCallScan } from './json-call-scan.ts'
import { readText, type TextOptions } from './read-reply.ts'
import type { TextScan } from './text-format.ts'

/**
 * The visible text of a reply that is streamed. All returned texts joined are exactly the `text` of its {@link Reading}:
 * no thinking, and nothing of what is read as a call.
 *
 * Prose is returned as it arrives. From the first character on that may begin a call, text is held back until it is
 * decided, at the latest at the end, where the complete reply is read by the same rules as in the loop.
 *
 *   push('<think>Hm.</think>I lo')   'I lo'
 *   push('ok. {"na')                 'ok.'         the object may be a call
 *   push('me":"ping","input":{}}')   ''            it is one if nothing follows
 *   end(message)                     ''            it was one
 *
 * One exception: if a model closes thinking that it never opened, its text was shown before that could be known. It cannot
 * be taken back, so the text of the reply follows it.
 */
export class ReplyTextStream {
  readonly #options: TextOptions
  readonly #format: TextScan | undefined
  #json = new JsonCallScan()
  /** The content so far, in pieces, because it is rarely needed. */
  readonly #pieces: string[] = []
  /** The part of the reply's text that was returned, and blanks after it: the text of a reply is trimmed. */
  #returned = ''
  #blanks = ''
  /** Thinking was returned, which the text of the reply must not run into. */
  #followsThinking = false

  constructor(options: TextOptions) {
    this.#options = options
    this.#format = options.textFormat?.scan(() => {
      this.#json = new JsonCallScan()
      this.#followsThinking ||= this.#returned !== ''
      this.#returned = ''
    })
  }

  /** Takes the next piece of the content. Returns text to show, which may be empty. */
  push(piece: string): string {
    this.#pieces.push(piece)
    const visible = this.#format === undefined ? piece : this.#format.push(piece)
    const certain = this.#json.push(visible)
    if (certain === '') return ''
    if (this.#returned !== '' && this.#blanks === '' && endsInText(certain)) {
      this.#returned += certain
      return certain
    }
    const ended = certain.trimEnd()
    if (ended === '') {
      this.#blanks += certain
      return ''
    }
    const text = this.#blanks + ended
    this.#blanks = certain.slice(ended.length)
    if (this.#returned !== '') {
      this.#returned += text
      return text
    }
    this.#returned = text.trimStart()
    return this.#followsThinking ? text : this.#returned
  }

  /** Takes the complete message. Returns the rest of its text. */
  end(message: AssistantMessage): string {
    const text = readText(message, this.#options)
    // Much faster than `startsWith`, which compares character by character.
    if (text.slice(0, this.#returned.length) === this.#returned) return text.slice(this.#returned.length)
    // Either all that was shown was thinking, or the last frame words the content differently. What was shown stays.
    return contentText(message.content).startsWith(this.#pieces.join('')) ? text : ''
  }
}

/** Whether a text ends in a printable ASCII character. Most pieces do, and none of their blanks must be kept back then. */
function endsInText(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last > 0x20 && last < 0x7f
}
