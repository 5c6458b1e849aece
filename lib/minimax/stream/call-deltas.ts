import { isObject } from '../../../router/json.ts'
import type { WireToolCall } from '../../../router/reply.ts'
import { DeltaText } from './delta-text.ts'

/**
 * Puts tool calls together out of deltas. A delta belongs to the call at its `index`; servers also send several calls
 * on one index, told apart by their ids or names, ids that come late or are empty, and no index at all.
 */
export class CallDeltas {
  readonly #calls: OpenCall[] = []

  push(deltas: unknown): void {
    if (!Array.isArray(deltas)) return
    for (const delta of deltas) if (isObject(delta)) this.#apply(delta)
  }

  /** The calls in the order in which they began. */
  get calls(): readonly WireToolCall[] {
    return this.#calls
      .filter((call) => !call.maybe || call.joined !== '')
      .map((call, position) => ({
        id: call.id,
        type: call.type,
        function: { name: call.name, arguments: argumentsOf(call) },
        index: call.index ?? position,
      }))
  }

  #apply(delta: Fields): void {
    const target = isObject(delta['function']) ? delta['function'] : {}
    const index = typeof delta['index'] === 'number' ? delta['index'] : undefined
    const [id, name, type] = [textOf(delta['id']), textOf(target['name']), textOf(delta['type'])]
    const piece = isObject(target['arguments']) ? JSON.stringify(target['arguments']) : textOf(target['arguments'])
    const open = this.#find(index, id)
    const relation = open === undefined ? 'another' : relationOf(open, id, name, piece)
    const call = open === undefined || relation !== 'same' ? this.#begin(index, relation === 'maybe-another') : open
    if (id !== '') call.id = id
    if (name !== '') call.name = name
    if (type !== '') call.type = type
    call.joined += piece
    call.deduplicated.push(piece)
  }

  #find(index: number | undefined, id: string): OpenCall | undefined {
    const there = index === undefined ? this.#calls : this.#calls.filter((call) => call.index === index)
    return there.findLast((call) => id !== '' && call.id === id) ?? there.at(-1)
  }

  #begin(index: number | undefined, maybe: boolean): OpenCall {
    const call: OpenCall = {
      id: '',
      type: 'function',
      name: '',
      index,
      maybe,
      joined: '',
      deduplicated: new DeltaText(),
    }
    this.#calls.push(call)
    return call
  }
}

type Fields = { readonly [key: string]: unknown }

interface OpenCall {
  id: string
  type: string
  name: string
  readonly index: number | undefined
  /** It counts only if arguments follow: a closing delta may repeat the name. */
  readonly maybe: boolean
  joined: string
  readonly deduplicated: DeltaText
}

function relationOf(open: OpenCall, id: string, name: string, piece: string): 'same' | 'another' | 'maybe-another' {
  if (id !== '' && open.id !== '') return id === open.id ? 'same' : 'another'
  if (name === '' || open.name === '') return 'same'
  if (open.joined === '') return name === open.name ? 'same' : 'another'
  if (!isJsonObject(open.joined) || (piece !== '' && piece.startsWith(open.joined))) return 'same'
  return piece === '' ? 'maybe-another' : 'another'
}

/** The pieces joined, as documented; where that is no JSON, and they repeat each other, without the repetitions. */
function argumentsOf({ joined, deduplicated: { text } }: OpenCall): string {
  return joined === text || isJsonObject(joined) || !isJsonObject(text) ? joined : text
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text))
  } catch {
    return false
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
