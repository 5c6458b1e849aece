import type { ActiveRun } from './run-state.ts'

/**
 * Reports the visible text of one reply as `text-delta` and `text-reset` events. The pieces since the last reset, joined,
 * are the text of the reply in the end, whatever the model passed on before.
 */
export class ReplyText {
  readonly #run: ActiveRun
  readonly #round: number
  #attempt = 1
  #shown = ''
  #isClosed = false

  constructor(run: ActiveRun, round: number) {
    this.#run = run
    this.#round = round
  }

  /** Takes the next piece from a model that streams. Nothing is reported after the model call or the run has ended. */
  add(text: string): void {
    // Anyone can write a model, so the text may be something else.
    if (this.#isClosed || typeof text !== 'string' || this.#run.deadline.interruption !== undefined) return
    this.#report(text)
  }

  /** The reply failed, and the request is sent again. */
  startAgain(): void {
    if (this.#shown !== '') this.#run.recorder.emit({ type: 'text-reset', round: this.#round, attempt: this.#attempt })
    this.#shown = ''
    this.#attempt++
  }

  /** The model call is over. What the model passes on after that is ignored. */
  close(): void {
    this.#isClosed = true
  }

  /** Reports what is missing of the text of the reply. If other text was shown, that is dropped first. */
  complete(text: string): void {
    // Much faster than `startsWith`, which compares character by character.
    if (text.slice(0, this.#shown.length) !== this.#shown) this.startAgain()
    this.#report(text.slice(this.#shown.length))
  }

  #report(text: string): void {
    if (text === '') return
    this.#shown += text
    this.#run.recorder.emit({ type: 'text-delta', round: this.#round, attempt: this.#attempt, text })
  }
}
