import { type AssistantMessage, contentText, type WireToolCall } from '../../router/reading/assistant-message.ts'
import { clip } from '../../router/text/clip.ts'
import type { ToolResult } from '../../router/tool-call.ts'
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

  /** Adds one message per result, in order. */
  addResults(results: readonly ToolResult[]): void {
    for (const { id, content } of results) {
      this.add({ role: 'tool', json: JSON.stringify({ role: 'tool', tool_call_id: id, content }) })
    }
  }

  /** Adds a message that is serialised already, such as one of a checkpoint. */
  add(message: SerializedMessage): void {
    this.#list.push(message)
    this.#bytes += Buffer.byteLength(message.json)
  }
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
