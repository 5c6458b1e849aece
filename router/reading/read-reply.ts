import { readMarkup } from '../../lib/minimax/markup/read-markup.ts'
import type { MarkupCall, SchemaOf } from '../../lib/minimax/markup/tags.ts'
import { isObject, parseJson, unparsable } from '../json/json.ts'
import { repair, type ToolCall } from '../tool-call.ts'
import { type AssistantMessage, contentText, echo } from './assistant-message.ts'
import { type CallList, type CallListOptions, type FoundCall, howToCall, newCallList } from './call-list.ts'
import { partsOf } from './call-object.ts'
import { callsInJson } from './json-calls.ts'

/** One reply in normal form, whatever shape it came in. */
export interface Reading {
  /** The visible text: no thinking. */
  readonly text: string
  readonly calls: readonly ToolCall[]
  /** The message to echo: as it came wherever the server takes it back as it came. */
  readonly message: AssistantMessage
}

interface ReadOptions extends CallListOptions {
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

/** Adds the calls that a message carries beside its text, in all the containers that gateways put them into. */
function addNativeCalls(message: AssistantMessage, list: CallList): void {
  const wire: unknown = message.tool_calls
  if (typeof wire === 'string' && wire.trim() !== '' && parseJson(wire) === unparsable) list.add(unreadable)
  for (const entry of entriesOf(wire)) addCall(entry, list)
  if (list.calls.length > 0) return
  // The API's older form, one call without an id; and that of MiniMax's other API, calls as parts of the content.
  addCall(message['function_call'], list)
  const parts: unknown = message.content
  if (Array.isArray(parts))
    for (const part of parts) if (isObject(part) && part['type'] === 'tool_use') addCall(part, list)
}

const unreadable: FoundCall = {
  name: '',
  rawArguments: '{}',
  problem: `The list of your tool calls is no JSON. ${howToCall}`,
}

function entriesOf(wire: unknown): readonly unknown[] {
  const value = typeof wire === 'string' ? parseJson(wire) : wire
  if (Array.isArray(value)) return value.some(Array.isArray) ? value.flat() : value
  if (!isObject(value)) return []
  return 'function' in value || 'name' in value ? [value] : Object.values(value)
}

/** An entry in which nothing is set is no call: some servers send one beside every answer. */
function addCall(entry: unknown, list: CallList): void {
  const call = typeof entry === 'string' ? parseJson(entry) : entry
  if (!isObject(call)) return
  const { id, name = '', input } = partsOf(call)
  if (name !== '' || id || (input !== undefined && input !== null && input !== '')) {
    list.add({ id, name, rawArguments: input })
  }
}

/**
 * How other models begin a call in their text. Only at the beginning of a line: elsewhere it is spoken of. None of these
 * is MiniMax's, so they are not read; but taken for an answer, a call would end the run.
 */
const opener =
  /^[ \t]{0,20}(?:<function=|<\|tool_calls?|<\|python_tag\||<｜tool|<\|(?:start|channel)\|>|\[tool_calls?\]|<tool_calls?\b|<arg_key>|<function_call>|&lt;(?:invoke|minimax:tool_call))/im

/** A call in a notation that is not read, where a text holds no other: it is refused, so that it is made natively. */
function foreignCall(text: string): readonly FoundCall[] {
  if (!opener.test(text) || text.includes('```')) return []
  const problem = `Your text holds a call in a notation that is not read here. ${howToCall}`
  return [{ name: '', rawArguments: '{}', problem }]
}
