import { isObject, type UnknownObject } from '../../../router/json/json.ts'
import { type AssistantMessage, contentText } from '../../../router/reading/assistant-message.ts'
import { CallDeltas } from './call-deltas.ts'

/** Assembles the assistant message from the `delta` objects of a stream. */
export class MessageDeltas {
  readonly #content = new DeltaText()
  #hasContent = false
  readonly #texts = new Map<string, DeltaText>()
  readonly #details = new ReasoningDetails()
  readonly #calls = new CallDeltas()
  /** A call in the API's older form, `function_call`. */
  readonly #call = new CallDeltas()
  readonly #rest: Record<string, unknown> = {}

  /** Takes one delta. Returns the new text of the content, as far as it is certain. */
  push(delta: UnknownObject): string {
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
          // Any other field keeps its last non-empty value.
          if (value !== '' || !(field in this.#rest)) this.#rest[field] = value
      }
    }
    return added
  }

  /** The message so far. */
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

interface Detail {
  readonly fields: Record<string, unknown>
  /** Absent if none came: a detail may hold only a signature, or ciphertext. */
  text?: DeltaText
}

/** Assembles `reasoning_details` from their deltas, which belong together by index or id. */
class ReasoningDetails {
  readonly #details = new Map<unknown, Detail>()

  push(deltas: unknown): void {
    if (Array.isArray(deltas)) for (const delta of deltas) if (isObject(delta)) this.#apply(delta)
  }

  get details(): readonly UnknownObject[] {
    return [...this.#details.values()].map(({ fields, text }) =>
      text === undefined ? fields : { ...fields, text: text.text },
    )
  }

  #apply(delta: UnknownObject): void {
    const key = delta['index'] ?? delta['id'] ?? 0
    const detail = this.#details.get(key) ?? { fields: {} }
    this.#details.set(key, detail)
    for (const field in delta) {
      const value = delta[field]
      if (field !== 'text') detail.fields[field] = value ?? detail.fields[field] ?? null
      else if (typeof value === 'string') {
        // MiniMax's own sample code treats these texts as cumulative, so one repeated character is enough evidence.
        detail.text ??= new DeltaText(1)
        detail.text.push(value)
      }
    }
  }
}

/**
 * A text that arrives in deltas. By the API's documentation a delta is an increment, but some servers send the whole text
 * so far in each:
 *
 *   increments   "It is", " warm"
 *   cumulative   "It is", "It is warm"
 *
 * Both readings are kept as long as every delta begins with the one before it. The cumulative reading is chosen if that
 * happened too often for a coincidence, unless the text repeats itself anyway, as a line of dashes does.
 *
 * @internal Exported for its tests.
 */
export class DeltaText {
  /** Number of repeated characters that cannot be a coincidence. */
  readonly #enough: number
  /** All deltas joined, and the last one: the text in either reading. */
  #joined = ''
  #last = ''
  #reading: 'undecided' | 'increments' | 'cumulative' = 'undecided'
  /** Number of deltas that extended the one before, and of the characters that they repeated. */
  #extensions = 0
  #repeated = 0
  /** Length of the text that was returned as certain. */
  #certain = 0

  constructor(enough = 6) {
    this.#enough = enough
  }

  /** The text so far, in the more likely reading. */
  get text(): string {
    return this.#isCumulative() ? this.#last : this.#joined
  }

  /** Takes a delta. Returns new text as far as it is certain; the rest is returned after a later delta, or is in `text` at the end. */
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
      // So much evidence that the reading is decided before the end.
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
    // Several short repetitions are as strong evidence as a long one.
    const isEnough = this.#repeated + 2 * (this.#extensions - 1) >= this.#enough
    return isEnough && !isPeriodic(this.#last)
  }
}

/** Whether a text consists of one part again and again. Linear: the failure function of Knuth, Morris and Pratt. */
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
