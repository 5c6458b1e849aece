import { isObject } from '../../../router/json.ts'
import { ModelError } from '../../loop/model-error.ts'
import { errorInBody } from '../classify.ts'
import { MessageDeltas } from './message-deltas.ts'

type Fields = { readonly [field: string]: unknown }

/** What a stream is read with. */
export interface StreamContext {
  /** Takes out of an event what must not be handed on. */
  readonly clean: (data: string) => string
  /** How long the server asks to wait in an event that carries an error, in milliseconds. */
  readonly retryAfterMs: (data: string) => number | undefined
  /** Told what is new in the content, as it comes. */
  readonly onContent: (text: string) => void
}

/**
 * Puts a `chat.completion` together out of the `data:` objects of a stream. Usage counts wherever it comes, zero
 * placeholders apart; a last frame that is the whole completion again stands in the place of what came before it.
 */
export class StreamedCompletion {
  readonly #deltas = new MessageDeltas()
  readonly #context: StreamContext
  #id: unknown
  #model: unknown
  #usage: unknown
  #finishReason: string | undefined
  #whole: Fields | undefined
  #sawDone = false
  #sawChoice = false

  constructor(context: StreamContext) {
    this.#context = context
  }

  /** The server said that nothing more comes. */
  get isOver(): boolean {
    return this.#sawDone
  }

  /** All of the reply is there; usage may still come. */
  get isComplete(): boolean {
    return this.#finishReason !== undefined || this.#whole !== undefined || (this.#sawDone && this.#sawChoice)
  }

  /** @throws {ModelError} where the event carries an error, or is not JSON. */
  push(data: string, event: string | undefined): void {
    const text = this.#context.clean(data).trim()
    if (text === '') return
    if (text.endsWith('[DONE]')) this.#sawDone = true
    if (text === '[DONE]') return
    const chunks = chunksIn(text)
    if (chunks !== undefined) for (const chunk of chunks) this.#take(chunk, event, text)
    // Once the reply is there, what cannot be read any more costs nothing.
    else if (!this.isComplete) throw unreadable()
  }

  /** The completion as one document, in the form of a response that is not streamed. */
  get completion(): Fields {
    const { message, finish_reason: reason } = this.#whole ?? {}
    const merged = isObject(message) ? merge(this.#deltas.message, message) : this.#deltas.message
    return {
      id: this.#id,
      model: this.#model,
      usage: this.#usage,
      choices: [{ message: merged, finish_reason: reason || this.#finishReason }],
    }
  }

  #take(chunk: unknown, event: string | undefined, data: string): void {
    if (!isObject(chunk)) return
    if (event === 'error' || chunk['error'] || chunk['base_resp']) this.#refuse(chunk, event, data)
    const { choices, usage, id, model } = chunk
    if (usage && isCounted(usage)) this.#usage = usage
    this.#id ||= id
    this.#model ||= model
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
    if (isObject(choice)) this.#takeChoice(choice)
  }

  #refuse(chunk: Fields, event: string | undefined, data: string): void {
    // An event named "error" may hold the error itself, without an envelope.
    const body = event === 'error' && !isObject(chunk['error']) ? { error: chunk } : chunk
    const error = errorInBody(body, 200, () => this.#context.retryAfterMs(data))
    if (error !== undefined) throw error
  }

  #takeChoice(choice: Fields): void {
    const { delta, message, finish_reason: reason } = choice
    this.#sawChoice = true
    if (isObject(delta)) this.#context.onContent(this.#deltas.push(delta))
    if (isObject(message)) this.#whole = choice
    // A second closing chunk says no more than the first: "stop" behind "tool_calls" is none.
    if (typeof reason === 'string' && reason !== '' && (this.#finishReason ?? 'stop') === 'stop') {
      this.#finishReason = reason
    }
  }
}

/** `undefined` where an event is no JSON. */
function chunksIn(text: string): readonly unknown[] | undefined {
  const chunk = parse(text)
  if (chunk !== undefined) return [chunk]
  // Some servers forget the empty line between two events.
  const lines = text.split('\n').filter((line) => line.trim() !== '' && line.trim() !== '[DONE]')
  const chunks = lines.map(parse)
  return chunks.length === 0 || chunks.includes(undefined) ? undefined : chunks
}

function unreadable(): ModelError {
  const message = 'An event of the stream is not JSON, or was cut off.'
  return new ModelError(message, { kind: 'protocol', retryable: true, status: 200 })
}

/** What the last frame leaves empty was in the deltas. */
function merge(streamed: Fields, whole: Fields) {
  const given = Object.entries(whole).filter(([field, value]) => !(isEmpty(value) && field in streamed))
  return { ...streamed, ...Object.fromEntries(given) }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}

function isCounted(usage: unknown): boolean {
  return isObject(usage) && Object.values(usage).some((count) => typeof count === 'number' && count > 0)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
