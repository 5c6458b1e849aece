/**
 * One assistant message of the chat-completions wire, loosely typed: it comes from a server.
 *
 * Unknown fields (`reasoning_content`, `reasoning_details`, `name`) are kept, because the message is echoed.
 */
export interface AssistantMessage {
  readonly role: 'assistant'
  readonly content?: string | null
  readonly tool_calls?: readonly WireToolCall[] | null
  readonly [field: string]: unknown
}

/** A native tool call as servers send it; every field may be missing, empty or of another type. */
export interface WireToolCall {
  readonly id?: unknown
  readonly type?: unknown
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null
  readonly [field: string]: unknown
}
