import { isObject } from '../../../router/json.ts'
import type { AssistantMessage } from '../../../router/reply.ts'
import { CallDeltas } from './call-deltas.ts'
import { DeltaText } from './delta-text.ts'

/** Fields that are continued from delta to delta; any other keeps its last value. */
const continued: ReadonlySet<string> = new Set(['content', 'reasoning_content', 'reasoning'])

/** Puts the assistant message together out of the `delta` objects of a stream. */
export class MessageDeltas {
  readonly #texts = new Map<string, DeltaText>()
  readonly #details = new Map<unknown, Detail>()
  readonly #calls = new CallDeltas()
  readonly #rest: Record<string, unknown> = {}

  /** Returns what is new in the content. */
  push(delta: { readonly [field: string]: unknown }): string {
    let added = ''
    for (const field in delta) {
      const value = delta[field]
      if (field === 'role' || value === undefined || value === null) continue
      if (field === 'tool_calls') this.#calls.push(value)
      else if (field === 'reasoning_details') this.#pushDetails(value)
      else if (!continued.has(field)) {
        if (value !== '' || !(field in this.#rest)) this.#rest[field] = value
      } else if (typeof value === 'string') {
        const text = this.#text(field).push(value)
        if (field === 'content') added = text
      }
    }
    return added
  }

  get message(): AssistantMessage {
    const texts = [...this.#texts].map(([field, { text }]) => [field, text] as const)
    const details = [...this.#details.values()].map(({ fields, text }) => ({ ...fields, text: text.text }))
    const { calls } = this.#calls
    return {
      role: 'assistant',
      ...Object.fromEntries(texts),
      ...this.#rest,
      ...(details.length > 0 ? { reasoning_details: details } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    }
  }

  #text(field: string): DeltaText {
    const known = this.#texts.get(field)
    if (known !== undefined) return known
    const fresh = new DeltaText()
    this.#texts.set(field, fresh)
    return fresh
  }

  #pushDetails(details: unknown): void {
    if (!Array.isArray(details)) return
    for (const detail of details.filter(isObject)) {
      const { text, ...fields } = detail
      const key = fields['index'] ?? fields['id'] ?? 0
      const known = this.#details.get(key) ?? { fields, text: new DeltaText() }
      if (typeof text === 'string') known.text.push(text)
      this.#details.set(key, known)
    }
  }
}

interface Detail {
  readonly fields: { readonly [field: string]: unknown }
  readonly text: DeltaText
}
