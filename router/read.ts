import { type CallListOptions, type FoundCall, howToCall, newCallList } from './call-list.ts'
import { contentText } from './content-text.ts'
import { echo } from './echo.ts'
import { foreignCall } from './foreign-call.ts'
import { isObject } from './json.ts'
import { callsInJson } from './json-calls.ts'
import { readMarkup } from './markup/call-markup.ts'
import type { MarkupCall, SchemaOf } from './markup/markup-call.ts'
import { addNativeCalls } from './native-calls.ts'
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
 * Native calls are taken alone: markup beside them is their own text form, leaked. A reply without text and calls may have
 * its call at the end of its thinking, where a server's parser left it.
 */
export function read(original: AssistantMessage, options: ReadOptions): Reading {
  const message = isObject(original) ? original : { role: 'assistant' as const }
  const { schemaOf } = options
  const content = contentText(message.content)
  const markup = readMarkup(content, schemaOf)
  const { text } = markup
  const list = newCallList(options)
  addNativeCalls(message, list)
  if (list.calls.length > 0) return { text, calls: list.calls, message: echo(message, list.calls) }
  if (markup.calls.length > 0) {
    for (const call of markup.calls) list.add(inMarkup(call))
    return { text, calls: list.calls, message: echo({ ...message, content: markup.content.trim() }, list.calls) }
  }
  const thought = content === '' ? reasoningOf(message) : ''
  if (thought !== '') for (const call of readMarkup(`<think>${thought}`, schemaOf).calls) list.add(inMarkup(call))
  for (const call of callsInJson(text, schemaOf)) list.add(call)
  if (list.calls.length === 0) for (const call of foreignCall(text)) list.add(call)
  return { text, calls: list.calls, message: echo(message, list.calls) }
}

function reasoningOf({ reasoning_content: reasoning, reasoning_details: details }: AssistantMessage): string {
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning
  const texts = Array.isArray(details) ? details.map((detail) => (isObject(detail) ? detail['text'] : '')) : []
  return texts.filter((text) => typeof text === 'string').join('')
}

function inMarkup({ name, input, problem }: MarkupCall): FoundCall {
  if (problem === undefined) return { name, rawArguments: input, mended: repair('markup_in_text', name, input) }
  const called = name === '' ? 'A call' : `The call of "${name}"`
  const message = `${called} in your text cannot be read: ${problem}. ${howToCall}`
  return { name, rawArguments: '{}', problem: message }
}
