import { parseExactJson } from '../../../router/json/exact-json.ts'
import { jsonSpans } from '../../../router/json/json-scan.ts'
import { parseLenientJson, stripCodeFence } from '../../../router/json/lenient-json.ts'
import { callFieldsOf, envelopeOf, inexactInteger } from '../../../router/reading/call-shapes.ts'
import type { TextCall } from '../../../router/reading/text-format.ts'
import { notClosed, type Tag, tagToken, vendorsStart } from './tags.ts'

/*
 * JSON in a wrapper, as M1 and many other models write calls:
 *
 *   <tool_calls>
 *   {"name":"get_weather","arguments":{"city":"Oslo"}}
 *   {"name":"get_weather","arguments":{"city":"Rome"}}
 *   </tool_calls>
 */

/**
 * The calls of a wrapper without an invoke. The wrapper shows that they are calls, so JSON that cannot be read is refused
 * and never becomes text.
 *
 * @param bodyEnd index after the body of the wrapper.
 * @param end index after the closing tag of the wrapper.
 */
export function readWrappedJson(text: string, wrapper: Tag, bodyEnd: number, end: number): readonly TextCall[] {
  const body = text.slice(wrapper.end, bodyEnd)
  if (body.includes(tagToken)) return [] // M3's own markup
  const place = { start: wrapper.start, end, name: '', wrapperStart: vendorsStart(text, wrapper), source: body }
  const { values, refusal } = valuesIn(body)
  if (refusal !== undefined) return [{ ...place, refusal }]
  if (values.length === 0) {
    return [{ ...place, refusal: bodyEnd === text.length && end === text.length ? notClosed : 'it contains no call' }]
  }
  const requests = values.flat().flatMap((value) => envelopeOf(value)?.calls ?? [value])
  return requests.map((request, index) => {
    const { name, input = {} } = callFieldsOf(request)
    const at = index === 0 ? place : { ...place, start: end }
    return name === undefined ? { ...at, refusal: 'its JSON names no tool' } : { ...at, name, input }
  })
}

/** The JSON values of a body. */
interface Values {
  /** Empty if the body contains anything else. */
  readonly values: readonly unknown[]
  /** The reason why no value can be used. */
  readonly refusal?: string
}

/** Reads a body that is a sequence of strict JSON values, or one value in lenient JSON. */
function valuesIn(body: string): Values {
  const spans = jsonSpans(body)
  const isAll = spans.every(
    ({ end, isPart }, index) => !isPart && isSeparator(body.slice(end, spans[index + 1]?.start)),
  )
  const isSequence = spans.length > 0 && isAll && isSeparator(body.slice(0, spans[0]?.start))
  const reads = isSequence
    ? spans.map(({ start, end }) => parseExactJson(body.slice(start, end)))
    : [parseLenientJson(stripCodeFence(body))]
  const inexact = reads.find((read) => read.kind === 'inexact')
  if (inexact !== undefined) return { values: [], refusal: inexactInteger(inexact.integer) }
  return { values: reads.flatMap((read) => (read.kind === 'parsed' ? [read.value] : [])) }
}

function isSeparator(text: string): boolean {
  return /^(?:[\s,;]|`{3}(?:json)?)*$/.test(text)
}
