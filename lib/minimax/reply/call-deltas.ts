import { isObject, isTooDeep } from '../../../router/json/json.ts'
import type { WireToolCall } from '../../../router/reading/assistant-message.ts'
import { wireIndex } from './completion.ts'

type Fields = { readonly [key: string]: unknown }

/**
 * Puts tool calls together out of deltas. A delta belongs to the call at its `index`; servers also send several calls
 * on one index, told apart by their ids or names, ids that come late or are empty, and no index at all.
 */
export class CallDeltas {
  readonly #calls: OpenCall[] = []
  /** The last call on each index, and of all; and on each of them the calls by id. */
  readonly #last = new Map<number | undefined, OpenCall>()
  readonly #byId = new Map<number | undefined, Map<string, OpenCall>>()

  push(deltas: unknown): void {
    if (Array.isArray(deltas)) for (const delta of deltas) if (isObject(delta)) this.#apply(delta)
    if (isObject(deltas)) this.#apply(deltas)
  }

  /** The calls in the order in which they began. */
  get calls(): readonly WireToolCall[] {
    return this.#calls.filter(({ counts }) => counts).map((call, position) => call.toWire(position))
  }

  #apply(delta: Fields): void {
    const target = isObject(delta['function']) ? delta['function'] : {}
    const index = wireIndex(delta['index'])
    const [id, name, type] = [textOf(delta['id']), textOf(target['name']), textOf(delta['type'])]
    const written = argumentsOf(target['arguments'])
    const piece = typeof written === 'string' ? written : ''
    const open = this.#find(index, id)
    const relation = open?.relationTo(id, name, piece) ?? 'another'
    const call = open === undefined || relation !== 'same' ? this.#begin(index, relation === 'maybe another') : open
    this.#identify(call, id)
    if (name !== '') call.name = name
    if (type !== '') call.type = type
    if (typeof written === 'string') call.write(written)
    else call.value = written
  }

  #find(index: number | undefined, id: string): OpenCall | undefined {
    return (id === '' ? undefined : this.#byId.get(index)?.get(id)) ?? this.#last.get(index)
  }

  #begin(index: number | undefined, isDoubtful: boolean): OpenCall {
    const call = new OpenCall(index, isDoubtful)
    this.#calls.push(call)
    this.#last.set(index, call).set(undefined, call)
    return call
  }

  #identify(call: OpenCall, id: string): void {
    if (id === '' || call.id === id) return
    call.id = id
    for (const index of new Set([call.index, undefined])) {
      const calls = this.#byId.get(index) ?? new Map<string, OpenCall>()
      this.#byId.set(index, calls.set(id, call))
    }
  }
}

/** As JSON text, whatever came; a value that nests too deep to be written stays what it is, for the reader to refuse. */
function argumentsOf(value: unknown): string | object {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' && isTooDeep(value) ? value : (JSON.stringify(value) ?? '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Enough to tell the beginning of the arguments from that of an object inside of them. */
const headLength = 16

/** A tool call that is being put together. */
class OpenCall {
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

/** Counts the brackets of a JSON text that comes in pieces, those in strings apart. */
class Brackets {
  #depth = 0
  #isInString = false
  #isEscaped = false
  #any = false

  /** A value was opened and closed. */
  get areClosed(): boolean {
    return this.#any && this.#depth === 0
  }

  push(piece: string): void {
    for (let index = 0; index < piece.length; index++) this.#step(piece.charCodeAt(index))
  }

  #step(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (this.#isInString) {
      this.#isEscaped = code === 0x5c
      this.#isInString = code !== 0x22
    } else if (code === 0x22) this.#isInString = true
    // Brackets and braces differ in one bit.
    else if ((code | 0x20) === 0x7b) {
      this.#depth++
      this.#any = true
    } else if ((code | 0x20) === 0x7d) this.#depth--
  }
}
