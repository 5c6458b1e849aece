import { isObject, isTooDeep, parseJson, type UnknownObject } from '../../../router/json/json.ts'
import type { WireToolCall } from '../../../router/reading/assistant-message.ts'
import { wireIndex } from './completion.ts'

/**
 * Assembles tool calls from the `tool_calls` deltas of a stream:
 *
 *   {"index":0,"id":"a","type":"function","function":{"name":"get_weather","arguments":""}}
 *   {"index":0,"function":{"arguments":"{\"city\":"}}
 *   {"index":0,"function":{"arguments":"\"Oslo\"}"}}
 *
 * A delta belongs to the call at its `index`. Servers also send several calls at one index, which differ by id or name;
 * ids that are empty or arrive late; and no index at all. Without index and id, the position tells calls apart: a name
 * begins a call, arguments without a name continue the last one, and the entries of one list are different calls.
 */
export class CallDeltas {
  readonly #calls: OpenCall[] = []
  /** The last call at each index or position; under `undefined`, the last call of all. */
  readonly #last = new Map<Slot, OpenCall>()
  /** The calls at each index, and of all, by id. */
  readonly #byId = new Map<number | undefined, Map<string, OpenCall>>()

  /** Takes the `tool_calls` of one delta: a list, or one call. */
  push(deltas: unknown): void {
    if (isObject(deltas)) this.#apply(deltas)
    if (!Array.isArray(deltas)) return
    const entries = deltas.filter(isObject)
    const isPositional = entries.length > 1 && entries.every(({ index }) => wireIndex(index) === undefined)
    for (const [position, delta] of entries.entries()) this.#apply(delta, isPositional ? position : undefined)
  }

  /** The calls in the order in which they began. */
  get calls(): readonly WireToolCall[] {
    return this.#calls.filter(({ counts }) => counts).map((call, position) => call.toWire(position))
  }

  /** @param position the position in a list without indexes. */
  #apply(delta: UnknownObject, position?: number): void {
    const target = isObject(delta['function']) ? delta['function'] : {}
    const index = wireIndex(delta['index'])
    const slot = index ?? (position === undefined ? undefined : `position ${position}`)
    const [id, name, type] = [textOf(delta['id']), textOf(target['name']), textOf(delta['type'])]
    const written = argumentsOf(target['arguments'])
    const piece = typeof written === 'string' ? written : ''
    const open = this.#find(index, slot, id)
    const relation = open?.relationTo(id, name, piece) ?? 'another'
    const call =
      open === undefined || relation !== 'same' ? this.#begin(index, slot, relation === 'maybe another') : open
    this.#identify(call, id)
    if (name !== '') call.name = name
    if (type !== '') call.type = type
    if (typeof written === 'string') call.write(written)
    else call.value = written
  }

  #find(index: number | undefined, slot: Slot, id: string): OpenCall | undefined {
    return (id === '' ? undefined : this.#byId.get(index)?.get(id)) ?? this.#last.get(slot)
  }

  #begin(index: number | undefined, slot: Slot, isDoubtful: boolean): OpenCall {
    const call = new OpenCall(index, isDoubtful)
    this.#calls.push(call)
    this.#last.set(slot, call).set(undefined, call)
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

/** The index of a call, or its position in a list without indexes. */
type Slot = number | string | undefined

/** Arguments as JSON text. A value that is nested too deeply to be serialised stays a value, which the reader refuses. */
function argumentsOf(value: unknown): string | object {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'object' && isTooDeep(value) ? value : (JSON.stringify(value) ?? '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Enough characters to tell the beginning of the arguments from the beginning of an object inside them. */
const headLength = 16

/** A tool call that is being assembled. */
class OpenCall {
  readonly index: number | undefined
  id = ''
  type = 'function'
  name = ''
  /** Arguments that came as a value instead of text. */
  value: object | undefined
  /** Set if this may be a closing delta that repeats the name. Then it counts only if arguments follow. */
  readonly #isDoubtful: boolean
  /** All pieces of the arguments joined, and the last piece. */
  #joined = ''
  #last = ''
  /** The first characters of the arguments, and whether a later piece begins with them and may repeat all before it. */
  #head = ''
  #mayRepeat = false
  readonly #brackets = new Brackets()
  /** Text whose brackets are not counted yet. The count is needed only if ids are missing. */
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

  /** Whether the next delta is part of this call, another call, or another call if arguments follow. */
  relationTo(id: string, name: string, piece: string): 'same' | 'another' | 'maybe another' {
    if (id !== '' && this.id !== '') return id === this.id ? 'same' : 'another'
    if (name === '' || this.name === '') return 'same'
    if (name !== this.name) return 'another'
    if (this.#joined === '') return 'same'
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

  /** The joined pieces. If they are not JSON but the last piece is, that one: it repeats all pieces before it. */
  get #arguments(): string {
    return this.#mayRepeat && !isJsonObject(this.#joined) && isJsonObject(this.#last) ? this.#last : this.#joined
  }
}

function isJsonObject(text: string): boolean {
  return isObject(parseJson(text, { anyDepth: true }))
}

/** Counts the brackets of a JSON text that arrives in pieces, except those in strings. */
class Brackets {
  #depth = 0
  #isInString = false
  #isEscaped = false
  #any = false

  /** Whether a value was opened and closed. */
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
