import type { SerializedMessage } from '../loop/model.ts'

const head = '{"messages":['
const firstCapacity = 16_384

const encoded = new WeakMap<readonly SerializedMessage[], EncodedTranscript>()

/**
 * A request body out of messages and a tail that closes it: `],"model":…}`.
 *
 * A transcript only grows, so its bytes are kept beside it: each message is encoded once in a run, and a further round
 * costs what is new. The body is a view that is valid until the next one is made of the same transcript.
 */
export function encodeBody(messages: readonly SerializedMessage[], tail: string): Buffer {
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
  #count = 0
  #last: SerializedMessage | undefined

  /** Whether what was encoded so far still is the beginning. */
  isPrefixOf(messages: readonly SerializedMessage[]): boolean {
    return this.#count <= messages.length && (this.#count === 0 || messages[this.#count - 1] === this.#last)
  }

  body(messages: readonly SerializedMessage[], tail: string): Buffer {
    for (; this.#count < messages.length; this.#count++) {
      const message = messages[this.#count]
      if (message === undefined) continue
      if (this.#count > 0) this.#write(',')
      this.#write(message.json)
      this.#last = message
    }
    const end = this.#length
    this.#write(tail)
    const body = this.#buffer.subarray(0, this.#length)
    this.#length = end // the next message is written over this tail
    return body
  }

  #write(text: string): void {
    const bytes = Buffer.byteLength(text)
    if (this.#length + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#length + bytes))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#length += this.#buffer.write(text, this.#length)
  }
}
