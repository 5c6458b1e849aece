import { CallList, type CallListOptions, type FoundCall, howToCall } from './call-list.ts'
import { echo } from './echo.ts'
import { isObject } from './json.ts'
import { callsInJson, partsOf } from './json-calls.ts'
import { readMarkup } from './markup/call-markup.ts'
import type { MarkupCall, SchemaOf } from './markup/markup-call.ts'
import { repair } from './repair.ts'
import type { AssistantMessage } from './reply.ts'
import type { ToolCall } from './tool-call.ts'

/** One reply in normal form, whatever shape it came in. */
export interface Reading {
  /** The visible text: no thinking. */
  readonly text: string
  readonly calls: readonly ToolCall[]
  /** The message to echo: as it came wherever the server takes it back as it came. */
  readonly message: AssistantMessage
}

export interface ReadOptions extends CallListOptions {
  /** The input schema of a declared tool: only declared names are taken for calls in text. */
  readonly schemaOf: SchemaOf
}

/**
 * Reads one assistant message. Never throws, whatever came over the wire.
 *
 * Native calls are taken alone: markup beside them is their own text form, leaked.
 */
export function read(original: AssistantMessage, options: ReadOptions): Reading {
  const message = isObject(original) ? original : { role: 'assistant' as const }
  const markup = readMarkup(textOf(message.content), options.schemaOf)
  const { text } = markup
  const list = new CallList(options)
  addNativeCalls(message, list)
  if (list.calls.length > 0) return { text, calls: list.calls, message: echo(message, list.calls) }
  if (markup.calls.length > 0) {
    for (const call of markup.calls) list.add(inMarkup(call))
    return { text, calls: list.calls, message: echo({ ...message, content: markup.content.trim() }, list.calls) }
  }
  for (const call of callsInJson(text, options.schemaOf)) list.add(call)
  return { text, calls: list.calls, message: echo(message, list.calls) }
}

/** Some gateways send content as a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: unknown) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

function addNativeCalls(message: AssistantMessage, list: CallList): void {
  const wire: unknown = message.tool_calls
  if (Array.isArray(wire)) for (const call of wire) if (isObject(call)) addNativeCall(call, list)
  // The API's older form, one call without an id.
  const legacy = message['function_call']
  if (list.calls.length === 0 && isObject(legacy)) addNativeCall(legacy, list)
}

function addNativeCall(call: object, list: CallList): void {
  const { id, name = '', input } = partsOf(call)
  list.add({ id, name, rawArguments: input })
}

function inMarkup({ name, input, problem }: MarkupCall): FoundCall {
  if (problem === undefined) return { name, rawArguments: input, mended: repair('markup_in_text', name, input) }
  const called = name === '' ? 'A call' : `The call of "${name}"`
  const message = `${called} in your text cannot be read: ${problem}. ${howToCall}`
  return { name, rawArguments: '{}', problem: message }
}
