import { contentText } from '../../../router/reading/assistant-message.ts'
import type { ModelReply } from '../../loop/model.ts'
import { VisibleText } from './visible-text.ts'

/** Hands the visible text of a reply on, once, in whichever way it came: as it came in, and at the end what is missing. */
export class ShownText {
  readonly #onText: (text: string) => void
  readonly #visible = new VisibleText()
  /** How much of the content was taken in, and the last piece of that. */
  #length = 0
  #last = ''

  constructor(onText: (text: string) => void) {
    this.#onText = onText
  }

  add(content: string): void {
    if (content === '') return
    this.#length += content.length
    this.#last = content
    this.#show(this.#visible.push(content))
  }

  end({ message }: ModelReply): void {
    const content = contentText(message.content)
    // A last frame may word the content anew: what was shown of the old one stays.
    const goesOn = content.startsWith(this.#last, this.#length - this.#last.length)
    const rest = goesOn ? content.slice(this.#length) : ''
    this.#show(this.#visible.push(rest) + this.#visible.end())
  }

  #show(text: string): void {
    if (text === '') return
    try {
      this.#onText(text)
    } catch {
      // A listener that throws must not cost a reply that was paid for.
    }
  }
}
