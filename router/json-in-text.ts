import { isObject, parseJson, unparsable } from './json.ts'
import { jsonSpans, type Span } from './json-scan.ts'
import { mend, withoutFence } from './mend.ts'

export interface FoundJson extends Span {
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
  const mended = found.some(({ isPart }) => !isPart) ? unparsable : mend(withoutFence(text))
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
