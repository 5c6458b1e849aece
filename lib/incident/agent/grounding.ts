import { isObject } from '../../../router/json/json.ts'
import { lookUp } from '../../../router/json/json-pointer.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { Evidence, Quote } from './agent-result.ts'
import { shownTelemetry } from './incident-prompt.ts'
import {
  foldSpaces,
  isOwnText,
  type QuotedSource,
  quoteKind,
  type Success,
  shortestPart,
  textsOf,
} from './own-words.ts'

// A quote is grounded if a result of the tool that it names contains it, and if it is a fact: a log line, a figure or a
// setting, and not a label of a tool. The model's answer is accepted only with grounded quotes, so evidence cannot be
// invented.

/** Any result contains a quote of a few characters, so shorter quotes prove nothing. */
const minQuoteLength = 8

/** Name under which evidence cites the telemetry of the task. It is an input of the run, not a result of a tool. */
const telemetryName = 'pre_telemetry'

/** Everything that evidence can cite. */
export interface Sources {
  /** The tool results that can be cited. */
  readonly results: readonly ToolResult[]
  /** Results that were computed from inputs that the model made up. They prove nothing. @defaultValue none */
  readonly discarded?: readonly ToolResult[]
  /** The telemetry of the task; evidence cites it as the tool `pre_telemetry`. @defaultValue none */
  readonly preTelemetry?: Telemetry
}

/**
 * Whether a result of the named tool contains the quote, ignoring differences in white space, and the quote is a fact. The
 * text that the model saw counts, and so do the JSON of the value and the strings in it.
 */
export function isGrounded(quote: Quote, sources: Sources): boolean {
  return placesOf(quote, sources).some(isFact)
}

/**
 * The quote, byte for byte as its source has it; `undefined` if the source does not contain it. A person who searches the
 * logs for it must find it, so differences in white space are undone.
 */
export function exactQuote(quote: Quote, sources: Sources): string | undefined {
  const places = placesOf(quote, sources)
  return (places.find(isFact) ?? places[0])?.exact
}

/** A quote in one of its sources. */
interface Place {
  /** The quote as the source has it. */
  readonly exact: string
  readonly source: QuotedSource
}

function isFact({ exact, source }: Place): boolean {
  return quoteKind(exact, source) !== 'label'
}

/** The sources of a tool that contain a quote, without results that only repeat the model's words. */
function placesOf({ tool, quote }: Quote, { results, preTelemetry }: Sources): readonly Place[] {
  const wanted = foldSpaces(quote)
  if (wanted.length < minQuoteLength) return []
  const placed = (source: QuotedSource, texts: readonly string[]): readonly Place[] => {
    const exact = excerptOf(quote, wanted, texts)
    return exact === undefined ? [] : [{ exact, source }]
  }
  if (tool === telemetryName) {
    if (preTelemetry === undefined) return []
    return placed({ name: tool, content: '', value: preTelemetry }, telemetryTexts(preTelemetry))
  }
  return successes(results, tool)
    .filter((result) => !isOwnText(wanted, result, results, preTelemetry))
    .flatMap((result) => placed(result, [result.content, ...textsOf(result.value)]))
}

