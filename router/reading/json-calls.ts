import { isObject, parseJson, unparsable } from '../json/json.ts'
import { jsonSpans, type Span } from '../json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from '../json/lenient-json.ts'
import { repair } from '../tool-call.ts'
import { baseName, callAgain, callFieldsOf, envelopeOf, isCallObject, type RawCall, refused } from './call-shapes.ts'
import type { SchemaOf } from './text-format.ts'

/**
 * Structured requests in a text: `{"tool_calls":[{"name","input"}]}`, or the bare `{"name","input"}` that models write
 * instead, which counts only where it names a declared tool.
 *
 * Only what ends the text is asked for: before more prose, or before an answer, it may be an example, and inside of a value
 * that is cut off it may be anything. There, an envelope is refused, because nothing but a request looks like it, and a
 * bare object is text.
 */
export function callsInJson(text: string, schemaOf: SchemaOf): readonly RawCall[] {
  if (!text.includes('{') || !namesCall.test(text)) return []
  const spans = jsonSpans(text)
  const groups: (readonly RawCall[])[] = []
  let isMeant = true
  let next = text.length
  for (let index = spans.length - 1; index >= 0; index--) {
    const span = spans[index]
    if (span === undefined) continue
    isMeant &&= !span.isPart && isGap(text, span.end, next) && !isInlineCode(text, span.start)
    next = span.start
    const json = text.slice(span.start, span.end)
    const requests = namesCall.test(json) ? requestsIn(parseJson(json), isMeant, schemaOf) : []
    if (requests.length > 0) groups.push(requests)
    else isMeant = false
  }
  return groups.length > 0 ? groups.reverse().flat() : brokenCalls(text, spans, schemaOf)
}

/** What every request holds: text without it need not be parsed. */
const namesCall = /["']?(?:name|tool|tool_?name|function|action|tool_?calls?|tool_uses|function_calls?)["']?\s{0,20}:/i

/** How an envelope begins, in strict notation or not. */
const envelopeStart = /\{\s{0,20}["']?(?:tool_?calls?|tool_uses|function_calls?)["']?\s{0,20}:/gi

/** Requests in other notation than JSON's, or cut off: mended where that needs no guess, else an envelope is refused. */
function brokenCalls(text: string, spans: readonly Span[], schemaOf: SchemaOf): readonly RawCall[] {
  if (spans.every(({ isPart }) => isPart)) {
    const mended = parseLenientJson(stripCodeFence(text))
    if (mended !== unparsable) return requestsIn(mended, true, schemaOf)
  }
  const whole = spans.filter(({ isPart }) => !isPart)
  let span = 0
  for (const { index } of text.matchAll(envelopeStart)) {
    while ((whole[span]?.end ?? Number.POSITIVE_INFINITY) <= index) span++
    if (index >= (whole[span]?.start ?? Number.POSITIVE_INFINITY) || isInlineCode(text, index)) continue
    const tail = text.slice(index).trimEnd()
    const mended = parseLenientJson(tail.endsWith('```') ? tail.slice(0, -3) : tail)
    if (mended !== unparsable) return requestsIn(mended, true, schemaOf)
    const problem = `Your text holds a call that is cut off or no JSON. ${callAgain}`
    return [refused(problem)]
  }
  return []
}

function requestsIn(value: unknown, isMeant: boolean, schemaOf: SchemaOf): readonly RawCall[] {
  const envelope = envelopeOf(value)
  if (envelope !== undefined) {
    const goesOn = isMeant ? undefined : `Your text holds a call and goes on behind it. ${callAgain}`
    const isMixed = `Your text is an answer and a call in one object: send one of them. ${callAgain}`
    return envelope.calls.map((request) => found(request, envelope.isMixed ? isMixed : goesOn))
  }
  if (!isMeant) return []
  const calls: RawCall[] = []
  for (const request of Array.isArray(value) ? value : [value]) {
    if (!isCallObject(request)) continue
    const { name, input } = callFieldsOf(request)
    // A name alone may be an answer's member: a request says what it asks with, if only `{}`.
    if (input !== undefined && name !== undefined && isDeclared(name, schemaOf)) calls.push(found(request, undefined))
  }
  return calls
}

/** Some models put a namespace before the name: such a call is answered with what the tool is called. */
function isDeclared(name: string, schemaOf: SchemaOf): boolean {
  return schemaOf(name) !== undefined || schemaOf(baseName(name)) !== undefined
}

function found(request: unknown, problem: string | undefined): RawCall {
  const { id, name = '', input } = callFieldsOf(request)
  const unnamed = `A call in your text names no tool. ${callAgain}`
  const rawArguments = isObject(input) || problem === undefined ? input : '{}'
  if (problem !== undefined || name === '') return { id, name, rawArguments, problem: problem ?? unnamed }
  return { id, name, rawArguments, repair: repair('json_in_text', request, name) }
}

const gap = /(?:[\s,;]|`{3,}\w{0,20}|<\/s>|<\|\w{1,30}\|>)*/y

/** Whether nothing stands between two places but fences, separators and tokens of the raw model. */
function isGap(text: string, from: number, to: number): boolean {
  gap.lastIndex = from
  gap.test(text)
  return gap.lastIndex >= to
}

/** Whether a value stands in `…`, as a quotation does. */
function isInlineCode(text: string, start: number): boolean {
  return text[start - 1] === '`' && text[start - 2] !== '`'
}

interface FoundJson extends Span {
  readonly value: unknown
}

/** The JSON objects and arrays in a text: bare, fenced, or between prose, in order. Linear; never throws. */
export function findJson(text: string): readonly FoundJson[] {
  const found: FoundJson[] = []
  for (const span of jsonSpans(text)) {
    const value = parseJson(text.slice(span.start, span.end))
    if (value !== unparsable) found.push({ ...span, value })
  }
  return found
}

/**
 * The JSON values of a text that may be its answer, the most likely first: the last object is the conclusion, and one
 * wrapped as `{"answer":…}` is offered unwrapped as well. A text that is all one object with the faults of Python or
 * JavaScript is mended.
 */
export function answersIn(text: string): readonly unknown[] {
  const found = findJson(text)
  const mended = found.some(({ isPart }) => !isPart) ? unparsable : parseLenientJson(stripCodeFence(text))
  if (mended !== unparsable) return unwrapped(mended)
  if (found.length > 0)
    return found
      .map(({ value }) => value)
      .reverse()
      .flatMap(unwrapped)
  const scalar = parseJson(text)
  return scalar === unparsable ? [] : [scalar]
}

function unwrapped(value: unknown): readonly unknown[] {
  return isObject(value) && 'answer' in value ? [value, value['answer']] : [value]
}
