import { maxDepth } from '../json/json.ts'
import { charCodes } from '../json/json-scan.ts'
import { asideKeys, callKeys, envelopeKeys, nameKeys } from './call-shapes.ts'

/*
 * Finds the place in a text from which on structured JSON may be a tool call. Reading and streaming share this scan:
 * text before that place is certain and can be shown at once, and only objects that the scan stops at are read as calls.
 *
 *   I look. {"name":"get_weather","input":{}}     stops at `{`: all its fields are those of a call
 *   Look:\n```json\n{"tool_calls":[               stops at the fence, which is cut out with the call
 *   It is {"city":"Oslo","name":"x"}.             does not stop: "city" is not a field of a call
 */

/** Scans a text that arrives in pieces. */
export class JsonCallScan {
  /** The end of the text so far, if it is not decided yet. */
  #held = ''
  /** The object in `#held` that is walked through, and the index of its brace. */
  #object: ObjectWalk | undefined
  #brace = 0
  #isStopped = false

  /** Whether the text may hold a call, or ends in what may be the beginning of one. */
  get mayHoldCall(): boolean {
    return this.#isStopped || this.#held !== ''
  }

  /** Takes the next piece. Returns the text that is certain by now: none of it can become part of a call. */
  push(piece: string): string {
    if (this.#isStopped) return ''
    if (this.#held === '' && !hasOpening(piece)) return piece
    const object = this.#object
    if (object === undefined) return this.#scan(this.#held + piece, 0)
    const verdict = object.walk(piece, 0)
    if (verdict === 'text') return this.#scan(this.#held + piece, this.#brace + 1)
    if (verdict === 'call') this.#isStopped = true
    else this.#held += piece
    return ''
  }

  #scan(text: string, from: number): string {
    this.#held = ''
    this.#object = undefined
    opening.lastIndex = from
    for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
      const at = found.index
      const brace = braceAfter(text, at)
      if (brace === undefined) continue
      const object = new ObjectWalk()
      const verdict = object.walk(text, brace)
      if (verdict === 'text') {
        opening.lastIndex = brace + 1
        continue
      }
      if (verdict === 'call') this.#isStopped = true
      else this.#hold(text.slice(at), brace - at, object)
      return text.slice(0, at)
    }
    return text
  }

  #hold(text: string, brace: number, object: ObjectWalk): void {
    this.#held = text
    this.#brace = brace
    // Without its brace it is not even sure to be an object: the few characters before it are looked at again.
    if (brace < text.length) this.#object = object
  }
}

/** Whether the object, or the list of objects, at an index may be a call by its fields. */
export function mayBeCall(text: string, start: number): boolean {
  const brace = braceAfter(text, start)
  return brace !== undefined && brace < text.length && new ObjectWalk().walk(text, brace) !== 'text'
}

/** Where a call begins whose JSON begins at an index: at the fence before it, if there is one. */
export function startWithFence(text: string, start: number): number {
  const found = fenceAtEnd.exec(text.slice(Math.max(0, start - 50), start))
  return start - (found?.[0].length ?? 0)
}

/** Characters that a call, or the fence around it, can begin with. */
const opening = /[`{[]/g

function hasOpening(text: string): boolean {
  return text.includes('{') || text.includes('[') || text.includes('`')
}

/** A fence with its language. The limits keep the scan linear, and what it holds back short. */
const fence = /`{3,10}\w{0,20}\s{0,20}/y
const fenceAtEnd = new RegExp(`${fence.source}$`)
const listStart = /\[\s{0,20}/y

/**
 * Index of the brace that an opening character leads to: the brace itself, that of the first object in a list, or that
 * after a fence. The length of the text if the brace may still come; `undefined` if something else follows.
 */
function braceAfter(text: string, at: number): number | undefined {
  let position = at
  if (text[position] === '`') {
    fence.lastIndex = position
    if (fence.test(text)) position = fence.lastIndex
    else return text.length - at < 3 && text.endsWith('`') ? text.length : undefined
  }
  if (text[position] === '[') {
    listStart.lastIndex = position
    listStart.test(text)
    position = listStart.lastIndex
  }
  return position === text.length || text[position] === '{' ? position : undefined
}

