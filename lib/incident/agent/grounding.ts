import { isObject } from '../../../router/json/json.ts'
import { lookUp } from '../../../router/json/json-pointer.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { Evidence, Quote } from './agent-result.ts'

// A quote is grounded if a result of the tool that it names contains it. The model's answer is accepted only with
// grounded quotes, so evidence cannot be invented.

/** Any result contains a quote of a few characters, so shorter quotes prove nothing. */
const minQuoteLength = 8

/**
 * Whether a result of the named tool contains the quote, ignoring differences in white space: either the JSON text that
 * the model saw, or one of the strings in the full value.
 */
export function isGrounded({ tool, quote }: Quote, results: readonly ToolResult[]): boolean {
  const wanted = foldSpaces(quote)
  if (wanted.length < minQuoteLength) return false
  return successes(results, tool).some(({ value }) => textsOf(value).some((text) => text.includes(wanted)))
}

/** A model quotes JSON as it saw it, or a log line without JSON's escapes. */
function textsOf(value: unknown): readonly string[] {
  const texts: string[] = []
  const collect = (part: unknown): void => {
    if (typeof part === 'string') texts.push(foldSpaces(part))
    else if (typeof part === 'object' && part !== null) Object.values(part).forEach(collect)
  }
  collect(value)
  return [foldSpaces(JSON.stringify(value)), ...texts]
}

/** Outside JSON strings white space has no meaning, and models add it after `:` and `,`. */
function foldSpaces(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/([:,{[]) /g, '$1')
    .trim()
}

/** Feedback for the model: one problem for each quote that no result contains. */
export function groundingProblems(quotes: readonly Quote[], results: readonly ToolResult[]): readonly string[] {
  const called = new Set(results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  return quotes.flatMap((quote, index) => {
    if (isGrounded(quote, results)) return []
    const at = `diagnosis.evidence[${index}]`
    if (called.has(quote.tool)) {
      return [`${at}: no result of ${quote.tool} contains this quote. Copy it from the result without changes.`]
    }
    return [`${at}: "${quote.tool}" has no result. Tools with results: ${[...called].join(', ') || '(none)'}.`]
  })
}

const analysisTool = 'analyze_metrics'

/**
 * Evidence for a run that ended before the model gave any: the hotspot that the first analysis found. Later analyses may
 * be of the telemetry after a fix.
 */
export function hotspotEvidence(results: readonly ToolResult[]): readonly Evidence[] {
  const found = lookUp(successes(results, analysisTool)[0]?.value, ['hotspot'])
  if (found.kind === 'missing' || !isObject(found.value)) return []
  const { kind, because } = found.value
  const sentences = Array.isArray(because) ? because.filter((sentence) => typeof sentence === 'string') : []
  const quotes = [`"kind":${JSON.stringify(kind)}`, ...sentences]
  return quotes.map((quote) => ({ tool: analysisTool, quote, grounded: true }))
}

type Success = Extract<ToolResult, { status: 'ok' }>

/** The successful results of one tool, in order. */
export function successes(results: readonly ToolResult[], tool: string): readonly Success[] {
  return results.filter((result): result is Success => result.status === 'ok' && result.name === tool)
}
