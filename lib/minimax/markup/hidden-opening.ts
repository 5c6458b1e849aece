import { type HiddenPart, isQuote, longestTag, markup, request, thought } from './hidden-part.ts'
import { tagToken } from './tags.ts'
import { thinkTagAt } from './thinking.ts'

/** What stands before a place in a text. */
export interface Surroundings {
  /** The character before it; empty at the beginning. */
  readonly before: string
  /** Text stands before it on its line. */
  readonly isMidLine: boolean
  /** It is the place of a value inside of a JSON object or array. */
  readonly isMember: boolean
}

/** What begins at a place: text, or what cannot be told yet, or what is left out, and the hidden part behind it. */
export type Opening =
  | 'text'
  | 'undecided'
  | { readonly end: number; readonly part?: HiddenPart; readonly isTag?: boolean; readonly isDoubtful?: boolean }

/** The characters that something hidden begins with, where the next one does not rule it out. */
export const openings = /<(?=[/tmif]|$)|\](?=<|$)|\[(?=T|$)|\{(?=[\s"'tf]|$)|`(?=``|`?$)/gi

/** Whether a text holds such a character at all: most do not, and a search for one runs at the speed of memory. */
export function mayOpen(text: string): boolean {
  return text.includes('<') || text.includes('[') || text.includes('{') || text.includes('`') || text.includes(']')
}

/**
 * What begins at a suspicious character, by the rules by which the router reads: what stands in quotes or in code is
 * spoken of, and names that are ordinary words are markup only where they begin a line.
 */
export function openingAt(text: string, at: number, surroundings: Surroundings, isFinal: boolean): Opening {
  switch (text[at]) {
    case '<':
      return first(thinkTag(text, at, surroundings, isFinal), () => markupTag(text, at, surroundings, isFinal))
    case ']':
      return tokenTag(text, at, surroundings, isFinal)
    case '[':
      return bracketTag(text, at, surroundings, isFinal)
    default:
      return envelope(text, at, surroundings, isFinal)
  }
}

function first(opening: Opening, next: () => Opening): Opening {
  return opening === 'text' ? next() : opening
}

const thinkTags = ['<think>', '</think>', '<thinking>', '</thinking>'].flatMap((tag) => [
  tag,
  tag.replace('think', 'mm:think'),
])

function thinkTag(text: string, at: number, { before, isMidLine }: Surroundings, isFinal: boolean): Opening {
  const near = text.slice(at, at + longestTag + 1)
  const last = near.indexOf('>')
  if (last === -1) {
    const beginning = near.trimEnd().toLowerCase()
    const isCut = !isFinal && near.length <= longestTag && thinkTags.some((tag) => tag.startsWith(beginning))
    return isCut ? 'undecided' : 'text'
  }
  const isQuoted = isQuote(before)
  const tag = thinkTagAt(isQuoted ? before + near : near, isQuoted ? last + 1 : last)
  if (tag === undefined || tag.start !== (isQuoted ? 1 : 0)) return 'text'
  if (isQuoted && near.length === last + 1 && !isFinal) return 'undecided'
  const end = at + last + 1
  if (tag.isCloser) return { end, isTag: true }
  // A thought begins a line, or is closed: an opener that does neither is spoken of.
  return isMidLine
    ? { end, part: thought('any tag'), isTag: true, isDoubtful: true }
    : { end, part: thought('closer'), isTag: true }
}

const ownTags = ['<minimax:tool_call>', '<minimax:tool_calls>']
const commonTags = ['<tool_call>', '<tool_calls>', '<function_calls>']
const invoke = '<invoke name='
const wrapperCloser = /<\/(?:minimax:)?(?:tool_calls?|function_calls)>/g
const invokeCloser = /<\/invoke\s{0,2}>/g

function markupTag(text: string, at: number, { before, isMidLine }: Surroundings, isFinal: boolean): Opening {
  if (isQuote(before)) return 'text'
  const found = literalAt(text, at, isMidLine ? ownTags : [...ownTags, ...commonTags, invoke], isFinal)
  if (found === 'undecided' || found === 'text') return found
  const end = at + found.length
  return found === invoke ? { end, part: markup(invokeCloser) } : wrapper(text, end, '<{[', wrapperCloser, isFinal)
}

/** What stands around calls: it is spoken of, unless one begins behind it, or nothing follows. */
function wrapper(text: string, end: number, bodies: string, closer: RegExp, isFinal: boolean): Opening {
  const next = text.slice(end, end + 21).trimStart()
  if (next === '' && text.length <= end + 20 && !isFinal) return 'undecided'
  return next === '' || bodies.includes(next.slice(0, 1)) ? { end, part: markup(closer) } : 'text'
}

const tokenWrappers = ['<tool_call', '<minimax:tool_call', 'tool_call', 'minimax:tool_call'].map(
  (tag) => tagToken + tag,
)
const tokenInvokes = ['<invoke', 'invoke'].map((tag) => tagToken + tag)
const tokenTags = [...tokenWrappers, ...tokenInvokes]
const tokenWrapperCloser = /\]<\]minimax\[>\[<?\/(?:minimax:)?tool_call\s{0,2}>/g
const tokenInvokeCloser = /\]<\]minimax\[>\[<?\/invoke\s{0,2}>/g

function tokenTag(text: string, at: number, { before }: Surroundings, isFinal: boolean): Opening {
  if (isQuote(before)) return 'text'
  const found = literalAt(text, at, tokenTags, isFinal)
  if (found === 'undecided') return found
  if (found === 'text') {
    if (!text.startsWith(tagToken, at)) return 'text'
    // By itself the token means nothing to a reader, and nobody speaks of it; at the end, a tag may be cut off.
    const rest = text.slice(at, at + 40)
    return { end: tokenTags.some((tag) => tag.startsWith(rest)) ? text.length : at + tagToken.length }
  }
  const closer = tokenInvokes.includes(found) ? tokenInvokeCloser : tokenWrapperCloser
  return { end: at + found.length, part: markup(closer) }
}

const bracketOpener = '[TOOL_CALL]'
const bracketCloser = /\[\/TOOL_CALL\]/g

function bracketTag(text: string, at: number, { before }: Surroundings, isFinal: boolean): Opening {
  if (isQuote(before)) return 'text'
  const found = literalAt(text, at, [bracketOpener], isFinal)
  if (found === 'undecided' || found === 'text') return found
  return wrapper(text, at + found.length, '{', bracketCloser, isFinal)
}

const key = /["']?(?:tool_calls?|toolCalls|tool_uses|function_calls?)["']?\s{0,20}:\s{0,20}/i.source
const requestOpening = new RegExp(`(\`{3,10}\\w{0,20}\\s{0,20})?\\{\\s{0,20}${key}(?=[[{])`, 'iy')
const beginningOfRequest =
  /^(?:`{1,10}$|`{3,10}\w{0,20}\s{0,20}$|(?:`{3,10}\w{0,20}\s{0,20})?\{\s{0,20}(?:["']?\w{0,14}(?:["']?\s{0,20}(?::\s{0,20})?)?)?$)/

/** `{"tool_calls":[…]}`, fenced or not: the form in which calls are asked for where there are no native ones. */
function envelope(text: string, at: number, { before, isMember }: Surroundings, isFinal: boolean): Opening {
  if (isMember || isQuote(before)) return 'text'
  requestOpening.lastIndex = at
  const found = requestOpening.exec(text)
  if (found === null) {
    return !isFinal && beginningOfRequest.test(text.slice(at, at + 140)) ? 'undecided' : 'text'
  }
  const [, fence = ''] = found
  return { end: at + fence.length, part: request(fence !== '') }
}

/** Which of some literal texts stands at a place. */
function literalAt(text: string, at: number, literals: readonly string[], isFinal: boolean): string {
  const found = literals.find((literal) => text.startsWith(literal, at))
  if (found !== undefined) return found
  const near = text.slice(at, at + 40)
  return !isFinal && literals.some((literal) => literal.startsWith(near)) ? 'undecided' : 'text'
}
