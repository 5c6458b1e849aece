import { type AssistantMessage, contentText } from '../../router/reading/assistant-message.ts'
import { clip } from '../../router/text/clip.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import type { SerializedMessage } from './model.ts'

/**
 * The messages of a run in wire order, each serialised once. What is appended keeps the wire's rules: one system message
 * and first, no empty content, and the results of a reply directly behind it, one per call, in order.
 */
export class Transcript {
  readonly #messages: SerializedMessage[] = []
  #bytes = 0

  get messages(): readonly SerializedMessage[] {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  system(content: string): void {
    this.#push({ role: 'system', json: JSON.stringify({ role: 'system', content }) })
  }

  user(content: string): void {
    this.#push({ role: 'user', json: JSON.stringify({ role: 'user', content: content === '' ? '(empty)' : content }) })
  }

  /** The text of a message of more than `maxBytes`, which no server would take back, is shortened; calls have to stay. */
  assistant(message: AssistantMessage, maxBytes: number): void {
    const json = serialise(message)
    const fits = Buffer.byteLength(json) <= maxBytes
    this.#push({ role: 'assistant', json: fits ? json : serialise(shortened(message, maxBytes)) })
  }

  results(results: readonly ToolResult[]): void {
    for (const { id, content } of results) {
      this.#push({ role: 'tool', json: JSON.stringify({ role: 'tool', tool_call_id: id, content }) })
    }
  }

  /** A message that is serialised already, from a checkpoint. */
  append(message: SerializedMessage): void {
    this.#push(message)
  }

  #push(message: SerializedMessage): void {
    this.#messages.push(message)
    this.#bytes += Buffer.byteLength(message.json)
  }
}

function shortened({ content, tool_calls }: AssistantMessage, maxBytes: number): AssistantMessage {
  const marker = (left: number, total: number) => `\n[… ${left} of ${total} bytes left out …]\n`
  const { text } = clip(contentText(content), maxBytes, marker)
  // MiniMax refuses some empty contents beside calls.
  return { role: 'assistant', ...(text !== '' && { content: text }), ...(tool_calls && { tool_calls }) }
}

function serialise(message: AssistantMessage): string {
  // A message without calls and without content is refused later: the server wants at least one of them.
  const empty = !message.tool_calls?.length && (typeof message.content !== 'string' || message.content === '')
  const sound: AssistantMessage = empty ? { ...message, content: '(no content)' } : message
  try {
    return JSON.stringify(sound)
  } catch {
    // Fields that nest too deep to be written: what the server needs back is kept.
    const { role, content, tool_calls } = sound
    return JSON.stringify({ role, content, tool_calls })
  }
}
