import { isObject } from '../../../router/json.ts'
import { DeltaText } from './delta-text.ts'

type Fields = { readonly [field: string]: unknown }

interface Detail {
  readonly fields: Record<string, unknown>
  /** Absent where none came: a detail may hold a signature, or ciphertext. */
  text?: DeltaText
}

/** Puts `reasoning_details` together out of their deltas, which belong together by index or id. */
export class ReasoningDetails {
  readonly #details = new Map<unknown, Detail>()

  push(deltas: unknown): void {
    if (Array.isArray(deltas)) for (const delta of deltas) if (isObject(delta)) this.#apply(delta)
  }

  get details(): readonly Fields[] {
    return [...this.#details.values()].map(({ fields, text }) =>
      text === undefined ? fields : { ...fields, text: text.text },
    )
  }

  #apply(delta: Fields): void {
    const key = delta['index'] ?? delta['id'] ?? 0
    const detail = this.#details.get(key) ?? { fields: {} }
    this.#details.set(key, detail)
    for (const field in delta) {
      const value = delta[field]
      if (field !== 'text') detail.fields[field] = value ?? detail.fields[field] ?? null
      else if (typeof value === 'string') {
        // MiniMax's own sample code takes these texts for cumulative: one repetition is enough.
        detail.text ??= new DeltaText(1)
        detail.text.push(value)
      }
    }
  }
}
