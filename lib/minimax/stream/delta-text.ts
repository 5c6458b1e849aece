/**
 * A text that comes in deltas. By the documents a delta is an increment; some servers send all of the text so far in each.
 *
 * Both readings are kept for as long as every delta begins with the one before. The second one stands where that happened
 * too often for a coincidence, and where the text does not repeat itself anyway, as a line of dashes does.
 */
export class DeltaText {
  /** How many repeated characters are no coincidence. */
  readonly #enough: number
  /** The deltas one after another, and the last one: the text in either reading. */
  #joined = ''
  #last = ''
  #reading: 'undecided' | 'increments' | 'cumulative' = 'undecided'
  /** How many deltas went on where the one before ended, and how much of them had come before. */
  #extensions = 0
  #repeated = 0
  /** How much of the text was certain so far. */
  #certain = 0

  constructor(enough = 6) {
    this.#enough = enough
  }

  get text(): string {
    return this.#isCumulative() ? this.#last : this.#joined
  }

  /** Returns what is new in the delta, as far as it is certain: the rest becomes so by a later one, or at the end. */
  push(delta: string): string {
    if (delta === '') return ''
    if (this.#reading === 'increments') {
      this.#joined += delta
      return delta
    }
    if (this.#reading === 'cumulative') this.#last = delta.startsWith(this.#last) ? delta : this.#last + delta
    else this.#weigh(delta)
    return this.#newlyCertain()
  }

  #weigh(delta: string): void {
    const known = this.#last
    this.#joined += delta
    this.#last = delta
    if (!delta.startsWith(known)) this.#reading = 'increments'
    else if (known !== '' && delta.length > known.length) {
      this.#extensions++
      this.#repeated += known.trim().length
      // So much that the end need not be waited for.
      if (this.#extensions > 2 && this.#repeated > 32 && !isPeriodic(delta)) this.#reading = 'cumulative'
    }
  }

  #newlyCertain(): string {
    if (this.#reading === 'undecided' && this.#certain > 0) return ''
    const text = this.#reading === 'increments' ? this.#joined : this.#last
    const fresh = text.slice(this.#certain)
    this.#certain = text.length
    return fresh
  }

  #isCumulative(): boolean {
    if (this.#reading !== 'undecided') return this.#reading === 'cumulative'
    if (this.#extensions === 0) return false
    // Several short repetitions are as telling as a long one.
    const isTelling = this.#repeated + 2 * (this.#extensions - 1) >= this.#enough
    return isTelling && !isPeriodic(this.#last)
  }
}

/** Whether a text is one part again and again. Linear: by the longest end of each beginning that is a beginning, too. */
function isPeriodic(text: string): boolean {
  const borders = new Int32Array(text.length)
  let length = 0
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    while (length > 0 && code !== text.charCodeAt(length)) length = borders[length - 1] ?? 0
    if (code === text.charCodeAt(length)) length++
    borders[index] = length
  }
  return 2 * length >= text.length
}
