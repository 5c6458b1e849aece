import { type ExactJson, parseExactJson } from '../json/exact-json.ts'
import { isObject } from '../json/json.ts'
import { jsonSpans, type Span } from '../json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from '../json/lenient-json.ts'
import { repair } from '../tool-call.ts'
import {
  baseName,
  callAgain,
  callFieldsOf,
  envelopeKeys,
  envelopeOf,
  inexactInteger,
  isCallObject,
  type RawCall,
  refusedCall,
} from './call-shapes.ts'
import { JsonCallScan, mayBeCall, startWithFence } from './json-call-scan.ts'
import type { Place, SchemaOf } from './text-format.ts'

/** The structured JSON calls of a text, and the text without them. */
interface JsonReading {
  /** The calls, in order, with the places of their JSON in the text that was read. */
  readonly calls: readonly PlacedCall[]
  /** The text without its calls and the fences around them, trimmed. */
  readonly text: string
}

/**
 * Reads structured JSON calls in a text: envelopes (`{"tool_calls":[{"name","input"}]}`), and the bare `{"name","input"}`
 * that models write instead, alone or in a list, which counts only if it names a declared tool.
 *
 *   I look. {"name":"ping","input":{}}                     executed
 *   ```json\n{"tool_calls":[{"name":"ping"}]}\n```          executed
 *   {"tool_calls":[{"name":"ping"}]} Shall I?              refused: it may be an example
 *   For example {"name":"ping","input":{}} would do.       text
 *   {"celsius":4,"tool_calls":[{"name":"ping"}]}           refused: an answer and a call in one object
 *
 * Only JSON at the end of the text is executed. With prose or an answer after it, it may be an example; in a value that
 * is cut off, it may be anything. There, an envelope is refused, because nothing but a call looks like it, and a bare
 * object is text.
 */
export function readJsonCalls(text: string, schemaOf: SchemaOf): JsonReading {
  const scan = new JsonCallScan()
  scan.push(text)
  if (!scan.mayHoldCall && !namesEnvelope(text)) return { calls: [], text }
  const spans = jsonSpans(text)
  const found: FoundCalls[] = []
  let isLast = true
  let next = text.length
  for (let index = spans.length - 1; index >= 0; index--) {
    const span = spans[index]
    if (span === undefined) continue
    isLast &&= !span.isPart && isGap(text, span.end, next) && !isInlineCode(text, span.start)
    const json = text.slice(span.start, span.end)
    const isCall = mayBeCall(text, span.start)
    const { calls, isAnswer } =
      isCall || namesEnvelope(json) ? callsOf(parseExactJson(json), isLast, schemaOf) : noCalls
    const start = startWithFence(text, span.start)
    // Separators and fences between the last calls, and after them, are removed with the calls.
    const end = isLast ? next : endWithFence(text, span)
    // A call is removed from the text only if the streaming scan stops at it; other text was already shown.
    const isShown = isAnswer || !isCall || isInlineCode(text, span.start)
    if (calls.length > 0) found.push({ calls: placed(calls, span), start: isShown ? end : start, end })
    else isLast = false
    next = isShown ? span.start : start
  }
  if (found.length === 0) return readBrokenCall(text, spans, schemaOf)
  found.reverse()
  return { calls: found.flatMap(({ calls }) => calls), text: without(text, found) }
}

/** A call and the place of its JSON. */
interface PlacedCall extends Place {
  /** The call as it was found. */
  readonly call: RawCall
}

/** Calls that were found together, and the part of the text that is removed with them. */
interface FoundCalls {
  readonly calls: readonly PlacedCall[]
  readonly start: number
  readonly end: number
}

function placed(calls: readonly RawCall[], { start, end }: Place): readonly PlacedCall[] {
  return calls.map((call) => ({ call, start, end }))
}

function without(text: string, parts: readonly FoundCalls[]): string {
  let rest = ''
  let position = 0
  for (const { start, end } of parts) {
    rest += text.slice(position, start)
    position = end
  }
  return (rest + text.slice(position)).trim()
}

const envelopeKey = new RegExp(`["'](?:${envelopeKeys.join('|')})["']\\s{0,20}:`)

/** Whether a text contains the key of an envelope. An envelope with other fields before its key is refused, but stays in the text. */
function namesEnvelope(text: string): boolean {
  return text.includes('{') && envelopeKey.test(text)
}

/** The beginning of an envelope, in strict notation or not. */
const envelopeStart = new RegExp(`\\{\\s{0,20}["']?(?:${envelopeKeys.join('|')})["']?\\s{0,20}:`, 'g')

