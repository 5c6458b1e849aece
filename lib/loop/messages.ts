import { type AssistantMessage, contentText, type WireToolCall } from '../../router/reading/assistant-message.ts'
import { clip } from '../../router/text/clip.ts'
import { isPartial, type ToolResult } from '../../router/tool-call.ts'
import type { SerializedMessage } from './model.ts'

/** One message of a conversation, in the form of the chat-completions API. Fields that are not listed are kept. */
export interface ChatMessage {
  /** Who speaks. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  /** The text, or its parts. It can be missing beside `tool_calls`. */
  readonly content?: string | readonly object[] | null
  /** The tool calls of a reply. */
  readonly tool_calls?: readonly WireToolCall[] | null
  /** In the result of a call: the id of the call. */
  readonly tool_call_id?: string
  readonly [field: string]: unknown
}

/**
 * The messages of a run in wire order. Each message is serialised once, when it is added, because every later request
 * sends it again.
 *
 * The order follows the rules of chat completions: at most one system message, which comes first; no empty content; and
 * the results of a reply directly after it, one per call, in the order of the calls.
 */
export class Messages {
  readonly #list: SerializedMessage[]
  #bytes = 0
  #replies = 0

  /** @param list the array to append to; it is part of the run's state. */
  constructor(list: SerializedMessage[]) {
    this.#list = list
  }

  /** The messages so far. The array grows with the run. */
  get list(): readonly SerializedMessage[] {
    return this.#list
  }

  /** UTF-8 bytes of all messages. */
  get bytes(): number {
    return this.#bytes
  }

  /** Replies among the messages, those of `history` included. */
  get replies(): number {
    return this.#replies
  }

  /** Adds the system prompt. */
  addSystem(content: string): void {
    this.add({ role: 'system', json: JSON.stringify({ role: 'system', content }) })
  }

  /** Adds a message of the user, or of the loop itself. */
  addUser(content: string): void {
    this.add({ role: 'user', json: JSON.stringify({ role: 'user', content: content === '' ? '(empty)' : content }) })
  }

  /** Adds a reply. If it is larger than `maxBytes`, its text is shortened; its calls stay, because results follow them. */
  addAssistant(message: AssistantMessage, maxBytes: number): void {
    const json = serialize(message)
    const fits = Buffer.byteLength(json) <= maxBytes
    this.add({ role: 'assistant', json: fits ? json : serialize(shortened(message, maxBytes)) })
  }

  /** Adds the message of a result. @returns the result as the run keeps it, see {@link resultInMessage}. */
  addResult(result: ToolResult): ToolResult {
    const json = JSON.stringify({ role: 'tool', tool_call_id: result.id, content: result.content })
    this.add({ role: 'tool', json })
    return resultInMessage(result, json)
  }

  /** Adds a message that is serialised already, such as one of a checkpoint. */
  add(message: SerializedMessage): void {
    this.#list.push(message)
    if (message.role === 'assistant') this.#replies++
    this.#bytes += Buffer.byteLength(message.json)
  }

  /** Puts another message in the place of one. */
  replace(index: number, message: SerializedMessage): void {
    this.#bytes += Buffer.byteLength(message.json) - Buffer.byteLength(this.#list[index]?.json ?? '')
    this.#list[index] = message
  }
}

/** Content with fewer characters is kept as it is: reading it from its message would save nothing. */
const shortContent = 256

/**
 * A result without what its message contains, which is most of the memory of a run: the content is read from the message
 * each time, and so is the value, unless the content is only a part or a view of it. A value that is in use is read once.
 *
 * @param json the message of the result.
 * @returns the result itself if it has little text, failed, or was reused.
 */
export function resultInMessage(result: ToolResult, json: string): ToolResult {
  // The value of a reused result is not in its content.
  if (result.status !== 'ok' || result.servedFrom !== undefined || result.content.length < shortContent) return result
  return new ResultInMessage(result, json)
}

type OkResult = Extract<ToolResult, { readonly status: 'ok' }>

/**
 * `content` and `value` are own properties, so that a result can be copied with `{ ...result }`. All objects share their
 * getters, because V8 makes a class of objects for each new one.
 */
class ResultInMessage implements OkResult {
  static readonly #contentProperty: PropertyDescriptor & ThisType<ResultInMessage> = {
    enumerable: true,
    get() {
      return contentIn(this.#json)
    },
  }
  static readonly #valueProperty: PropertyDescriptor & ThisType<ResultInMessage> = {
    enumerable: true,
    get() {
      return this.#readValue()
    },
  }
  readonly status = 'ok'
  readonly id: string
  readonly name: string
  readonly callId: string
  readonly input: unknown
  readonly clipped: boolean
  readonly durationMs: number
  readonly repairs: OkResult['repairs']
  declare readonly attempts?: number
  declare readonly isView?: true
  declare readonly viewProblem?: string
  declare readonly content: string
  declare readonly value: unknown
  readonly #json: string
  #inUse: WeakRef<object> | undefined

  constructor(result: OkResult, json: string) {
    this.id = result.id
    this.name = result.name
    this.callId = result.callId
    this.input = result.input
    this.clipped = result.clipped
    this.durationMs = result.durationMs
    this.repairs = result.repairs
    if (result.attempts !== undefined) this.attempts = result.attempts
    if (result.isView !== undefined) this.isView = result.isView
    if (result.viewProblem !== undefined) this.viewProblem = result.viewProblem
    this.#json = json
    Object.defineProperty(this, 'content', ResultInMessage.#contentProperty)
    if (isPartial(result)) this.value = result.value
    else Object.defineProperty(this, 'value', ResultInMessage.#valueProperty)
  }

  #readValue(): unknown {
    const inUse = this.#inUse?.deref()
    if (inUse !== undefined) return inUse
    const value: unknown = JSON.parse(this.content)
    if (typeof value === 'object' && value !== null) this.#inUse = new WeakRef(value)
    return value
  }
}

function contentIn(json: string): string {
  return JSON.parse(json).content
}

function shortened({ content, tool_calls }: AssistantMessage, maxBytes: number): AssistantMessage {
  const marker = (left: number, total: number) => `\n[… ${left} of ${total} bytes left out …]\n`
  const { text } = clip(contentText(content), maxBytes, marker)
  // MiniMax refuses some empty contents beside calls.
  return { role: 'assistant', ...(text !== '' && { content: text }), ...(tool_calls && { tool_calls }) }
}

function serialize(message: AssistantMessage): string {
  try {
    return JSON.stringify(message)
  } catch {
    // Some field nests too deep to be serialised. These are the fields that the server needs.
    const { role, content, tool_calls } = message
    return JSON.stringify({ role, content, tool_calls })
  }
}
