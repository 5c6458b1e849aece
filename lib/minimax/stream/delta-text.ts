/**
 * A text that comes in deltas. By the documents a delta is an increment; captures also show deltas that carry the whole
 * text so far, and last deltas that repeat it. What begins with all that is known is taken for the latter.
 */
export class DeltaText {
  #text = ''
  #count = 0

  get text(): string {
    return this.#text
  }

  /** Returns what is new in the delta. */
  push(delta: string): string {
    if (delta === '') return ''
    const known = this.#text
    this.#count++
    if (isRepeated(known, delta, this.#count)) {
      this.#text = delta
      return delta.slice(known.length)
    }
    this.#text = known + delta
    return delta
  }
}

function isRepeated(known: string, delta: string, count: number): boolean {
  if (delta.length < known.length || known === '') return false
  // Two equal first increments are no rarity ("ha", "ha"); one that equals several together is.
  if (delta.length === known.length && count <= 2) return false
  // Nor are increments that begin alike out of digits, blanks or marks: "1", "10".
  return delta.startsWith(known) && (/\p{L}/u.test(known) || known.trim().length >= 4)
}
