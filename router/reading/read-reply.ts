import { type ReadCallsOptions, readCalls } from '../arguments.ts'
import { isObject, parseJson, unparsable } from '../json/json.ts'
import { escapePointerToken } from '../json/json-pointer.ts'
import { repair, type ToolCall } from '../tool-call.ts'
import { type AssistantMessage, contentText, sendableMessage } from './assistant-message.ts'
import { callAgain, callFieldsOf, forProtocol, type Protocol, type RawCall, refusedCall } from './call-shapes.ts'
import { readJsonCalls } from './json-calls.ts'
import { quotingPlaces } from './quotations.ts'
import { ShownTexts } from './shown-calls.ts'
import type { Place, SchemaOf, TextCall, TextFormat, TextReading } from './text-format.ts'

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
interface ReadOptions extends TextOptions, ReadCallsOptions {
  /** Whether a declared tool cannot change anything: it has `readOnlyHint: true`. */
  readonly isReadOnly: (tool: string) => boolean
  /** The way in which the tools were sent to the model. */
  readonly protocol: Protocol
  /** Everything that the model was shown before the reply. Called only if the text holds a call. */
  readonly shown?: (() => Iterable<string>) | undefined
}

/**
 * Reads one assistant message. Never throws, whatever the server sent.
 *
 * Calls are looked for in this order, and the first place that has some is the only one:
 * 1. native calls (`tool_calls` and its older forms). A call in the text beside them is a leaked copy.
 * 2. calls in the content, in the text format of the model;
 * 3. calls at the end of thinking that came apart from an empty content, where a server's parser may have left them;
 * 4. structured JSON in the visible text;
 * 5. the notation of another model family, which is not read but answered with feedback.
 *
 * A call that was found in text may be a quotation of a log, or an example. It is refused if one of these is true:
 * - it appears in a text that the model was shown;
 * - the protocol is native, and it is in a code block, a list item, a quotation, a table or an indented block;
 * - the protocol is native, its tool is not read-only, and it is not in the wrapper of the model's text format.
 * In the JSON protocol a request in a code block is the normal form; there, it must be the last thing in the text.
 */
export function read(original: AssistantMessage, options: ReadOptions): Reading {
  const message = isObject(original) ? original : { role: 'assistant' as const }
  const found = find(message, options)
  const trusted = found.inText === undefined || options.truncated ? found.calls : trustedCalls(found.inText, options)
  const calls = readCalls(trusted, options).map((call) => finished(call, found.inText === undefined, options))
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
  /** Set if the calls were found in text. */
  readonly inText?: CallsInText
}

/** Calls that were found in a text, and where. */
interface CallsInText {
  readonly source: string
  readonly thinking: readonly Place[]
  readonly calls: readonly { readonly call: RawCall; readonly at: Omit<TextCall, 'name'> }[]
}

function find(message: AssistantMessage, { textFormat, schemaOf }: TextOptions): FoundText {
  const native = nativeCalls(message)
  const content = contentText(message.content)
  const reading = textFormat?.read(content, schemaOf) ?? plain(content)
  if (native.length > 0) return { text: reading.text, calls: native }
  if (reading.calls.length > 0) return { ...foundIn(reading), content: reading.content.trim() }
  const thinking = content === '' ? thinkingOf(message) : ''
  const inThinking = thinking === '' ? undefined : textFormat?.readThinking(thinking, schemaOf)
  if (inThinking !== undefined && inThinking.calls.length > 0) return { ...foundIn(inThinking), text: reading.text }
  const { text, calls } = readJsonCalls(reading.text, schemaOf)
  if (calls.length === 0 && textFormat?.holdsForeignCall(text, schemaOf) === true) {
    return { text, calls: [refusedCall(`Your text contains a call in a notation that is not read here. ${callAgain}`)] }
  }
  const places = calls.map(({ call, ...at }) => ({ call, at }))
  return {
    text,
    calls: calls.map(({ call }) => call),
    inText: { source: reading.text, thinking: [], calls: places },
  }
}

