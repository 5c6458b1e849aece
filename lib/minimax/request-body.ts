import type { ModelRequest, SerializedMessage } from '../loop/model.ts'
import { messagesAsText } from './json-protocol.ts'
import type { Protocol } from './options.ts'

interface RequestFields {
  /** Name of the model. */
  readonly model: string
  /** Maximum length of the completion, in tokens; `undefined` for the server's maximum. */
  readonly maxOutputTokens: number | undefined
  /** Whether to request server-sent events. @defaultValue false */
  readonly stream?: boolean
  /** How tools are sent. @defaultValue native */
  readonly protocol?: Protocol
}

/**
 * The body of one request: messages that are JSON already, and a tail with the other fields. Nothing is serialised twice.
 * The caller must release the body after it was sent.
 *
 * Only documented fields are sent. `reasoning_split` keeps thinking out of `content`.
 * Source: https://platform.minimax.io/docs/api-reference/text-chat-openai.md
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
/** Bytes that a new buffer holds. Most first requests fit into it. */
const firstCapacity = 16_384
/** Bytes of the longest character in UTF-8. */
const maxCharacterBytes = 4

/** One request body in UTF-8. Its bytes do not change until it is released. */
class EncodedBody {
  readonly bytes: Buffer
  /** Lets the next body reuse the memory. If it is never called, the next body costs a copy. */
  readonly release: () => void

  constructor(bytes: Buffer, release: () => void) {
    this.bytes = bytes
    this.release = release
  }

  toString(): string {
    return this.bytes.toString()
  }
}

const encoded = new WeakMap<readonly SerializedMessage[], EncodedMessages>()

/**
 * Encodes messages, and a tail that closes the body: `],"model":…}`.
 *
 * The messages of a run only grow, so their bytes are kept: each message is encoded once, and a further round costs only
 * the new messages.
 */
export function encodeBody(messages: readonly SerializedMessage[], tail: string): EncodedBody {
  let known = encoded.get(messages)
  if (known === undefined || !known.isPrefixOf(messages)) {
    known = new EncodedMessages()
    encoded.set(messages, known)
  }
  return known.body(messages, tail)
}

class EncodedMessages {
  #buffer = Buffer.allocUnsafeSlow(firstCapacity)
  #length = this.#buffer.write(head)
  /** Whether a body in this buffer is not released yet. The bytes after the messages are its tail. */
  #isLent = false
  readonly #messages: SerializedMessage[] = []

  /** Whether the encoded messages are still the first ones of `messages`. */
  isPrefixOf(messages: readonly SerializedMessage[]): boolean {
    return this.#messages.every((message, index) => messages[index] === message)
  }

  body(messages: readonly SerializedMessage[], tail: string): EncodedBody {
    // Two calls at once with the same messages: the first keeps its bytes, the second continues in a copy.
    if (this.#isLent) this.#moveTo(this.#buffer.length, this.#length)
    for (const message of messages.slice(this.#messages.length)) this.#append(message)
    // The length excludes the tail: when the body is released, the next message overwrites it.
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

  /** Writes a text and returns the position after it. `Buffer.write` cuts off silently, so room for one more character must remain. */
  #write(text: string, start: number): number {
    const minCapacity = start + text.length + maxCharacterBytes
    if (minCapacity > this.#buffer.length) this.#moveTo(Math.max(2 * this.#buffer.length, minCapacity), start)
    for (;;) {
      const end = start + this.#buffer.write(text, start)
      if (end + maxCharacterBytes <= this.#buffer.length) return end
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
