import { isObject, parseJson, type UnknownObject, unparsable } from '../../../router/json/json.ts'
import { ModelError } from '../../loop/errors.ts'
import { errorInBody } from '../errors/classify-error.ts'
import { lowestIndex, moreRestrictive, throwErrorOf, unexplainedFailure, usageOf, wireIndex } from './completion.ts'
import { MessageDeltas } from './message-deltas.ts'

/** The functions that a {@link StreamedCompletion} needs. */
interface StreamContext {
  /** Milliseconds that the server asks to wait, in an event that carries an error. */
  readonly retryAfterMs: (data: string) => number | undefined
  /** Called with each new piece of the content. */
  readonly onContent: (text: string) => void
}

/**
 * Assembles a `chat.completion` from the `data:` objects of a stream. Usage counts wherever it arrives, except for
 * placeholders. A last frame with the whole completion replaces what came before it.
 *
 *   {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"It is"}}]}
 *   {"id":"1","choices":[{"index":0,"delta":{"content":" warm."},"finish_reason":"stop"}]}
 *   {"id":"1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}
 *   [DONE]
 */
export class StreamedCompletion {
  readonly #deltas = new MessageDeltas()
  readonly #context: StreamContext
  #id: unknown
  #model: unknown
  #usage: unknown
  #finishReason: string | undefined
  #whole: UnknownObject | undefined
  #sawDone = false
  #sawChoice = false
  #continuedAfterFinish = false
  /** The index of the choice that counts. One choice is asked for; servers that send several begin with it. */
  #choice: number | undefined

  constructor(context: StreamContext) {
    this.#context = context
  }

  /** Whether the server sent `[DONE]`. */
  get isOver(): boolean {
    return this.#sawDone
  }

  /** Whether the reply seems to be complete. Usage, and even more of the reply, may still follow. */
  get isComplete(): boolean {
    return this.#finishReason !== undefined || this.#whole !== undefined || (this.#sawDone && this.#sawChoice)
  }

  /** Whether the reply continued after its finish reason and did not end since. Such a stream may have been cut off. */
  get continuedAfterFinish(): boolean {
    return this.#continuedAfterFinish && !this.#sawDone
  }

  /** Takes one event. @throws {ModelError} if it carries an error, or is not JSON. */
  push(data: string, event: string | undefined): void {
    const chunk = parseJson(data, { anyDepth: true })
    if (isObject(chunk)) this.#take(chunk, event, data)
    else if (event === 'error') throw this.#errorIn({ error: data }, data) ?? unexplainedFailure(200)
    else if (chunk === unparsable) this.#takeLines(data, event)
  }

  /** The completion as one document, in the form of a response that is not streamed. */
  get completion(): UnknownObject {
    const { message } = this.#deltas
    return {
      id: this.#id,
      model: this.#model,
      usage: this.#usage,
      choices: [
        {
          message: this.#whole === undefined ? message : merge(message, this.#whole),
          finish_reason: this.#finishReason,
        },
      ],
    }
  }

  /** Takes data that is not JSON: `[DONE]`, or several events without the empty lines between them. */
  #takeLines(data: string, event: string | undefined): void {
    const text = data.trim()
    if (text === '') return
    if (text.endsWith('[DONE]')) this.#sawDone = true
    if (text === '[DONE]') return
    const chunks = chunksIn(text)
    if (chunks !== undefined) for (const chunk of chunks) this.#take(chunk, event, text)
    // After the reply is complete, data that cannot be read does no harm.
    else if (!this.isComplete) throw unreadable()
  }

  #take(chunk: UnknownObject, event: string | undefined, data: string): void {
    const isError = event === 'error' || chunk['type'] === 'error'
    if (isError || chunk['error'] || chunk['base_resp']) this.#refuse(chunk, isError, data)
    const { choices, usage, id, model, object } = chunk
    if (usage) this.#takeUsage(usage)
    this.#id ||= id
    this.#model ||= model
    if (!Array.isArray(choices)) return
    for (const choice of choices)
      if (isObject(choice) && this.#isOurs(choice, choices)) this.#takeChoice(choice, object, data)
  }

  /** Throws the error in a chunk. An event with the name `error` may hold the error without an envelope. */
  #refuse(chunk: UnknownObject, isError: boolean, data: string): void {
    const error = this.#errorIn(chunk, data)
    if (error !== undefined) throw error
    if (isError) throw this.#errorIn({ error: chunk }, data) ?? unexplainedFailure(200)
  }

  #errorIn(body: UnknownObject, data: string): ModelError | undefined {
    return errorInBody(body, 200, () => this.#context.retryAfterMs(data))
  }

  #takeUsage(usage: unknown): void {
    const { inputTokens, outputTokens } = usageOf(usage)
    if (inputTokens + outputTokens > 0) this.#usage = usage
  }

  #isOurs({ index }: UnknownObject, choices: readonly unknown[]): boolean {
    if (index !== undefined && index === this.#choice) return true
    const number = wireIndex(index)
    this.#choice ??= lowestIndex(choices)
    return number === undefined || this.#choice === undefined || number === this.#choice
  }

  #takeChoice(choice: UnknownObject, object: unknown, data: string): void {
    const { delta, message, finish_reason: reason, error } = choice
    if (error || reason) throwErrorOf(choice, 200, () => this.#context.retryAfterMs(data))
    this.#sawChoice = true
    const isClosing = typeof reason === 'string' && reason !== ''
    if (isObject(delta)) {
      if (this.#finishReason !== undefined) this.#continuedAfterFinish = !isClosing && !isBlank(delta)
      this.#context.onContent(this.#deltas.push(delta))
    }
    if (isObject(message) && !isBlank(message)) {
      // Beside a delta, a message repeats the delta, or all text so far.
      if (object === 'chat.completion' || !isObject(delta) || isBlank(delta)) this.#whole = message
    }
    if (isClosing) this.#finishReason = moreRestrictive(this.#finishReason, reason)
  }
}

/** The chunks in a text, one per line; `undefined` if one of them is not JSON. */
function chunksIn(text: string): readonly UnknownObject[] | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && line.trim() !== '[DONE]')
  const chunks = lines.map((line) => parseJson(line, { anyDepth: true }))
  return chunks.length === 0 || chunks.includes(unparsable) ? undefined : chunks.filter(isObject)
}

function unreadable(): ModelError {
  const message = 'An event of the stream is not JSON, or was cut off.'
  return new ModelError(message, { code: 'protocol', retryable: true, status: 200 })
}

/** The last frame, with the fields that it leaves empty taken from the deltas. */
function merge(streamed: UnknownObject, whole: UnknownObject): UnknownObject {
  const given = Object.entries(whole).filter(([field, value]) => !(isEmpty(value) && field in streamed))
  return { ...streamed, ...Object.fromEntries(given) }
}

/** Whether all fields of a delta or message are empty, except for role and name. */
function isBlank(fields: UnknownObject): boolean {
  for (const field in fields) if (field !== 'role' && field !== 'name' && !isEmpty(fields[field])) return false
  return true
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