/** Whether a text is in any result or in the telemetry. */
export function isInAnySource(text: string, sources: Sources): boolean {
  const names = new Set([telemetryName, ...sources.results.map(({ name }) => name)])
  return [...names].some((tool) => placesOf({ tool, quote: text }, sources).length > 0)
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

/** One problem for each quote that is not grounded. */
export function groundingProblems(quotes: readonly Quote[], sources: Sources): readonly Problem[] {
  return quotes.flatMap((quote, index) => {
    if (isGrounded(quote, sources)) return []
    return [{ at: `diagnosis.evidence[${index}]`, words: quote.quote, ...quoteProblem(quote, sources) }]
  })
}

/** Why a quote is not grounded, in one sentence; `undefined` if it is. */
export function ungroundedReason(quote: Quote, sources: Sources): string | undefined {
  return isGrounded(quote, sources) ? undefined : quoteProblem(quote, sources).problem
}

function quoteProblem(quote: Quote, sources: Sources): Pick<Problem, 'problem' | 'advice'> {
  const called = new Set(sources.results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  const citable = [...called, ...(sources.preTelemetry === undefined ? [] : [telemetryName])]
  const folded = foldSpaces(quote.quote)
  if (folded.length < minQuoteLength) {
    return {
      problem: `the quote is shorter than ${minQuoteLength} characters.`,
      advice: 'Copy more of the result.',
    }
  }
  if (placesOf(quote, sources).length > 0) {
    return {
      problem: `this quote is a label of ${quote.tool}, not a fact.`,
      advice: `Quote a figure with its name, or at least ${shortestPart} characters of a log line.`,
    }
  }
  const owner = citable.find((tool) => isGrounded({ ...quote, tool }, sources))
  if (owner !== undefined) {
    return { problem: `this quote is from ${owner}.`, advice: 'Give that name as its tool.' }
  }
  const own = sources.results.find((result) => result.status === 'ok' && repeats(folded, result, sources))
  if (own !== undefined) {
    const where = own.name === 'apply_fix_simulation' ? 'fix_plan' : `your call of ${own.name}`
    return {
      problem: `these are your own words from ${where}.`,
      advice: 'Quote a log line or a figure that a tool returned.',
    }
  }
  const { discarded = [] } = sources
  if (placesOf(quote, { ...sources, results: discarded }).length > 0) {
    return {
      problem: `this result of ${quote.tool} was computed from data that no tool returned.`,
      advice: 'Call the tool with references, and quote that result.',
    }
  }
  if (quote.tool === telemetryName) {
    return {
      problem: 'pre_telemetry does not contain this quote.',
      advice: 'Copy it from the task without changes.',
    }
  }
  if (called.has(quote.tool)) {
    return {
      problem: `no result of ${quote.tool} contains this quote.`,
      advice: 'Copy it from the result without changes.',
    }
  }
  return {
    problem: `"${quote.tool}" has no result.`,
    advice: `Tools with results: ${citable.join(', ') || '(none)'}.`,
  }
}

/** Whether a result contains a quote as a part of its input. */
function repeats(folded: string, result: Success, { results, preTelemetry }: Sources): boolean {
  const texts = [result.content, ...textsOf(result.value), ...textsOf(result.input)]
  return texts.some((text) => foldSpaces(text).includes(folded)) && isOwnText(folded, result, results, preTelemetry)
}

const analysisTool = 'analyze_metrics'

/**
 * Evidence for a run that ended before the model gave any: the hotspot that the first analysis found. Later analyses may
 * be of the telemetry after a fix. Sentences without a figure are left out.
 */
export function hotspotEvidence(results: readonly ToolResult[]): readonly Evidence[] {
  const found = lookUp(successes(results, analysisTool)[0]?.value, ['hotspot'])
  if (found.kind === 'missing' || !isObject(found.value)) return []
  const { because } = found.value
  const sentences = Array.isArray(because) ? because.filter((sentence) => typeof sentence === 'string') : []
  return sentences
    .map((quote) => ({ tool: analysisTool, quote }))
    .filter((quote) => isGrounded(quote, { results }))
    .map((quote) => ({ ...quote, grounded: true }))
}

/** The successful results of one tool, in order. */
export function successes(results: readonly ToolResult[], tool: string): readonly Success[] {
  return results.filter((result): result is Success => result.status === 'ok' && result.name === tool)
}

/** A rule that an answer breaks. */
export interface Problem {
  /** The member of the answer, for example `diagnosis.evidence[1]`. */
  readonly at: string
  /** The words in question, as the model wrote them. Absent: the problem itself names them. */
  readonly words?: string
  /** The rule that is broken, in one sentence. */
  readonly problem: string
  /** The next step of the model, in one or more sentences. */
  readonly advice: string
  /** Further sentences for the model, each a problem of its own there: long ones are cut. @defaultValue none */
  readonly more?: readonly string[]
}

/** A problem as the model is told about it. */
export function feedbackOf({ at, problem, advice, more = [] }: Problem): readonly string[] {
  return [`${at}: ${problem} ${advice}`.trimEnd(), ...more]
}

/** Characters of the words in a violation. */
const mostWords = 120

/** A problem as a reader of the report is told about it, with the words in question. */
export function violationOf({ at, words, problem }: Problem): string {
  if (words === undefined) return `${at}: ${problem}`
  const shown = words.length > mostWords ? `${words.slice(0, mostWords)}…` : words
  return `${at} ${JSON.stringify(shown)}: ${problem}`
}
