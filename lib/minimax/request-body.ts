import type { ModelRequest, SerializedMessage } from '../loop/model.ts'
import { messagesAsText } from './json-protocol.ts'
import type { Protocol } from './options.ts'

interface RequestFields {
  readonly model: string
  readonly maxOutputTokens: number | undefined
  /** @defaultValue false */
  readonly stream?: boolean
  /** @defaultValue native */
  readonly protocol?: Protocol
}

/**
 * The body of one request: messages that are JSON already, and a tail with the other fields. Nothing is serialised twice.
 * Whoever sent it releases it.
 *
 * Only documented fields. `reasoning_split` keeps thinking out of `content`, where it would have to be told from text.
 */
export function requestBody(request: ModelRequest, fields: RequestFields): EncodedBody {
  const native = fields.protocol !== 'json'
  let tail = `],"model":${JSON.stringify(fields.model)},"reasoning_split":true`
  // Without `include_usage` a stream may carry no usage at all.
  if (fields.stream) tail += ',"stream":true,"stream_options":{"include_usage":true}'
  if (fields.maxOutputTokens !== undefined) tail += `,"max_completion_tokens":${fields.maxOutputTokens}`
  if (native && request.tools !== undefined) tail += `,"tools":${request.tools}`
  return encodeBody(native ? request.messages : messagesAsText(request), `${tail}}`)
}

const head = '{"messages":['
const firstCapacity = 16_384
/** In bytes of UTF-8. */
const longestCharacter = 4

/** The bytes of one request body, which stay as they are until they are released. */
class EncodedBody {
  readonly bytes: Buffer
  /** Gives the memory back to the transcript; who never calls this costs the next body a copy. */
  readonly release: () => void

  constructor(bytes: Buffer, release: () => void) {
    this.bytes = bytes
    this.release = release
  }

  toString(): string {
    return this.bytes.toString()
  }
}

const encoded = new WeakMap<readonly SerializedMessage[], EncodedTranscript>()

/**
 * A request body out of messages and a tail that closes it: `],"model":…}`.
 *
 * A transcript only grows, so its bytes are kept beside it: each message is encoded once in a run, and a further round
 * costs what is new.
 */
export function encodeBody(messages: readonly SerializedMessage[], tail: string): EncodedBody {
  let transcript = encoded.get(messages)
  if (transcript === undefined || !transcript.isPrefixOf(messages)) {
    transcript = new EncodedTranscript()
    encoded.set(messages, transcript)
  }
  return transcript.body(messages, tail)
}

class EncodedTranscript {
  #buffer = Buffer.allocUnsafeSlow(firstCapacity)
  #length = this.#buffer.write(head)
  /** Whether a body that was not released yet ends in this buffer: what follows the messages is its tail. */
  #isLent = false
  readonly #messages: SerializedMessage[] = []

  /** Whether what was encoded so far still is the beginning. */
  isPrefixOf(messages: readonly SerializedMessage[]): boolean {
    return this.#messages.every((message, index) => messages[index] === message)
  }

  body(messages: readonly SerializedMessage[], tail: string): EncodedBody {
    // Two calls at once over one transcript: the first keeps its bytes, the second goes on in a copy.
    if (this.#isLent) this.#moveTo(this.#buffer.length, this.#length)
    for (const message of messages.slice(this.#messages.length)) this.#append(message)
    // The length stays: once the body is released, the next message is written over its tail.
    const end = this.#write(tail, this.#length)
    const buffer = this.#buffer
    this.#isLent = true
    return new EncodedBody(buffer.subarray(0, end), () => {
      if (this.#buffer === buffer) this.#isLent = false
    })
  }

  #append(message: SerializedMessage): void {
    const { json } = message
    const start = this.#messages.length === 0 ? this.#length : this.#write(',', this.#length)
    this.#length = this.#write(json, start)
    this.#messages.push(message)
  }

  /** Writes a text and gives its end. One that was not cut off leaves room for a character more. */
  #write(text: string, start: number): number {
    const fewest = start + text.length + longestCharacter
    if (fewest > this.#buffer.length) this.#moveTo(Math.max(2 * this.#buffer.length, fewest), start)
    for (;;) {
      const end = start + this.#buffer.write(text, start)
      if (end + longestCharacter <= this.#buffer.length) return end
      this.#moveTo(2 * this.#buffer.length, start)
    }
  }

  #moveTo(capacity: number, used: number): void {
    const other = Buffer.allocUnsafeSlow(capacity)
    this.#buffer.copy(other, 0, 0, used)
    this.#buffer = other
    this.#isLent = false
  }
}
