import { escaped, tagToken, wrapperNames } from './tags.ts'

/*
 * Where markup may begin. Reading and streaming share this: a content without a start of markup is not read for calls, and
 * everything before the start can be shown while the rest is still to come.
 */

/** Beginnings of markup that count anywhere in a line. */
const starts = [
  ...[...wrapperNames, 'invoke', 'parameter'].flatMap((name) => [`<${name}`, `</${name}`]),
  // Some replies end in the middle of a tag.
  ...['<minimax:', '</minimax:'],
  ...['[TOOL_CALL]', '[/TOOL_CALL]'],
  // Special tokens of the raw model; the first one announces each tag in the markup of M3.
  ...[tagToken, ']~b]', ']~!b[', '[e~['],
]

/** Beginnings of markup that count only at the start of a line: some parsers drop the opening brackets of tags. */
const bracketlessStarts = ['invoke name=', 'minimax:tool_call>'] as const
const [bracketlessInvoke, bracketlessWrapper] = bracketlessStarts
const lineStart = '(?:^|\\n)[ \\t]{0,20}'
const bracketlessStart = new RegExp(`${lineStart}(?:${bracketlessStarts.join('|')})`)

/** A complete tag without its opening bracket, at the start of a line. */
export const bracketlessTag = new RegExp(`${lineStart}(?:${bracketlessInvoke}[^<>\\n]{0,400}>|${bracketlessWrapper})`)

const anyStart = new RegExp(starts.map(escaped).join('|'), 'y')

const firstCharacters = ['<', '[', ']']
const firstCharacter = /[<[\]]/

/** Index of the first markup in a text; -1 if no markup begins in it. */
export function startOfMarkup(text: string): number {
  let start = bracketlessStarts.some((one) => text.includes(one)) ? text.search(bracketlessStart) : -1
  for (const first of firstCharacters) {
    // A search for one character runs at the speed of memory; one for the pattern takes as long as parsing JSON.
    for (let at = text.indexOf(first); at !== -1 && (start === -1 || at < start); at = text.indexOf(first, at + 1)) {
      anyStart.lastIndex = at
      if (anyStart.test(text)) start = at
    }
  }
  return start
}

/** Whether markup may begin in a text, by single characters: a quick check for the pieces of a stream, most of which are prose. */
export function mayStartMarkup(text: string): boolean {
  return text.includes('<') || text.includes('[') || text.includes(']') || mayStartLine(text)
}

/** Whether a line in a text begins with the first letter of a bracketless start, or the text ends before that letter. */
function mayStartLine(text: string): boolean {
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    let first = at + 1
    while (text[first] === ' ' || text[first] === '\t') first++
    const letter = text[first]
    if (letter === undefined || letter === bracketlessInvoke[0] || letter === bracketlessWrapper[0]) return true
  }
  return false
}

const beginnings: ReadonlySet<string> = new Set(
  starts.flatMap((start) => Array.from(start, (_, index) => start.slice(0, index + 1))),
)
const maxStartLength = Math.max(...starts.map(({ length }) => length))

/** Number of characters at the end of a text that may be the beginning of markup. */
export function lengthOfMarkupBeginning(text: string): number {
  const lineBreak = text.lastIndexOf('\n')
  // Long enough for all blanks that are allowed before markup, and its beginning.
  if (lineBreak !== -1 && text.length - lineBreak < 40) {
    const beginning = text.slice(lineBreak + 1).trimStart()
    if (bracketlessStarts.some((start) => start.startsWith(beginning))) return text.length - lineBreak
  }
  const end = text.slice(-maxStartLength)
  for (let at = end.search(firstCharacter); at !== -1 && at < end.length; at++) {
    if (beginnings.has(end.slice(at))) return end.length - at
  }
  return 0
}
