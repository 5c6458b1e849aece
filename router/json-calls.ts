import { type FoundCall, howToCall } from './call-list.ts'
import { isObject, parseJson, unparsable } from './json.ts'
import { jsonSpans } from './json-scan.ts'
import type { SchemaOf } from './markup/markup-call.ts'
import { mend, withoutFence } from './mend.ts'
import { repair } from './repair.ts'

/**
 * Structured requests in a text: `{"tool_calls":[{"name","input"}]}`, or the bare `{"name","input"}` that models write
 * instead, which counts only where it names a declared tool.
 *
 * Only what ends the text is asked for: before more prose it may be an example, and inside of a value that is cut off it
 * may be anything. There, an envelope is refused, because nothing but a request looks like it, and a bare object is text.
 */
export function callsInJson(text: string, schemaOf: SchemaOf): readonly FoundCall[] {
  if (!text.includes('{') || !namesCall.test(text)) return []
  const calls: FoundCall[] = []
  const spans = jsonSpans(text)
  let isFound = false
  for (let index = 0; index < spans.length; index++) {
    const span = spans[index]
    if (span === undefined) break
    isFound ||= !span.isPart
    const json = text.slice(span.start, span.end)
    if (!namesCall.test(json)) continue
    const isMeant = !span.isPart && isLast(text, span.end, spans[index + 1]?.start)
    for (const call of requestsIn(parseJson(json), isMeant, schemaOf)) calls.push(call)
  }
  if (calls.length > 0 || isFound) return calls
  const mended = mend(withoutFence(text))
  return mended === unparsable ? calls : requestsIn(mended, true, schemaOf)
}

/** What every request holds: text without it need not be parsed. */
const namesCall = /["']?(?:name|tool|tool_calls?|function_call)["']?\s{0,20}:/

function requestsIn(value: unknown, isMeant: boolean, schemaOf: SchemaOf): readonly FoundCall[] {
  const envelope = envelopeOf(value)
  if (envelope !== undefined) {
    const problem = isMeant ? undefined : `Your text holds a call and goes on behind it. ${howToCall}`
    return envelope.map((request) => found(request, problem))
  }
  if (!isMeant) return []
  return [value].flat().flatMap((request) => {
    const { name, input } = partsOf(request)
    // A name alone may be an answer's member: a request says what it asks with, if only `{}`.
    const isRequest = input !== undefined && name !== undefined && schemaOf(name) !== undefined
    return isRequest ? [found(request, undefined)] : []
  })
}

const envelopes = ['tool_calls', 'tool_call', 'function_call'] as const

function envelopeOf(value: unknown): readonly unknown[] | undefined {
  if (!isObject(value)) return undefined
  for (const key of envelopes) {
    const held = value[key]
    if (Array.isArray(held)) return held
    if (isObject(held)) return [held]
  }
  return undefined
}

function found(request: unknown, problem: string | undefined): FoundCall {
  const { id, name = '', input } = partsOf(request)
  const unnamed = `A call in your text names no tool. ${howToCall}`
  return {
    id,
    name,
    rawArguments: input,
    problem: problem ?? (name === '' ? unnamed : undefined),
    mended: repair('json_in_text', request, name),
  }
}

interface RequestParts {
  readonly id: unknown
  readonly name: string | undefined
  readonly input: unknown
}

/** The parts of a request under all the names that APIs have for them. */
export function partsOf(request: unknown): RequestParts {
  if (!isObject(request)) return { id: undefined, name: undefined, input: undefined }
  const body = isObject(request['function']) ? request['function'] : request
  const name = body['name'] ?? body['tool']
  return {
    id: request['id'],
    name: typeof name === 'string' ? name : undefined,
    input: body['arguments'] ?? body['input'] ?? body['parameters'] ?? body['args'],
  }
}

const between = /[\s`,;]*(?:json)?[\s`]*/y

/** Whether nothing follows but fences, or further JSON. */
function isLast(text: string, end: number, next: number | undefined): boolean {
  between.lastIndex = end
  between.test(text)
  return between.lastIndex === text.length || between.lastIndex === next
}
