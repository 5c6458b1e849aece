import { isObject } from '../../../router/json.ts'
import type { WireToolCall } from '../../../router/reply.ts'
import { Brackets } from './brackets.ts'

/** Enough to tell the beginning of the arguments from that of an object inside of them. */
const headLength = 16

/** A tool call that is being put together. */
export class OpenCall {
  readonly index: number | undefined
  id = ''
  type = 'function'
  name = ''
  /** Arguments that are no text. */
  value: object | undefined
  /** It counts only if arguments follow: a closing delta may repeat the name. */
  readonly #isDoubtful: boolean
  /** The pieces of the arguments one after another, and the last one. */
  #joined = ''
  #last = ''
  /** The first characters of the arguments, and whether a later piece begins with them. */
  #head = ''
  #mayRepeat = false
  readonly #brackets = new Brackets()
  /** What the brackets were not yet counted in: that is asked for but where ids are missing. */
  #uncounted = ''

  constructor(index: number | undefined, isDoubtful: boolean) {
    this.index = index
    this.#isDoubtful = isDoubtful
  }

  get counts(): boolean {
    return !this.#isDoubtful || this.#joined !== '' || this.value !== undefined
  }

  write(piece: string): void {
    if (piece === '') return
    this.#mayRepeat ||= this.#head !== '' && piece.startsWith(this.#head)
    if (this.#head.length < headLength) this.#head = (this.#head + piece).slice(0, headLength)
    this.#joined += piece
    this.#last = piece
    this.#uncounted += piece
  }

  /** What a delta that comes next is: part of this call, another one, or another one if arguments follow. */
  relationTo(id: string, name: string, piece: string): 'same' | 'another' | 'maybe another' {
    if (id !== '' && this.id !== '') return id === this.id ? 'same' : 'another'
    if (name === '' || this.name === '') return 'same'
    if (this.#joined === '') return name === this.name ? 'same' : 'another'
    this.#brackets.push(this.#uncounted)
    this.#uncounted = ''
    if (!this.#brackets.areClosed || (piece !== '' && piece.startsWith(this.#joined))) return 'same'
    return piece === '' ? 'maybe another' : 'another'
  }

  toWire(position: number): WireToolCall {
    const written = this.value ?? this.#arguments
    return {
      id: this.id,
      type: this.type,
      function: { name: this.name, arguments: written },
      index: this.index ?? position,
    }
  }

  /** The pieces joined, as documented; where that is no JSON, and the last one alone is, that one: it repeats all before. */
  get #arguments(): string {
    return this.#mayRepeat && !isJsonObject(this.#joined) && isJsonObject(this.#last) ? this.#last : this.#joined
  }
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text))
  } catch {
    return false
  }
}
