import { type Masked, mask } from './mask.ts'
import { quotedAt } from './quoted-text.ts'
import { isFigure, isNoSecret, isProse } from './secret-values.ts'

/** More than any list of credentials takes: what is longer was cut off, or its brackets are no JSON. */
const longest = 16_384

const colonBehind = /\\{0,31}["'`]?\s{0,4}:/y
const bare = /[^\s,:[\]{}"'`\\]+/y
/** A line that does not go on with JSON or YAML was not meant to be part of the list. */
const otherLine = /\n\s{0,80}[^\s[\]{}"'`\\\d-]/y

/** A list or an object behind the name of a secret: every value in it is masked, the names of its members are kept. */
export function maskItems(text: string, from: number, word: string): Masked {
  const limit = Math.min(text.length, from + longest)
  let shown = ''
  let depth = 0
  let at = from
  do {
    const quoted = quotedAt(text, at)
    if (quoted !== undefined) {
      const value = text.slice(quoted.from, quoted.to)
      const kept = isAt(colonBehind, text, quoted.to) || isNoSecret(value, word, 'certain')
      shown += text.slice(at, quoted.from) + (kept ? value : mask) + text.slice(quoted.to, quoted.end)
      at = quoted.end
    } else if (text.startsWith(mask, at)) {
      shown += mask
      at += mask.length
    } else if (isAt(bare, text, at)) {
      const value = text.slice(at, bare.lastIndex)
      at = bare.lastIndex
      const kept = isAt(colonBehind, text, at) || isProse(value) || isFigure(value, false)
      shown += kept ? value : mask
    } else {
      const character = text.charAt(at)
      if (character === '[' || character === '{') depth++
      if (character === ']' || character === '}') depth--
      shown += character
      at++
    }
  } while (depth > 0 && at < limit && !isAt(otherLine, text, at))
  return { from, to: at, shown }
}

function isAt(pattern: RegExp, text: string, position: number): boolean {
  pattern.lastIndex = position
  return pattern.test(text)
}
