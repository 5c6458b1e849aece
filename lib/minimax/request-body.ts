import { isObject } from '../../router/json/json.ts'
import type { ModelRequest, SerializedMessage } from '../loop/model.ts'
import { messagesAsText } from './json-protocol.ts'
import type { OptionalPart } from './refusals.ts'
import { noSettings, type RequestSettings } from './request-options.ts'

interface RequestFields {
  /** Name of the model. */
  readonly model: string
  /** Whether to request server-sent events. @defaultValue false */
  readonly stream?: boolean
  /** Options of the request. @defaultValue none */
  readonly settings?: RequestSettings
  /** Whether a part is sent, which the endpoint may have refused before. @defaultValue every part is */
  readonly sends?: (part: OptionalPart) => boolean
}

/**
 * The body of one request: messages that are JSON already, and a tail with the other fields. Nothing is serialised twice.
 * The caller must release the body after it was sent.
 *
 * Only documented fields are sent, and those of the option `body`. `reasoning_split` keeps thinking out of `content`.
 * Source: https://platform.minimax.io/docs/api-reference/text-chat-openai.md
 */
export function requestBody(request: ModelRequest, fields: RequestFields): EncodedBody {
  const { model, stream = false, settings = noSettings, sends = () => true } = fields
  const { temperature, topP, maxOutputTokens, body } = settings
  const native = sends('tools')
  const tools = native ? toolsOf(request, sends) : undefined
  let tail = `],"model":${JSON.stringify(model)}`
  if (sends('reasoning_split') && !body.has('reasoning_split')) tail += ',"reasoning_split":true'
  if (stream) tail += ',"stream":true'
  // Without `include_usage` a stream may carry no usage at all.
  if (stream && sends('stream_options') && !body.has('stream_options'))
    tail += ',"stream_options":{"include_usage":true}'
  if (maxOutputTokens !== undefined) {
    tail += `,"${sends('max_completion_tokens') ? 'max_completion_tokens' : 'max_tokens'}":${maxOutputTokens}`
  }
  if (temperature !== undefined) tail += `,"temperature":${temperature}`
  if (topP !== undefined) tail += `,"top_p":${topP}`
  for (const [name, json] of body) {
    if (tools !== undefined || !onlyWithTools.has(name)) tail += `,${JSON.stringify(name)}:${json}`
  }
  if (tools !== undefined) tail += `,"tools":${tools}`
  const messages = native ? request.messages : messagesAsText(request)
  return encodeBody(sends('reply_fields') ? messages : messages.map(withoutReplyFields), `${tail}}`)
}

/** An earlier reply with its text and its tool calls only. Each is rewritten once, however many requests contain it. */
function withoutReplyFields(message: SerializedMessage): SerializedMessage {
  if (message.role !== 'assistant') return message
  let reduced = reducedReplies.get(message)
  if (reduced === undefined) {
    const document: unknown = JSON.parse(message.json)
    const { role, content, tool_calls } = isObject(document) ? document : {}
    reduced = { role: 'assistant', json: JSON.stringify({ role, content, tool_calls }) }
    reducedReplies.set(message, reduced)
  }
  return reduced
}

const reducedReplies = new WeakMap<SerializedMessage, SerializedMessage>()

/** Fields that servers refuse in a request without tools, such as that for the answer. */
const onlyWithTools: ReadonlySet<string> = new Set(['tool_choice', 'parallel_tool_calls'])

/** The parts of a request that the endpoint may refuse, and that can be left out: those that are in its body. */
export function optionalPartsOf(request: ModelRequest, fields: Required<RequestFields>): readonly OptionalPart[] {
  const { stream, settings, sends } = fields
  const hasTools = request.tools !== undefined && sends('tools')
  const parts: readonly (readonly [OptionalPart, boolean])[] = [
    ['reasoning_split', !settings.body.has('reasoning_split')],
    ['stream_options', stream && !settings.body.has('stream_options')],
    ['max_completion_tokens', settings.maxOutputTokens !== undefined],
    ['reply_fields', request.messages.some(({ role }) => role === 'assistant')],
    ['schemas', hasTools && request.plainTools !== undefined],
    ['tools', hasTools],
  ]
  return parts.filter(([part, isSent]) => isSent && sends(part)).map(([part]) => part)
}

function toolsOf({ tools, plainTools }: ModelRequest, sends: (part: OptionalPart) => boolean): string | undefined {
  return tools === undefined || sends('schemas') ? tools : (plainTools?.() ?? tools)
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
 *
 * @internal Exported for its tests.
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
