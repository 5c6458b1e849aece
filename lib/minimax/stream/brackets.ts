/** Counts the brackets of a JSON text that comes in pieces, those in strings apart. */
export class Brackets {
  #depth = 0
  #isInString = false
  #isEscaped = false
  #any = false

  /** A value was opened and closed. */
  get areClosed(): boolean {
    return this.#any && this.#depth === 0
  }

  push(piece: string): void {
    for (let index = 0; index < piece.length; index++) this.#step(piece.charCodeAt(index))
  }

  #step(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (this.#isInString) {
      this.#isEscaped = code === 0x5c
      this.#isInString = code !== 0x22
    } else if (code === 0x22) this.#isInString = true
    // Brackets and braces differ in one bit.
    else if ((code | 0x20) === 0x7b) {
      this.#depth++
      this.#any = true
    } else if ((code | 0x20) === 0x7d) this.#depth--
  }
}
