import { isObject } from '../../../router/json/json.ts'
import { lookUp } from '../../../router/json/json-pointer.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { Diagnosis } from './agent-result.ts'

interface Quote {
  readonly tool: string
  readonly quote: string
}

/** A quote of a few characters is found anywhere and proves nothing. */
const shortestQuote = 8

/**
 * Whether a result of the named tool contains the quote: in the JSON text that the model was shown, or in one of the
 * texts and figures of the full value, white space folded.
 */
export function isGrounded({ tool, quote }: Quote, results: readonly ToolResult[]): boolean {
  const wanted = fold(quote)
  if (wanted.length < shortestQuote) return false
  return successes(results, tool).some(({ value }) => haystacks(value).some((text) => text.includes(wanted)))
}

/** A model quotes JSON as it was shown, or a line of a log without JSON's escapes. */
function haystacks(value: unknown): readonly string[] {
  const texts: string[] = []
  const collect = (part: unknown): void => {
    if (typeof part === 'string') texts.push(fold(part))
    else if (typeof part === 'object' && part !== null) Object.values(part).forEach(collect)
  }
  collect(value)
  return [fold(JSON.stringify(value)), ...texts]
}

/** Outside of JSON strings white space carries no meaning, and models add it after `:` and `,`. */
function fold(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/([:,{[]) /g, '$1')
    .trim()
}

/** One problem for each quote that no result contains: it goes back to the model. */
export function groundingProblems(evidence: readonly Quote[], results: readonly ToolResult[]): readonly string[] {
  const called = new Set(results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  return evidence.flatMap((item, index) => {
    if (isGrounded(item, results)) return []
    const at = `diagnosis.evidence[${index}]`
    if (!called.has(item.tool))
      return [`${at}: there is no result of a tool "${item.tool}"; there are ${[...called].join(', ') || 'none'}.`]
    return [`${at}: no result of ${item.tool} contains this quote; copy it from the result without a change.`]
  })
}

const tool = 'analyze_metrics'

/**
 * What the analysis of the incident said, for a run that ended before the model gave evidence of its own. The first
 * analysis: a later one may be of the telemetry after a fix.
 */
export function hotspotEvidence(results: readonly ToolResult[]): Diagnosis['evidence'] {
  const found = lookUp(successes(results, tool)[0]?.value, ['hotspot'])
  if (found.kind === 'missing' || !isObject(found.value)) return []
  const { kind, because } = found.value
  const sentences = Array.isArray(because) ? because.filter((sentence) => typeof sentence === 'string') : []
  return [`"kind":${JSON.stringify(kind)}`, ...sentences].map((quote) => ({ tool, quote, grounded: true }))
}

type Success = Extract<ToolResult, { status: 'ok' }>

/** The results of one tool that are no errors, in order. */
export function successes(results: readonly ToolResult[], tool: string): readonly Success[] {
  return results.filter((result): result is Success => result.status === 'ok' && result.name === tool)
}
