import { isObject } from '../../../router/json/json.ts'
import type { ToolResult } from '../../../router/tool-call.ts'
import { unwrapLine } from '../../../tools/logs/unwrap-line.ts'
import { withoutUserText } from '../../../tools/logs/user-text.ts'

// Tools repeat parts of their inputs: a note names the topics of a query, and the result of a fix repeats the plan. The
// model wrote these words itself, so they prove nothing. A text that it copied from another result or from the task is not its
// own.

/** A successful result. */
export type Success = Extract<ToolResult, { status: 'ok' }>

/** Own texts of fewer characters occur in any result by chance. */
const shortestOwnText = 8

/** Outside JSON strings white space has no meaning, and models add it after `:` and `,`. */
export function foldSpaces(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/([:,{[]) /g, '$1')
    .trim()
}

/** A model quotes JSON as it saw it, or a log line without JSON's escapes. */
export function textsOf(value: unknown): readonly string[] {
  return [JSON.stringify(value) ?? '', ...stringsOf(value)]
}

/**
 * Whether a result contains a quote only because it repeats its input. The quote is then part of the input, or it contains a
 * text of the input.
 *
 * @param folded the quote, with folded spaces. The result contains it.
 * @param given other sources in which a text can be that is not the model's own: the telemetry of the task.
 */
export function isOwnText(
  folded: string,
  result: Success,
  results: readonly ToolResult[],
  given: unknown = null,
): boolean {
  const { name, input } = result
  const plan = name === 'apply_fix_simulation' && isObject(input) ? input['fix_plan'] : undefined
  if (textsOf(plan).some((text) => foldSpaces(text).includes(folded))) return true
  const repeated = repeatedTexts(folded, input)
  if (repeated.length === 0) return false
  const own = repeated.filter((text) => !isFromElsewhere(text, result, results, given))
  if (own.length === 0) return false
  // A tool that computes something from its input returns no data of the incident. A tool that fetches something does.
  return !name.startsWith('fetch_') || !fetchedTexts(result, own).some((text) => foldSpaces(text).includes(folded))
}

/** The texts of an input that contain the quote or are part of it, folded. */
function repeatedTexts(folded: string, input: unknown): readonly string[] {
  const inside = [...stringsOf(input), ...listsOf(input)].map(foldSpaces)
  const parts = inside.filter((text) => text.length >= shortestOwnText && folded.includes(text))
  const around = [...inside, ...keysOf(input), foldSpaces(JSON.stringify(input) ?? '')]
  return around.some((text) => text.includes(folded)) ? [...parts, folded] : parts
}

/** Whether the task or another call returned a text, so that the model can have copied it. */
function isFromElsewhere(text: string, { id }: Success, results: readonly ToolResult[], given: unknown): boolean {
  const contains = (value: unknown) => textsOf(value).some((part) => foldSpaces(part).includes(text))
  return (
    contains(given) ||
    results.some((other) => other.status === 'ok' && other.id !== id && contains(other.value) && !contains(other.input))
  )
}

/** The texts of a result without the places where the tools that fetch something repeat their input. */
function fetchedTexts({ content, value }: Success, own: readonly string[]): readonly string[] {
  const { notes: _, endpoint: __, ...data } = isObject(value) ? value : {}
  const quoted = own.map((text) => JSON.stringify(text))
  const address = isObject(value) && typeof value['endpoint'] === 'string' ? value['endpoint'] : undefined
  // A view is text; JSON is the value again.
  const lines = content.startsWith('{') ? [] : content.split('\n')
  const shown = lines.filter(
    (line) =>
      !line.startsWith('Note: ') &&
      !(address !== undefined && line.startsWith(address)) &&
      !quoted.some((text) => line.includes(text)),
  )
  return [shown.join('\n'), ...textsOf(data)]
}

/** The texts and values of a result that are not only repetitions of its input. */
export function shownByTool(result: Success): readonly unknown[] {
  const { name, input, content, value } = result
  if (name.startsWith('fetch_')) {
    const own = stringsOf(input)
    const [shown = ''] = fetchedTexts(result, own)
    if (!isObject(value)) return [value, shown]
    const { notes, endpoint: _, ...data } = value
    const foreign = (Array.isArray(notes) ? notes : []).filter(
      (note) => !own.some((text) => String(note).includes(JSON.stringify(text))),
    )
    return [data, foreign, shown]
  }
  const own = stringsOf(input).filter((text) => /\d.*\s|\s.*\d/.test(text))
  if (own.length === 0) return [value, content]
  const cut = (text: string) => own.reduce((rest, one) => rest.replaceAll(one, ' '), text)
  return [mapStrings(value, cut), cut(content)]
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapStrings(member, change)]))
}

function stringsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : []
}

/** Lists of texts as JSON without brackets: short texts can make a sentence together. */
function listsOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const isList = Array.isArray(value) && value.length > 1 && value.every((item) => typeof item === 'string')
  return isList ? [JSON.stringify(value).slice(1, -1)] : Object.values(value).flatMap(listsOf)
}

function keysOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = Array.isArray(value) ? [] : Object.keys(value)
  return [...own, ...Object.values(value).flatMap(keysOf)]
}

// Evidence is a fact of the incident. Three kinds of texts are facts:
//
// - A part of a log line. Time, level and process of a line alone prove nothing.
// - A number with its name, such as `"waiting":60`. A sentence of a tool counts if it has a number, such as "KV cache usage
//   reached 99.5 %". So "All latencies meet their objectives." is not evidence, and neither is the number of a GPU or an engine.
// - A setting of the deployment, or a state that was observed, with its name: `"enforce_eager":true`, `"engine_up":false`.
//
// Everything else in a result is the vocabulary of the tool: kinds, classes, verdicts, ids, notes and names of members.

/** The kind of a quote. A label is not evidence. */
export type QuoteKind = 'log_line' | 'figure' | 'label'

/** The result, or the telemetry of the task, that contains a quote. */
export interface QuotedSource {
  /** The tool, or `pre_telemetry`. */
  readonly name: string
  /** The text that the model was shown. */
  readonly content: string
  /** The value. */
  readonly value: unknown
}

/** Characters of a log line that a quote needs, without time, level and process: a shorter part is in many lines. */
export const shortestPart = 12

/** Classifies a quote that its source contains. */
export function quoteKind(quote: string, source: QuotedSource): QuoteKind {
  if (source.name === 'fetch_vllm_logs' || source.name === 'fetch_system_logs') {
    return isPartOfLine(quote, source) ? 'log_line' : 'label'
  }
  return hasFigure(quote) || isStated(quote, source) || isZeroSeries(quote, source) ? 'figure' : 'label'
}

