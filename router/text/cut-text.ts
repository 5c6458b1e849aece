/** A text whose middle was left out. */
export interface CutText {
  /** The beginning. */
  readonly head: string
  /** The end. */
  readonly tail: string
  /** How much was left out, in `unit`. */
  readonly left: number
  /** How much the whole text has, in `unit`. */
  readonly total: number
  /** The text is cut between lines, or, if a line is too long for that, between characters. */
  readonly unit: 'lines' | 'bytes'
}

/**
 * Leaves out the middle of a text, between lines if possible.
 *
 * @param room longest head and tail together, in the unit of `measure`.
 * @param measure length of a part in bytes: of the text itself, or of the text as JSON.
 */
export function cutText(text: string, room: number, measure: (part: string) => number): CutText {
  const first = partWithin(beginning, text, Math.ceil((room * 2) / 3), measure)
  const rest = text.slice(first.length)
  const last = partWithin(end, rest, room - measure(first), measure)
  const head = first.slice(0, first.lastIndexOf('\n') + 1)
  const startsAtLine = rest.at(-last.length - 1) === '\n'
  const lineStart = startsAtLine ? 0 : last.indexOf('\n') + 1
  const tail = lineStart === 0 && !startsAtLine ? '' : last.slice(lineStart)
  if (head === '' && tail === '') {
    const total = Buffer.byteLength(text)
    const left = total - Buffer.byteLength(first) - Buffer.byteLength(last)
    return { head: first, tail: last, left, total, unit: 'bytes' }
  }
  const total = countLines(text)
  return { head, tail, left: total - countLines(head) - countLines(tail), total, unit: 'lines' }
}

function beginning(text: string, length: number): string {
  return text.slice(0, isPair(text, length) ? length - 1 : length)
}

function end(text: string, length: number): string {
  const at = Math.max(0, text.length - length)
  return text.slice(isPair(text, at) ? at + 1 : at)
}

/** Whether a character that takes two code units is at a place where a text is cut. */
function isPair(text: string, at: number): boolean {
  return /[\ud800-\udbff]/.test(text.charAt(at - 1)) && /[\udc00-\udfff]/.test(text.charAt(at))
}

/** The longest beginning or end whose measure is at most `most`, roughly: at least nine tenths of it. */
function partWithin(
  part: (text: string, length: number) => string,
  text: string,
  most: number,
  measure: (part: string) => number,
): string {
  let length = Math.max(0, most)
  for (;;) {
    const taken = part(text, length)
    const size = measure(taken)
    if (size <= most || taken === '') return size <= most ? taken : ''
    length = Math.min(length - 1, Math.floor((length * most) / size))
  }
}

/** Lines of a text. A line break at its end begins no further line. */
function countLines(text: string): number {
  let count = 0
  let at = text.indexOf('\n')
  for (; at !== -1; at = text.indexOf('\n', at + 1)) count++
  return text === '' || text.endsWith('\n') ? count : count + 1
}
