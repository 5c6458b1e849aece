import { isObject } from './json.ts'
import type { AssistantMessage, WireToolCall } from './reply.ts'
import type { ToolCall } from './tool-call.ts'

/** Stands for what a server refuses empty. */
const unnamed = 'unnamed_tool'
const noContent = '(no content)'

/** The longest name that is echoed: a declared one has 64 characters at most. */
const maxName = 128

/**
 * The message as the server takes it back: each call with an id, a name and arguments that are JSON text, and no empty
 * content. Where the original is already so, it is returned as it is.
 */
export function echo(message: AssistantMessage, calls: readonly ToolCall[]): AssistantMessage {
  const original = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : []
  const isSound =
    message.role === 'assistant' &&
    !('function_call' in message) &&
    hasSoundContent(message, calls.length > 0) &&
    hasSameCalls(message, calls) &&
    calls.every((call, index) => isAcceptable(original[index], call))
  if (isSound) return message
  const { content, tool_calls: _, function_call: __, ...rest } = message
  const isEmpty = content === undefined || content === null || content === '' || !isContent(content)
  return {
    ...rest,
    role: 'assistant',
    // MiniMax refuses some empty contents beside calls; a missing one has not been reported to fail.
    ...(isEmpty ? (calls.length > 0 ? {} : { content: noContent }) : { content }),
    ...(calls.length > 0 ? { tool_calls: calls.map((call, index) => written(call, original[index])) } : {}),
  }
}

function hasSameCalls({ tool_calls: wire }: AssistantMessage, calls: readonly ToolCall[]): boolean {
  return wire === undefined || wire === null ? calls.length === 0 : Array.isArray(wire) && wire.length === calls.length
}

function hasSoundContent(message: AssistantMessage, hasCalls: boolean): boolean {
  return 'content' in message ? isContent(message.content) && message.content !== '' : hasCalls
}

function isContent(content: unknown): boolean {
  return typeof content === 'string' || (Array.isArray(content) && content.length > 0 && content.every(isTextPart))
}

function isTextPart(part: unknown): boolean {
  return isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string' && part['text'] !== ''
}

function written(call: ToolCall, before: WireToolCall | undefined): WireToolCall {
  if (isAcceptable(before, call)) return before
  const name = call.name === '' ? unnamed : call.name.slice(0, maxName)
  return { id: call.id, type: 'function', function: { name, arguments: JSON.stringify(call.input) } }
}

function isAcceptable(wire: WireToolCall | undefined, call: ToolCall): wire is WireToolCall {
  if (wire === undefined || wire.id !== call.id || wire.type !== 'function') return false
  if (call.name === '' || call.name.length > maxName || wire.function?.name !== call.name) return false
  if (typeof wire.function.arguments !== 'string' || call.refusal !== undefined) return false
  return call.repairs.every(({ kind }) => kind === 'coerced' || kind === 'unstringified')
}
