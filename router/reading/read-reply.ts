import { type ReadCallsOptions, readCalls } from '../arguments.ts'
import { isObject, parseJson, unparsable } from '../json/json.ts'
import { repair, type ToolCall } from '../tool-call.ts'
import { type AssistantMessage, contentText, sendableMessage } from './assistant-message.ts'
import { callAgain, callFieldsOf, type RawCall, refusedCall } from './call-shapes.ts'
import { readJsonCalls } from './json-calls.ts'
import type { SchemaOf, TextCall, TextFormat } from './text-format.ts'

/** One reply in normal form, whatever shape it came in. */
export interface Reading {
  /** The visible text, trimmed: without thinking and without the calls that were read from it. */
  readonly text: string
  /** The calls of the reply, in order. Each has an id of its own, and an input that is an object or a refusal. */
  readonly calls: readonly ToolCall[]
  /** The message to send back to the server: the original one if the server accepts it, else a repaired copy. */
  readonly message: AssistantMessage
}

/** Options that decide what is text and what is a call. */
export interface TextOptions {
  /** The input schemas of the declared tools. Text counts as a call only if it names one of these. */
  readonly schemaOf: SchemaOf
  /** The text format of the model. @defaultValue none: only native calls and structured JSON are read */
  readonly textFormat?: TextFormat | undefined
}

/** Options of {@link read}. */
interface ReadOptions extends TextOptions, ReadCallsOptions {}

/**
 * Reads one assistant message. Never throws, whatever the server sent.
 *
 * Calls are looked for in this order, and the first place that has some is the only one:
 * 1. native calls (`tool_calls` and its older forms). A call in the text beside them is a leaked copy.
 * 2. calls in the content, in the text format of the model;
 * 3. calls at the end of thinking that came apart from an empty content, where a server's parser may have left them;
 * 4. structured JSON in the visible text;
 * 5. the notation of another model family, which is not read but answered with feedback.
 */
export function read(original: AssistantMessage, options: ReadOptions): Reading {
  const message = isObject(original) ? original : { role: 'assistant' as const }
  const found = find(message, options)
  const calls = readCalls(found.calls, options)
  const sent = found.content === undefined ? message : { ...message, content: found.content }
  return { text: found.text, calls, message: sendableMessage(sent, calls) }
}

/** The `text` of a {@link Reading} alone, without the work of reading arguments. */
export function readText(message: AssistantMessage, options: TextOptions): string {
  return find(message, options).text
}

/** Text and calls as they were found, before ids and arguments are checked. */
interface FoundText {
  readonly text: string
  readonly calls: readonly RawCall[]
  /** The content without its calls, if it had some. */
  readonly content?: string
}

function find(message: AssistantMessage, { textFormat, schemaOf }: TextOptions): FoundText {
  const native = nativeCalls(message)
  const content = contentText(message.content)
  const reading = textFormat?.read(content, schemaOf) ?? { calls: [], text: content.trim(), content }
  if (native.length > 0) return { text: reading.text, calls: native }
  if (reading.calls.length > 0) {
    return { text: reading.text, calls: reading.calls.map(markupCallOf), content: reading.content.trim() }
  }
  const thinking = content === '' ? thinkingOf(message) : ''
  const inThinking = thinking === '' ? [] : (textFormat?.readThinking(thinking, schemaOf) ?? [])
  if (inThinking.length > 0) return { text: reading.text, calls: inThinking.map(markupCallOf) }
  const { text, calls } = readJsonCalls(reading.text, schemaOf)
  if (calls.length === 0 && textFormat?.foreignCall.test(text) && !text.includes('```')) {
    return { text, calls: [refusedCall(`Your text contains a call in a notation that is not read here. ${callAgain}`)] }
  }
  return { text, calls }
}

function markupCallOf({ name, input, refusal }: TextCall): RawCall {
  if (refusal === undefined) return { name, rawArguments: input, repair: repair('markup_in_text', name, input) }
  const called = name === '' ? 'A call' : `The call of "${name}"`
  return { ...refusedCall(`${called} in your text cannot be read: ${refusal}. ${callAgain}`), name }
}

/** Thinking that the server sent apart from the content. */
function thinkingOf({ reasoning_content: reasoning, reasoning_details: details }: AssistantMessage): string {
  if (typeof reasoning === 'string' && reasoning !== '') return reasoning
  const texts = Array.isArray(details) ? details.map((detail) => (isObject(detail) ? detail['text'] : '')) : []
  return texts.filter((text) => typeof text === 'string').join('')
}

/** The calls that a message carries beside its text, in all containers that gateways put them into. */
function nativeCalls(message: AssistantMessage): readonly RawCall[] {
  const wire: unknown = message.tool_calls
  const calls = entriesOf(wire).flatMap(nativeCall)
  if (typeof wire === 'string' && wire.trim() !== '' && parseJson(wire) === unparsable) {
    calls.push(refusedCall(`The list of your tool calls is not JSON. ${callAgain}`))
  }
  if (calls.length > 0) return calls
  // The API's older form has one call without an id; MiniMax's Anthropic API has calls as parts of the content.
  const parts: unknown = message.content
  const uses = Array.isArray(parts) ? parts.filter((part) => isObject(part) && part['type'] === 'tool_use') : []
  return [message['function_call'], ...uses].flatMap(nativeCall)
}

/** Gateways send the list as JSON text, as an object by index, nested in another list, or as one call. */
function entriesOf(wire: unknown): readonly unknown[] {
  const value = typeof wire === 'string' ? parseJson(wire) : wire
  if (Array.isArray(value)) return value.some(Array.isArray) ? value.flat() : value
  if (!isObject(value)) return []
  return 'function' in value || 'name' in value ? [value] : Object.values(value)
}

/** Some servers send an entry with nothing set beside every answer: it is not a call. */
function nativeCall(entry: unknown): RawCall[] {
  const call = typeof entry === 'string' ? parseJson(entry) : entry
  if (!isObject(call)) return []
  const { id, name = '', input } = callFieldsOf(call)
  const isSet = name !== '' || Boolean(id) || (input !== undefined && input !== null && input !== '')
  return isSet ? [{ id, name, rawArguments: input }] : []
}
