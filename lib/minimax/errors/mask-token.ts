const mask = '[redacted]'
/** So much of a token at the end of a text that breaks off is taken for all of it. */
const leastPrefix = 8
/** Backslashes before a character: JSON within JSON doubles them. */
const mostBackslashes = 8

/**
 * The text without the token, for errors: a server may quote the token that it refuses. It may do so in JSON within JSON
 * or in a URL, so that characters come escaped once or several times.
 */
export function maskToken(text: string, token: string): string {
  let masked = ''
  let done = 0
  for (let start = 0; start < text.length; start++) {
    const end = endOfToken(text, start, token)
    if (end === undefined) continue
    masked += text.slice(done, start) + mask
    done = end
    start = end - 1
  }
  return masked + text.slice(done)
}

/** All ways of reading are followed at once: a token may itself hold a `%` or a backslash. */
function endOfToken(text: string, start: number, token: string): number | undefined {
  let ends = [start]
  for (let index = 0; index < token.length; index++) {
    if (index >= leastPrefix && ends.includes(text.length)) return text.length
    const further = ends.flatMap((end) => afterCharacter(text, end, token.charAt(index)))
    if (further.length === 0) return undefined
    ends = [...new Set(further)]
  }
  return Math.max(...ends)
}

/** Where the text may go on behind a character: as it is, behind backslashes, as `\u002b`, or as `%2B`. */
function afterCharacter(text: string, start: number, character: string): readonly number[] {
  const ends: number[] = []
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
  if (isSame(text.slice(start, start + 3), `%${hex}`)) ends.push(start + 3)
  for (let at = start; at - start <= mostBackslashes; at++) {
    if (isSame(text.charAt(at), character)) ends.push(at + 1)
    if (at > start && isSame(text.slice(at, at + 5), `u00${hex}`)) ends.push(at + 5)
    if (text.charAt(at) !== '\\') break
  }
  return ends
}

function isSame(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase()
}