const knownKeys: ReadonlySet<string> = new Set([...callKeys, ...asideKeys, ...envelopeKeys])
const envelopes: ReadonlySet<string> = new Set(envelopeKeys)
/** Keys without which an object names no tool. */
const namingKeys: ReadonlySet<string> = new Set([...nameKeys, 'function', ...envelopeKeys])
/** All beginnings of known keys, so that an unknown key is recognised by its first characters. */
const beginnings: ReadonlySet<string> = new Set(
  [...knownKeys].flatMap((key) => Array.from(key, (_, index) => key.slice(0, index + 1))),
)

/**
 * Walks through an object that arrives in pieces, and decides by its outermost keys whether it may be a call. An object
 * that begins with the key of an envelope, such as `{"tool_calls":`, is always taken for one. Knows strict JSON and the
 * notations that lenient JSON accepts: apostrophes for quotes, or none.
 */
class ObjectWalk {
  #verdict: 'undecided' | 'call' | 'text' = 'undecided'
  #depth = 0
  /** The quote that closes the current string; 0 outside a string. */
  #quote = 0
  #isEscaped = false
  /** The outermost key so far; `undefined` in a value. */
  #key: string | undefined
  #isFirstKey = true
  #namesTool = false

  walk(text: string, from: number): 'undecided' | 'call' | 'text' {
    for (let index = from; index < text.length && this.#verdict === 'undecided'; index++) {
      this.#step(text.charCodeAt(index))
    }
    return this.#verdict
  }

  #step(character: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (this.#quote !== 0) {
      if (character === this.#quote) this.#quote = 0
      else if (this.#key !== undefined) this.#extendKey(character)
      else this.#isEscaped = character === charCodes.backslash
    } else if (character === charCodes.quote || character === charCodes.apostrophe) this.#openString(character)
    else if (character === charCodes.open || character === charCodes.openArray) this.#open()
    else if (character === charCodes.close || character === charCodes.closeArray) this.#close()
    else if (this.#depth > 1) return
    else if (character === charCodes.comma) this.#key = ''
    else if (this.#key === undefined) return
    else if (character === charCodes.colon) this.#endKey(this.#key)
    else if (character > 0x20) this.#extendKey(character)
  }

  /** A quote after the beginning of a key is that of an envelope whose key lacks its opening quote: `tool_calls":`. */
  #openString(quote: number): void {
    if (this.#key === undefined || this.#key === '') this.#quote = quote
  }

  #open(): void {
    // A bracket in place of a key is not JSON.
    if (this.#key !== undefined) this.#verdict = 'text'
    // Deeper objects are not read as calls. Looking for calls inside them would take quadratic time, so they are held back.
    else if (this.#depth === maxDepth) this.#verdict = 'call'
    else if (++this.#depth === 1) this.#key = ''
  }

  #close(): void {
    if (--this.#depth === 0) this.#verdict = this.#namesTool ? 'call' : 'text'
  }

  #extendKey(character: number): void {
    const key = this.#key ?? ''
    const longer = key + String.fromCharCode(character)
    if (beginnings.has(longer)) this.#key = longer
    // An envelope whose key lacks its quotes, or has other ones, is refused, but it is still a call.
    else this.#verdict = this.#isFirstKey && envelopes.has(key) && !isLetter(character) ? 'call' : 'text'
  }

  #endKey(key: string): void {
    if (!knownKeys.has(key)) this.#verdict = 'text'
    else if (this.#isFirstKey && envelopes.has(key)) this.#verdict = 'call'
    this.#namesTool ||= namingKeys.has(key)
    this.#isFirstKey = false
    this.#key = undefined
  }
}

function isLetter(character: number): boolean {
  const lowerCase = character | 0x20
  return lowerCase >= 0x61 && lowerCase <= 0x7a
}
