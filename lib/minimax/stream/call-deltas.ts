import { isObject, isTooDeep } from '../../../router/json.ts'
import type { WireToolCall } from '../../../router/reply.ts'
import { wireIndex } from '../wire-index.ts'
import { OpenCall } from './open-call.ts'

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
