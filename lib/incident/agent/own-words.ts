import { isObject } from '../../../router/json/json.ts'
import type { ToolResult } from '../../../router/tool-call.ts'

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
