import { isObject, parseJson, unparsable } from '../json.ts'
import { jsonSpans } from '../json-scan.ts'
import { mend, withoutFence } from '../mend.ts'
import { envelopeOf, partsOf } from '../request-parts.ts'
import { cutOff, type MarkupCall, tagToken } from './markup-call.ts'
import type { Tag } from './tags.ts'

/**
 * The calls of a wrapper that holds no invoke: M1 and many other models put JSON into it, one object a call. The wrapper
 * says that they are calls; so what cannot be read is refused, and never taken for text.
 */
export function jsonInWrapper(text: string, wrapper: Tag, bodyEnd: number, end: number): readonly MarkupCall[] {
  const body = text.slice(wrapper.end, bodyEnd)
  if (body.includes(tagToken)) return [] // M3's own markup
  const place = { start: wrapper.start, end, name: '' }
  const requests = requestsIn(body)
  if (requests === undefined) {
    return [{ ...place, problem: bodyEnd === text.length && end === text.length ? cutOff : 'it holds no call' }]
  }
  return requests.map((request, index) => {
    const { name, input = {} } = partsOf(request)
    const at = index === 0 ? place : { ...place, start: end }
    return name === undefined ? { ...at, problem: 'its JSON names no tool' } : { ...at, name, input }
  })
}

function requestsIn(body: string): readonly unknown[] | undefined {
  const values = valuesOf(body)
  if (values === undefined || values.length === 0) return undefined
  return values.flat().flatMap((value) => envelopeOf(value)?.requests ?? [value])
}

/** The values of a text that holds nothing else, if only in a notation that can be mended. */
function valuesOf(body: string): readonly unknown[] | undefined {
  const spans = jsonSpans(body)
  const isAll = spans.every(({ end, isPart }, index) => !isPart && isBlank(body.slice(end, spans[index + 1]?.start)))
  if (spans.length > 0 && isAll && isBlank(body.slice(0, spans[0]?.start))) {
    return spans.map(({ start, end }) => parseJson(body.slice(start, end))).filter(isRequestable)
  }
  const mended = mend(withoutFence(body))
  return mended === unparsable ? undefined : [mended]
}

function isRequestable(value: unknown): boolean {
  return isObject(value) || Array.isArray(value)
}

function isBlank(text: string): boolean {
  return /^(?:[\s,;]|`{3}(?:json)?)*$/.test(text)
}
