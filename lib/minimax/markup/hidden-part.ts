import { type ThinkTag, thinkTagAt } from './thinking.ts'

/** A part of a reply's text that is not meant for its reader. It is walked through as it comes. */
export interface HiddenPart {
  /**
   * Index behind the part's end; -1 where the text does not hold it. The part is looked at from `from` on; the text before
   * `fresh` was looked at before, and is there again as far as `kept` goes. Nothing comes behind a final text.
   */
  endIn(text: string, from: number, fresh: number, isFinal: boolean): number
  /** How many characters at the end of a text may belong to what ends the part. */
  readonly kept: number
  readonly isThought: boolean
}

/** The longest tag of thinking, with blanks. */
export const longestTag = '</mm:thinking  >'.length

/** Thinking, to its closing tag; or to any tag of thinking. */
export function thought(endsWith: 'closer' | 'any tag'): HiddenPart {
  return {
    // The tag, and the characters that quote it.
    kept: longestTag + 1,
    isThought: true,
    endIn(text, from, fresh, isFinal) {
      // A tag that was there before is seen again only where what stands behind it was still to come.
      for (let last = text.indexOf('>', Math.max(from, fresh - 1)); last !== -1; last = text.indexOf('>', last + 1)) {
        const tag = thinkTagAt(text, last)
        if (tag === undefined || tag.start < from) continue
        if (!isFinal && isPerhapsQuoted(text, tag)) return -1
        if (tag.isCloser || endsWith === 'any tag') return tag.end
      }
      return -1
    },
  }
}

/** A quote stands before the tag, and what stands behind it is still to come. */
function isPerhapsQuoted(text: string, { start, end }: ThinkTag): boolean {
  return end === text.length && isQuote(text[start - 1])
}

export function isQuote(character: string | undefined): boolean {
  return character === '"' || character === "'" || character === '`'
}

/** Markup of calls, to what closes it. */
export function markup(closer: RegExp): HiddenPart {
  return {
    kept: 48,
    isThought: false,
    endIn(text, from) {
      closer.lastIndex = from
      return closer.test(text) ? closer.lastIndex : -1
    },
  }
}

/** A JSON object that asks for calls, and the fence that closes it. */
export function request(isFenced: boolean): HiddenPart {
  let depth = 0
  let isInString = false
  let isEscaped = false
  let state: 'json' | 'behind' | 'fence' = 'json'
  const step = (character: string): 'on' | 'end' | 'end before' => {
    if (state !== 'json') {
      if (character === '`') state = 'fence'
      else if (state === 'fence' || character.trim() !== '') return 'end before'
      return 'on'
    }
    if (isEscaped) isEscaped = false
    else if (isInString) {
      isEscaped = character === '\\'
      isInString = character !== '"'
    } else if (character === '"') isInString = true
    else if (character === '{' || character === '[') depth++
    else if ((character === '}' || character === ']') && --depth === 0) {
      if (!isFenced) return 'end'
      state = 'behind'
    }
    return 'on'
  }
  return {
    kept: 1,
    isThought: false,
    endIn(text, from, fresh) {
      for (let index = Math.max(from, fresh); index < text.length; index++) {
        const outcome = step(text[index] ?? '')
        if (outcome !== 'on') return outcome === 'end' ? index + 1 : index
      }
      return -1
    },
  }
}