/** Reads a call that is not strict JSON, or is cut off. Where repairing it would need a guess, an envelope is refused. */
function readBrokenCall(text: string, spans: readonly Span[], schemaOf: SchemaOf): JsonReading {
  if (mayBeCall(text, text.indexOf('{'))) {
    const read = parseLenientJson(stripCodeFence(text))
    if (read.kind !== 'unparsable') return readingOf(callsOf(read, true, schemaOf), text, 0, text.indexOf('{'))
  }
  const whole = spans.filter(({ isPart }) => !isPart)
  let span = 0
  for (const { index } of text.matchAll(envelopeStart)) {
    while ((whole[span]?.end ?? Number.POSITIVE_INFINITY) <= index) span++
    if (index >= (whole[span]?.start ?? Number.POSITIVE_INFINITY)) continue
    if (isInlineCode(text, index) || !mayBeCall(text, index)) continue
    const tail = text.slice(index).trimEnd()
    const read = parseLenientJson(tail.endsWith('```') ? tail.slice(0, -3) : tail)
    const broken = refusedCall(`Your text contains a call that is cut off or not JSON. ${callAgain}`)
    const reading = read.kind === 'unparsable' ? { calls: [broken], isAnswer: false } : callsOf(read, true, schemaOf)
    return readingOf(reading, text, startWithFence(text, index), index)
  }
  return { calls: [], text }
}

function readingOf({ calls, isAnswer }: ValueReading, text: string, start: number, brace: number): JsonReading {
  const found = placed(calls, { start: brace, end: text.length })
  return { calls: found, text: calls.length === 0 || isAnswer ? text : text.slice(0, start).trim() }
}

/** The calls that a JSON value is. */
interface ValueReading {
  readonly calls: readonly RawCall[]
  /** The value is an answer as well, so it stays in the text. */
  readonly isAnswer: boolean
}

const noCalls: ValueReading = { calls: [], isAnswer: false }

function callsOf(read: ExactJson, isLast: boolean, schemaOf: SchemaOf): ValueReading {
  if (read.kind === 'unparsable') return noCalls
  const { value } = read
  const inexact =
    read.kind === 'inexact' ? `Your text contains a call, but ${inexactInteger(read.integer)}. ${callAgain}` : undefined
  const envelope = envelopeOf(value)
  if (envelope !== undefined) {
    const refusal = envelope.isMixed
      ? `Your text has an answer and a call in one object. Send only one of them. ${callAgain}`
      : isLast
        ? inexact
        : `Your text continues after a call. ${callAgain}`
    return { calls: envelope.calls.map((call) => jsonCallOf(call, refusal)), isAnswer: envelope.isMixed }
  }
  const items = Array.isArray(value) ? value : [value]
  // A list with anything else in it is an answer.
  if (!isLast || !items.every(isCallObject)) return noCalls
  const complete = items.filter((item) => isComplete(item, schemaOf))
  return { calls: complete.map((item) => jsonCallOf(item, inexact)), isAnswer: false }
}

/** Whether a call names a declared tool and says its input, if only `{}`: an answer may have a name as well. */
function isComplete(call: object, schemaOf: SchemaOf): boolean {
  const { name, input } = callFieldsOf(call)
  if (input === undefined || name === undefined) return false
  // Some models put a namespace before the name: such a call gets feedback with the tool's name.
  return schemaOf(name) !== undefined || schemaOf(baseName(name)) !== undefined
}

function jsonCallOf(call: unknown, refusal: string | undefined): RawCall {
  const { id, name = '', input } = callFieldsOf(call)
  if (refusal === undefined && name !== '') {
    return { id, name, rawArguments: input, repair: repair('json_in_text', call, name) }
  }
  const rawArguments = isObject(input) || refusal === undefined ? input : '{}'
  return { id, name, rawArguments, refusal: refusal ?? `A call in your text names no tool. ${callAgain}` }
}

const gap = /(?:[\s,;]|`{3,}\w{0,20}|<\/s>|<\|\w{1,30}\|>)*/y

/** Whether there is nothing between two places but fences, separators and tokens of the raw model. */
function isGap(text: string, from: number, to: number): boolean {
  gap.lastIndex = from
  gap.test(text)
  return gap.lastIndex >= to
}

/** Whether a value is in `inline code`, which is a quotation. */
function isInlineCode(text: string, start: number): boolean {
  return text[start - 1] === '`' && text[start - 2] !== '`'
}

const fenceEnd = /\s{0,20}`{3,10}/y

/** The end of a call, or of the fence around it. */
function endWithFence(text: string, { start, end }: Span): number {
  fenceEnd.lastIndex = end
  return startWithFence(text, start) < start && fenceEnd.test(text) ? fenceEnd.lastIndex : end
}
