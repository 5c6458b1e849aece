/**
 * Takes the text of server-sent events apart, in whatever pieces it comes: lines end in LF, CR or both, an empty one ends
 * an event. Only the fields `data` and `event` count here.
 */
export class EventParser {
  readonly #onEvent: (data: string, event: string | undefined) => void
  /** The beginning of a line whose end is still to come. */
  #line = ''
  #data: string | undefined
  #event: string | undefined
  #endedInReturn = false

  constructor(onEvent: (data: string, event: string | undefined) => void) {
    this.#onEvent = onEvent
  }

  feed(piece: string): void {
    const text = this.#endedInReturn || piece.includes('\r') ? this.#withoutReturns(piece) : piece
    let end = text.indexOf('\n')
    if (end === -1) {
      this.#line += text
      return
    }
    this.#takeLine(this.#line + text, 0, this.#line.length + end)
    let start = end + 1
    for (end = text.indexOf('\n', start); end !== -1; end = text.indexOf('\n', start)) {
      this.#takeLine(text, start, end)
      start = end + 1
    }
    this.#line = text.slice(start)
  }

  /** With LF for every end of a line; the LF of a CR at the end of the last piece is skipped. */
  #withoutReturns(piece: string): string {
    const text = this.#endedInReturn && piece.startsWith('\n') ? piece.slice(1) : piece
    if (piece !== '') this.#endedInReturn = piece.endsWith('\r')
    return text.replace(/\r\n?/g, '\n')
  }

  #takeLine(text: string, start: number, end: number): void {
    if (start === end) this.#dispatch()
    else if (text.startsWith('data:', start)) {
      const value = fieldValue(text, start + 5, end)
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    } else if (text.startsWith('event:', start)) this.#event = fieldValue(text, start + 6, end)
  }

  #dispatch(): void {
    const data = this.#data
    const event = this.#event
    this.#data = undefined
    this.#event = undefined
    if (data !== undefined) this.#onEvent(data, event)
  }
}

/** One blank behind the colon belongs to the notation. */
function fieldValue(text: string, start: number, end: number): string {
  return text.slice(text[start] === ' ' ? start + 1 : start, end)
}