function plain(content: string): TextReading {
  return { calls: [], text: content.trim(), content, source: content, thinking: [] }
}

function foundIn({ text, calls, source, thinking }: TextReading): FoundText {
  const places = calls.map((at) => ({ call: markupCallOf(at), at }))
  return { text, calls: places.map(({ call }) => call), inText: { source, thinking, calls: places } }
}

function markupCallOf({ name, input, refusal }: TextCall): RawCall {
  if (refusal === undefined) return { name, rawArguments: input, repair: repair('markup_in_text', name, input) }
  const called = name === '' ? 'A call' : `The call of "${name}"`
  return { ...refusedCall(`${called} in your text cannot be read: ${refusal}. ${callAgain}`), name }
}

/** The calls of a text, those refused that must not be executed because nobody may have meant them. */
function trustedCalls({ source, thinking, calls }: CallsInText, options: ReadOptions): readonly RawCall[] {
  const { schemaOf, protocol, isReadOnly } = options
  const mayRun = ({ refusal, name }: RawCall) => refusal === undefined && schemaOf(name.trim()) !== undefined
  if (!calls.some(({ call }) => mayRun(call))) return calls.map(({ call }) => call)
  const shown = options.shown === undefined ? undefined : new ShownTexts(options.shown())
  const places = protocol === 'native' ? quotingPlaces(source, thinking, calls.map(atOf)) : []
  return calls.map(({ call, at }, index) => {
    if (!mayRun(call)) return call
    const name = call.name.trim()
    const place = places[index]
    if (
      shown?.contains({ name, input: call.rawArguments, source: at.source ?? source.slice(at.start, at.end) }) === true
    ) {
      return refusedAs(call, 'it also appears in a text that you were shown')
    }
    if (place !== undefined) return refusedAs(call, `it is ${place}`)
    if (protocol === 'json') return at.isFollowed === true ? refusedAs(call, 'your text continues after it') : call
    if (isReadOnly(name) || at.wrapperStart !== undefined) return call
    return refusedAs(call, 'only a native call may run a tool that can change something')
  })
}

function atOf({ call, at }: CallsInText['calls'][number]): TextCall {
  return { name: call.name, ...at }
}

const ifQuoted = 'If you only wanted to quote it, describe it in words instead.'

/** The refusal of a call that may be a quotation. The model may have meant to quote it, so it is told how to go on. */
function refusedAs({ name }: RawCall, why: string): RawCall {
  return {
    ...refusedCall(`The call of "${name}" in your text may be a quotation: ${why}. ${ifQuoted} ${callAgain}`),
    name,
  }
}

/** A call with its last checks, which need its arguments. */
function finished(call: ToolCall, isNative: boolean, options: ReadOptions): ToolCall {
  const { refusal, name, input } = call
  if (refusal !== undefined) {
    return { ...call, refusal: { ...refusal, message: forProtocol(refusal.message, options.protocol) } }
  }
  const { textFormat, schemaOf, isReadOnly } = options
  if (!isNative || textFormat === undefined || schemaOf(name) === undefined || isReadOnly(name)) return call
  const path = pathToClosers(input, textFormat)
  if (path === undefined) return call
  const message = `The value at ${path} ends in the closing tags of a call, so it may be damaged. ${callAgain}`
  return { ...call, refusal: { kind: 'unreadable_call', message: forProtocol(message, options.protocol) } }
}

/** The JSON Pointer to the first string in a value that ends in the closing tags of a call. */
function pathToClosers(value: unknown, textFormat: TextFormat): string | undefined {
  if (typeof value === 'string') return textFormat.endsInClosers(value) ? '' : undefined
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = pathToClosers(value[index], textFormat)
      if (found !== undefined) return `/${index}${found}`
    }
    return undefined
  }
  for (const key in value) {
    const found = pathToClosers(Reflect.get(value, key), textFormat)
    if (found !== undefined) return `/${escapePointerToken(key)}${found}`
  }
  return undefined
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
