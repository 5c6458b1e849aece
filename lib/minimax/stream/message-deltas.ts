import { contentText } from '../../../router/content-text.ts'
import type { AssistantMessage } from '../../../router/reply.ts'
import { CallDeltas } from './call-deltas.ts'
import { DeltaText } from './delta-text.ts'
import { ReasoningDetails } from './reasoning-details.ts'

/** Puts the assistant message together out of the `delta` objects of a stream. */
export class MessageDeltas {
  readonly #content = new DeltaText()
  #hasContent = false
  readonly #texts = new Map<string, DeltaText>()
  readonly #details = new ReasoningDetails()
  readonly #calls = new CallDeltas()
  /** The API's older form of a call, of which there is one. */
  readonly #call = new CallDeltas()
  readonly #rest: Record<string, unknown> = {}

  /** Returns what is new and certain in the content. */
  push(delta: { readonly [field: string]: unknown }): string {
    let added = ''
    for (const field in delta) {
      const value = delta[field]
      if (value === undefined || value === null) continue
      switch (field) {
        case 'role':
          break
        case 'content':
          this.#hasContent = true
          added = this.#content.push(contentText(value))
          break
        case 'reasoning_content':
        case 'reasoning':
        case 'refusal':
          this.#text(field).push(contentText(value))
          break
        case 'tool_calls':
          this.#calls.push(value)
          break
        case 'function_call':
          this.#call.push({ index: 0, function: value })
          break
        case 'reasoning_details':
          this.#details.push(value)
          break
        default:
          // Any other field keeps its last value.
          if (value !== '' || !(field in this.#rest)) this.#rest[field] = value
      }
    }
    return added
  }

  get message(): AssistantMessage {
    const texts = [...this.#texts].map(([field, { text }]) => [field, text] as const)
    const details = this.#details.details
    const { calls } = this.#calls
    const call = this.#call.calls[0]?.function
    return {
      role: 'assistant',
      ...(this.#hasContent ? { content: this.#content.text } : {}),
      ...Object.fromEntries(texts),
      ...this.#rest,
      ...(details.length > 0 ? { reasoning_details: details } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
      ...(call === undefined ? {} : { function_call: call }),
    }
  }

  #text(field: string): DeltaText {
    const known = this.#texts.get(field)
    if (known !== undefined) return known
    const fresh = new DeltaText()
    this.#texts.set(field, fresh)
    return fresh
  }
}