/** The view puts the number of equal lines and the time before a line, and a mark after a long one. */
const viewPrefix = /^(?:last: )?(?:\[×\d+(?: to [\d: -]+)?\] )?(?:(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d )?/
const betweenParts = /\r?\n|\\n| … \[\+\d+ characters\]|"[,}\]][,{[]*"\w+":"?|^\{?"\w+":"/

function isPartOfLine(quote: string, source: QuotedSource): boolean {
  const lines = linesOf(source).map((line) => ({ line, folded: foldSpaces(line) }))
  return quote.split(betweenParts).some((part) => {
    const forms = [part, part.trim().replace(viewPrefix, ''), unescaped(part)].map(foldSpaces)
    return [...new Set(forms)].some((form) =>
      lines.some(({ line, folded }) => {
        if (!folded.includes(form) || isOfUser(form, folded, line)) return false
        return saysSomething(form) || form === folded
      }),
    )
  })
}

function unescaped(text: string): string {
  return text.replace(/\\(["\\/])/g, '$1').replace(/\\t/g, '\t')
}

/** Whether enough is left without time, level, process and source position. */
function saysSomething(part: string): boolean {
  const { message } = unwrapLine(part)
  return message.length >= shortestPart && /[\p{L}]{3}/u.test(message) && !/^[\d\s:.,TZ+-]*$/.test(message)
}

/** Whether a part of a line is in the text that a user of the server wrote, such as a prompt. */
function isOfUser(part: string, folded: string, line: string): boolean {
  const own = foldSpaces(withoutUserText(line))
  return folded.startsWith(own) && folded.lastIndexOf(part) >= own.length
}

/** Headings and counts of the view of a log tool. */
const viewWords =
  /^(?:Note: |Findings|Groups not shown|Left out|To read lines|Lines: | {3}meaning: |\d+\. \w+ \w+, \d+ lines?)/

/** The lines of the logs in a result. A result of which only the text is left has the lines of the view. */
function linesOf({ content, value }: QuotedSource): readonly string[] {
  const { lines, findings, parsed, overview } = isObject(value) ? value : {}
  if (!Array.isArray(lines)) return content.split('\n').filter((line) => !viewWords.test(line))
  const rows = isObject(overview) ? [overview['rows'], overview['routine']] : []
  const texts = [findings, parsed, ...rows].flatMap((list) =>
    (Array.isArray(list) ? list : []).filter(isObject).flatMap((item) => lineMembers.map((member) => item[member])),
  )
  return [...new Set([...lines, ...texts])].filter((text) => typeof text === 'string')
}

const lineMembers = ['line', 'last_line', 'message'] as const

/** A number, with a unit that is written together with it. */
const number = /^[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?:%|‰|x|×|[µum]?s|min|h|[kmgt]i?b?|w|°?c)?$/i
/** Names whose numbers say which, not how much. */
const ordinal =
  /^(?:id|ids|gpus?|engine|rank|ranks|node|cpu|pid|port|page|page_count|line|index|offset|limit|seed|seeds|version|config_id)$/i
const numberName = /^[a-z][\w:./-]{2,}$/i

/** Whether a text has a number that is not only an id, and a name for it. */
function hasFigure(text: string): boolean {
  const words = text
    .replace(/\bpage \d+ of \d+|"\s*:\s*/g, ' ')
    .replace(/["{}[\]()~=<>]|,(?!\d{3}\b)/g, ' ')
    .split(/\s+/)
    .map((word) => word.replace(/[.,;:!]+$/, ''))
    .filter((word) => word !== '')
  const isNamed = words.some((word) => numberName.test(word) && !number.test(word) && !ordinal.test(word))
  return isNamed && words.some((word, index) => number.test(word) && !ordinal.test(words[index - 1] ?? ''))
}

/** Parts of results whose members are settings of the deployment, or states of the node and of the engine. */
const statedParts: Readonly<Record<string, (value: Readonly<Record<string, unknown>>) => unknown>> = {
  fetch_config: ({ config, runtime, cache_config, version, previous_image }) => {
    const { config_id: _, scenario: __, ...settings } = isObject(config) ? config : {}
    return { settings, runtime, cache_config, version, previous_image }
  },
  fetch_runtime_state: ({ workers }) => ({ workers }),
  fetch_gpu_stats: ({ gpus }) => ({ gpus }),
  collect_post_telemetry: ({ post_telemetry: after }) => (isObject(after) ? { health: after['health'] } : {}),
  pre_telemetry: ({ health, missing }) => ({ health, missing }),
}

/** Whether a text has a setting or a state, with its name or as a long text of its own. */
function isStated(quote: string, { name, value }: QuotedSource): boolean {
  const part = statedParts[name]
  if (part === undefined || !isObject(value)) return false
  const folded = foldSpaces(quote)
  return pairsOf(part(value)).some(([key, stated]) => {
    const text = foldSpaces(stated)
    const pair = `"${key}":${text}`
    return folded.includes(pair) || text.includes(folded) || (pair.includes(folded) && /":..../.test(folded))
  })
}

/** Every member with a value that is known, as JSON. Lists of scalars are values. */
function pairsOf(value: unknown, key?: string): readonly (readonly [key: string, json: string])[] {
  const isList = Array.isArray(value) && value.length > 0 && value.every((item) => typeof item !== 'object')
  if (typeof value !== 'object' || isList) {
    return key === undefined || value === undefined ? [] : [[key, JSON.stringify(value)]]
  }
  if (Array.isArray(value)) return value.flatMap((item) => pairsOf(item))
  return Object.entries(value ?? {}).flatMap(([name, member]) => pairsOf(member, name))
}

/** The view of a metrics page names the series that are zero. */
function isZeroSeries(quote: string, { name }: QuotedSource): boolean {
  return name === 'fetch_prometheus_metrics' && /^(?:Zero|Without observations): \S*[a-z]{3}/.test(quote.trim())
}
