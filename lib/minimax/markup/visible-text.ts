import { mayOpen, type Opening, openingAt, openings, type Surroundings } from './hidden-opening.ts'
import { type HiddenPart, thought } from './hidden-part.ts'

/**
 * The part of a reply's text that is meant for its reader: no thinking, no markup of calls, no requests in JSON. The text
 * may come in pieces, cut anywhere: what is shown of it in all is the same. One scan, forward; what cannot be told yet is
 * held back. A closing tag of thinking that was never opened comes too late for what stands before it.
 */
export class VisibleText {
  /** The end of what came: it may be the beginning of something hidden, or belong to what ends it. */
  #held = ''
  #hidden: HiddenPart | undefined
  /** A thought that opens in the middle of a line is one if another tag follows; else its tag was spoken of. */
  #doubtful: { readonly tag: string; rest: string } | undefined
  /** Text that was walked over since its end was looked at: what stands before a place is asked for but rarely. */
  #passed = ''
  /** The last character that was walked over. */
  #before = ''
  /** The last two that were no blanks. */
  #ink = ''
  #isMidLine = false

  /** Returns what can be shown now. */
  push(piece: string): string {
    const isPlain = this.#hidden === undefined && this.#held === '' && !mayOpen(piece)
    return isPlain ? this.#pass(piece) : this.#read(piece, false)
  }

  /** Returns what was held back and turned out to be text. */
  end(): string {
    const shown = this.#read('', true)
    if (this.#doubtful === undefined) return shown
    const { tag, rest } = this.#doubtful
    this.#doubtful = undefined
    this.#hidden = undefined
    return shown + this.#pass(tag) + this.#read(rest, true)
  }

  #read(piece: string, isFinal: boolean): string {
    let fresh = this.#held.length
    const text = this.#held + piece
    this.#held = ''
    let shown = ''
    let position = 0
    while (position < text.length) {
      if (this.#hidden !== undefined) {
        position = this.#walkHidden(this.#hidden, text, position, fresh, isFinal)
        continue
      }
      const next = this.#nextOpening(text, position, isFinal)
      shown += next.shown
      position = fresh = next.end
    }
    return shown
  }

  /** Walks over text up to what begins to be hidden. */
  #nextOpening(text: string, from: number, isFinal: boolean): { readonly shown: string; readonly end: number } {
    let shown = ''
    let position = from
    for (let at = nextIndex(text, from); at !== -1; at = nextIndex(text, at + 1)) {
      shown += this.#pass(text.slice(position, at))
      position = at
      const opening = openingAt(text, at, this.#surroundings, isFinal)
      if (opening === 'text') continue
      if (opening === 'undecided') {
        this.#held = text.slice(at)
        return { shown, end: text.length }
      }
      this.#open(opening, text, at)
      return { shown, end: opening.end }
    }
    return { shown: shown + this.#pass(text.slice(position)), end: text.length }
  }

  #open({ end, part, isTag = false, isDoubtful = false }: Exclude<Opening, string>, text: string, at: number): void {
    this.#hidden = part
    if (isDoubtful) this.#doubtful = { tag: text.slice(at, end), rest: '' }
    this.#leave(text, end, isTag)
  }

  /** Walks over a hidden part, of which the text before `fresh` has been walked over before. */
  #walkHidden(part: HiddenPart, text: string, from: number, fresh: number, isFinal: boolean): number {
    const end = part.endIn(text, from, fresh, isFinal)
    if (end === -1) {
      if (this.#doubtful !== undefined) this.#doubtful.rest += text.slice(fresh)
      if (!isFinal) this.#held = text.slice(Math.max(from, text.length - part.kept))
      return text.length
    }
    const isThought = this.#doubtful !== undefined && text[text.lastIndexOf('<', end - 1) + 1] !== '/'
    this.#hidden = isThought ? thought('closer') : undefined
    this.#doubtful = undefined
    this.#leave(text, end, part.isThought)
    return end
  }

  /** A tag of thinking begins a line anew; what else is left out leaves it as it was. */
  #leave(text: string, end: number, isTag: boolean): void {
    this.#before = text[end - 1] ?? ''
    if (isTag) this.#isMidLine = false
  }

  #pass(text: string): string {
    this.#passed += text
    return text
  }

  get #surroundings(): Surroundings {
    if (this.#passed !== '') this.#lookAt(this.#passed)
    this.#passed = ''
    return { before: this.#before, isMidLine: this.#isMidLine, isMember: behindMember.test(this.#ink) }
  }

  #lookAt(passed: string): void {
    this.#before = passed.slice(-1)
    const line = passed.slice(passed.lastIndexOf('\n') + 1)
    this.#isMidLine = (this.#isMidLine && line.length === passed.length) || line.trim() !== ''
    const inked = passed.trimEnd()
    this.#ink = (this.#ink + inked.slice(0, -1).trimEnd().slice(-1) + inked.slice(-1)).slice(-2)
  }
}

/** What stands before a value inside of JSON, and not in prose. */
const behindMember = /[\]}"\d],|\[$|":/

function nextIndex(text: string, from: number): number {
  openings.lastIndex = from
  return openings.test(text) ? openings.lastIndex - 1 : -1
}
