export interface Quoted {
  /** Where the text between the quotes begins and ends. */
  readonly from: number
  readonly to: number
  /** Behind the closing quote. */
  readonly end: number
}

const opening = /(?:[bfru]{1,2}(?=["']))?(\\{0,31})(["'`])/iy

/** A secret that is longer is a text that was cut off, or an apostrophe that was taken for a quote. */
const longest = 16_384

/**
 * The text in quotes that begins at a position. Quotes of JSON inside of JSON have backslashes before them, and are
 * closed by a quote with as many; one that is closed by none ends with its line.
 */
export function quotedAt(text: string, position: number): Quoted | undefined {
  opening.lastIndex = position
  const match = opening.exec(text)
  if (match === null) return undefined
  const [whole, { length: level } = '', quote = '"'] = match
  const from = position + whole.length
  const limit = Math.min(text.length, from + longest)
  for (let at = text.indexOf(quote, from); at !== -1 && at < limit; at = text.indexOf(quote, at + 1)) {
    const backslashes = backslashesBefore(text, at, from)
    if (closes(backslashes, level)) return { from, to: at - Math.min(level, backslashes), end: at + 1 }
  }
  const to = endOfLine(text, from)
  return { from, to, end: to }
}

/** A quote with further backslashes belongs to the text, unless these are backslashes of the text, each escaped. */
function closes(backslashes: number, level: number): boolean {
  return backslashes < level || (backslashes - level) % (2 * (level + 1)) === 0
}

function backslashesBefore(text: string, at: number, from: number): number {
  let first = at
  while (first > from && text[first - 1] === '\\') first--
  return at - first
}

export function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}
