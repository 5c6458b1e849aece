import { isObject } from '../../../router/json/json.ts'
import { type AssistantMessage, contentText } from '../../../router/reading/assistant-message.ts'
import { CallDeltas } from './call-deltas.ts'

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

type Fields = { readonly [field: string]: unknown }

interface Detail {
  readonly fields: Record<string, unknown>
  /** Absent where none came: a detail may hold a signature, or ciphertext. */
  text?: DeltaText
}

/** Puts `reasoning_details` together out of their deltas, which belong together by index or id. */
class ReasoningDetails {
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

/**
 * A text that comes in deltas. By the documents a delta is an increment; some servers send all of the text so far in each.
 *
 * Both readings are kept for as long as every delta begins with the one before. The second one stands where that happened
 * too often for a coincidence, and where the text does not repeat itself anyway, as a line of dashes does.
 */
export class DeltaText {
  /** How many repeated characters are no coincidence. */
  readonly #enough: number
  /** The deltas one after another, and the last one: the text in either reading. */
  #joined = ''
  #last = ''
  #reading: 'undecided' | 'increments' | 'cumulative' = 'undecided'
  /** How many deltas went on where the one before ended, and how much of them had come before. */
  #extensions = 0
  #repeated = 0
  /** How much of the text was certain so far. */
  #certain = 0

  constructor(enough = 6) {
    this.#enough = enough
  }

  get text(): string {
    return this.#isCumulative() ? this.#last : this.#joined
  }

  /** Returns what is new in the delta, as far as it is certain: the rest becomes so by a later one, or at the end. */
  push(delta: string): string {
    if (delta === '') return ''
    if (this.#reading === 'increments') {
      this.#joined += delta
      return delta
    }
    if (this.#reading === 'cumulative') this.#last = delta.startsWith(this.#last) ? delta : this.#last + delta
    else this.#weigh(delta)
    return this.#newlyCertain()
  }

  #weigh(delta: string): void {
    const known = this.#last
    this.#joined += delta
    this.#last = delta
    if (!delta.startsWith(known)) this.#reading = 'increments'
    else if (known !== '' && delta.length > known.length) {
      this.#extensions++
      this.#repeated += known.trim().length
      // So much that the end need not be waited for.
      if (this.#extensions > 2 && this.#repeated > 32 && !isPeriodic(delta)) this.#reading = 'cumulative'
    }
  }

  #newlyCertain(): string {
    if (this.#reading === 'undecided' && this.#certain > 0) return ''
    const text = this.#reading === 'increments' ? this.#joined : this.#last
    const fresh = text.slice(this.#certain)
    this.#certain = text.length
    return fresh
  }

  #isCumulative(): boolean {
    if (this.#reading !== 'undecided') return this.#reading === 'cumulative'
    if (this.#extensions === 0) return false
    // Several short repetitions are as telling as a long one.
    const isTelling = this.#repeated + 2 * (this.#extensions - 1) >= this.#enough
    return isTelling && !isPeriodic(this.#last)
  }
}

/** Whether a text is one part again and again. Linear: by the longest end of each beginning that is a beginning, too. */
function isPeriodic(text: string): boolean {
  const borders = new Int32Array(text.length)
  let length = 0
  for (let index = 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    while (length > 0 && code !== text.charCodeAt(length)) length = borders[length - 1] ?? 0
    if (code === text.charCodeAt(length)) length++
    borders[index] = length
  }
  return 2 * length >= text.length
}
