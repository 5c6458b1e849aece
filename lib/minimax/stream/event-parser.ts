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
    this.#takeLine(this.#line + text.slice(0, end))
    let start = end + 1
    for (end = text.indexOf('\n', start); end !== -1; end = text.indexOf('\n', start)) {
      if (end === start) this.#dispatch()
      else this.#takeLine(text.slice(start, end))
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

  #takeLine(line: string): void {
    if (line === '') this.#dispatch()
    else if (line.startsWith('data:')) {
      const value = fieldValue(line, 5)
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    } else if (line.startsWith('event:')) this.#event = fieldValue(line, 6)
  }

  #dispatch(): void {
    const [data, event] = [this.#data, this.#event]
    this.#data = undefined
    this.#event = undefined
    if (data !== undefined) this.#onEvent(data, event)
  }
}

/** One blank behind the colon belongs to the notation. */
function fieldValue(line: string, start: number): string {
  return line.slice(line[start] === ' ' ? start + 1 : start)
}
