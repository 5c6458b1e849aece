import { isObject } from '../../../router/json/json.ts'
import { lookUp } from '../../../router/json/json-pointer.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { Evidence, Quote } from './agent-result.ts'
import { shownTelemetry } from './incident-prompt.ts'
import { foldSpaces, isOwnText, type Success, textsOf } from './own-words.ts'

// A quote is grounded if a result of the tool that it names contains it. The model's answer is accepted only with
// grounded quotes, so evidence cannot be invented.

/** Any result contains a quote of a few characters, so shorter quotes prove nothing. */
const minQuoteLength = 8

/** Name under which evidence cites the telemetry of the task. It is an input of the run, not a result of a tool. */
const telemetryName = 'pre_telemetry'

/** Everything that evidence can cite. */
export interface Sources {
  /** The tool results of the run. */
  readonly results: readonly ToolResult[]
  /** The telemetry of the task; evidence cites it as the tool `pre_telemetry`. @defaultValue none */
  readonly preTelemetry?: Telemetry
}

/**
 * Whether a result of the named tool contains the quote, ignoring differences in white space: the text that the model saw,
 * the JSON of the value, or one of the strings in the value.
 */
export function isGrounded(quote: Quote, sources: Sources): boolean {
  return exactQuote(quote, sources) !== undefined
}

/**
 * The quote, byte for byte as its source has it; `undefined` if the source does not contain it. A person who searches the
 * logs for it must find it, so differences in white space are undone.
 */
export function exactQuote({ tool, quote }: Quote, sources: Sources): string | undefined {
  const wanted = foldSpaces(quote)
  if (wanted.length < minQuoteLength) return undefined
  if (tool === telemetryName) {
    return sources.preTelemetry === undefined
      ? undefined
      : excerptOf(quote, wanted, telemetryTexts(sources.preTelemetry))
  }
  for (const result of successes(sources.results, tool)) {
    const exact = excerptOf(quote, wanted, [result.content, ...textsOf(result.value)])
    if (exact === undefined || isOwnText(wanted, result, sources.results, sources.preTelemetry)) continue
    return exact
  }
  return undefined
}

/** Whether a text is in any result or in the telemetry. */
export function isInAnySource(text: string, sources: Sources): boolean {
  const names = new Set([telemetryName, ...sources.results.map(({ name }) => name)])
  return [...names].some((tool) => isGrounded({ tool, quote: text }, sources))
}

/** The telemetry is shown in short form, so both forms count. */
function telemetryTexts(telemetry: Telemetry): readonly string[] {
  return [JSON.stringify(shownTelemetry(telemetry)), ...textsOf(telemetry)]
}

function excerptOf(quote: string, wanted: string, texts: readonly string[]): string | undefined {
  const whole = quote.trim()
  if (texts.some((text) => text.includes(whole))) return whole
  const folded = texts.find((text) => foldSpaces(text).includes(wanted))
  return folded === undefined ? undefined : (spacedPattern(wanted).exec(folded)?.[0] ?? wanted)
}

/** Matches a folded text in its source, where blanks can be of any number. */
function spacedPattern(folded: string): RegExp {
  const source = folded
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replace(/ /g, '\\s+')
    .replace(/:|,|\\\{|\\\[/g, '$&\\s*')
  return new RegExp(source)
}

/** Feedback for the model: one problem for each quote that no result contains. */
export function groundingProblems(quotes: readonly Quote[], sources: Sources): readonly string[] {
  const called = new Set(sources.results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  return quotes.flatMap((quote, index) => {
    if (isGrounded(quote, sources)) return []
    const at = `diagnosis.evidence[${index}]`
    const citable = [...called, ...(sources.preTelemetry === undefined ? [] : [telemetryName])]
    const folded = foldSpaces(quote.quote)
    if (folded.length < minQuoteLength) {
      return [`${at}: the quote is shorter than ${minQuoteLength} characters. Copy more of the result.`]
    }
    const owner = citable.find((tool) => isGrounded({ ...quote, tool }, sources))
    if (owner !== undefined) return [`${at}: this quote is from ${owner}. Give that name as its tool.`]
    const own = sources.results.find((result) => result.status === 'ok' && repeats(folded, result, sources))
    if (own !== undefined) {
      const where = own.name === 'apply_fix_simulation' ? 'fix_plan' : `your call of ${own.name}`
      return [`${at}: these are your own words from ${where}. Quote a log line or a figure that a tool returned.`]
    }
    if (quote.tool === telemetryName) {
      return [`${at}: pre_telemetry does not contain this quote. Copy it from the task without changes.`]
    }
    if (called.has(quote.tool)) {
      return [`${at}: no result of ${quote.tool} contains this quote. Copy it from the result without changes.`]
    }
    return [`${at}: "${quote.tool}" has no result. Tools with results: ${citable.join(', ') || '(none)'}.`]
  })
}

/** Whether a result contains a quote as a part of its input. */
function repeats(folded: string, result: Success, { results, preTelemetry }: Sources): boolean {
  const texts = [result.content, ...textsOf(result.value), ...textsOf(result.input)]
  return texts.some((text) => foldSpaces(text).includes(folded)) && isOwnText(folded, result, results, preTelemetry)
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

/** The successful results of one tool, in order. */
export function successes(results: readonly ToolResult[], tool: string): readonly Success[] {
  return results.filter((result): result is Success => result.status === 'ok' && result.name === tool)
}
