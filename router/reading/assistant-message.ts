import { isObject } from '../json/json.ts'
import type { ToolCall } from '../tool-call.ts'

/**
 * One assistant message of the chat-completions API, loosely typed, because it comes from a server.
 *
 * Unknown fields (`reasoning_content`, `reasoning_details`, `name`) are kept, because the message is sent back.
 */
export interface AssistantMessage {
  /** Servers leave it out, or send other values; it is sent back as `assistant`. */
  readonly role: 'assistant'
  /** The text, with thinking in it if the server does not separate it. */
  readonly content?: string | null
  /** The native calls. */
  readonly tool_calls?: readonly WireToolCall[] | null
  readonly [field: string]: unknown
}

/** A native tool call as servers send it; every field may be missing, empty or of another type. */
export interface WireToolCall {
  /** The id that the result must refer to. */
  readonly id?: unknown
  /** `function`. */
  readonly type?: unknown
  /** The name of the tool, and its arguments as JSON text. */
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null
  readonly [field: string]: unknown
}

/** Placeholders, because servers refuse an empty name and an empty content. */
const unnamed = 'unnamed_tool'
const noContent = '(no content)'

/** Names that servers accept. Declared names are stricter: at most 64 characters, and no dot. */
const sendableName = /^[\w.-]{1,128}$/

/**
 * The message in a form that servers accept: each call has an id, a name and arguments that are JSON text, and the content
 * is not empty. If the original already has this form, it is returned itself.
 *
 * @example
 * // as it came: an object instead of JSON text, and an empty id
 * { role: 'assistant', content: '', tool_calls: [{ id: '', function: { name: 'ping', arguments: {} } }] }
 * // as it is sent back
 * { role: 'assistant', tool_calls: [{ id: 'call_1_1', type: 'function', function: { name: 'ping', arguments: '{}' } }] }
 */
export function sendableMessage(message: AssistantMessage, calls: readonly ToolCall[]): AssistantMessage {
  const isSendable =
    message.role === 'assistant' &&
    !('function_call' in message) &&
    hasSendableContent(message, calls.length > 0) &&
    hasSendableCalls(message, calls)
  return isSendable ? message : repaired(message, calls)
}

function repaired(message: AssistantMessage, calls: readonly ToolCall[]): AssistantMessage {
  const original = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : []
  const { content: wireContent, tool_calls: _, function_call: __, ...rest } = message
  const content = isContent(wireContent) ? wireContent : contentText(wireContent)
  return {
    ...rest,
    role: 'assistant',
    // MiniMax refuses some empty contents beside calls. A missing content has not been reported to fail.
    ...(content === '' ? (calls.length > 0 ? {} : { content: noContent }) : { content }),
    ...(calls.length > 0 ? { tool_calls: calls.map((call, index) => written(call, original[index])) } : {}),
  }
}

/** Whether each call can be sent back unchanged. An empty list cannot: some servers refuse it. */
function hasSendableCalls({ tool_calls: wire }: AssistantMessage, calls: readonly ToolCall[]): boolean {
  if (wire === undefined) return calls.length === 0
  return (
    Array.isArray(wire) &&
    wire.length > 0 &&
    wire.length === calls.length &&
    calls.every((call, index) => isSendableCall(wire[index], call))
  )
}

function hasSendableContent(message: AssistantMessage, hasCalls: boolean): boolean {
  return 'content' in message ? isContent(message.content) && message.content !== '' : hasCalls
}

function isContent(content: unknown): boolean {
  return typeof content === 'string' || (Array.isArray(content) && content.length > 0 && content.every(isTextPart))
}

function isTextPart(part: unknown): boolean {
  return isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string' && part['text'] !== ''
}

function written(call: ToolCall, before: WireToolCall | undefined): WireToolCall {
  if (isSendableCall(before, call)) return before
  const name = sendableName.test(call.name) ? call.name : call.name.replace(/[^\w.-]/g, '_').slice(0, 64) || unnamed
  return { id: call.id, type: 'function', function: { name, arguments: JSON.stringify(call.input) } }
}

function isSendableCall(wire: WireToolCall | undefined, call: ToolCall): wire is WireToolCall {
  if (!isObject(wire) || wire.id !== call.id || wire.type !== 'function') return false
  if (!sendableName.test(call.name) || wire.function?.name !== call.name) return false
  if (typeof wire.function.arguments !== 'string' || call.refusal !== undefined) return false
  return call.repairs.every(({ kind }) => kind === 'coerced' || kind === 'unstringified')
}

/** The text of a message's content. Some gateways send it as a list of parts, reasoning and tool uses among them. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return [content].flat().map(textOfPart).join('')
}

function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part
  if (!isObject(part) || typeof part['text'] !== 'string') return ''
  const type = part['type'] ?? 'text'
  return type === 'text' || type === 'output_text' ? part['text'] : ''
}
