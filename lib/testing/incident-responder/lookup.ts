import { isObject } from '../../../router/json.ts'
import type { ToolResult } from './conversation.ts'
import { embeddedValue } from './embedded-json.ts'

/** A piece of a tool result, as its JSON text has it. */
export interface Evidence {
  readonly tool: string
  /** An exact substring of the tool result's text. */
  readonly quote: string
}

/** The value at a path of a tool result; in a clipped result, the value of the path's last name wherever it stands. */
export function lookUp(result: ToolResult | undefined, path: readonly string[]): unknown {
  if (result === undefined) return undefined
  if (result.value === undefined) return embeddedValue(result.text, path.at(-1) ?? '')
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), result.value)
}

export function numberAt(result: ToolResult | undefined, path: readonly string[]): number | undefined {
  const value = lookUp(result, path)
  return typeof value === 'number' ? value : undefined
}

export function textAt(result: ToolResult | undefined, path: readonly string[]): string | undefined {
  const value = lookUp(result, path)
  return typeof value === 'string' ? value : undefined
}

/** Quotes the first field whose name matches and whose value is a scalar, e.g. `"kind":"kv_cache"`. */
export function quoteField(result: ToolResult | undefined, namePattern: string): readonly Evidence[] {
  if (result === undefined) return []
  const quote = new RegExp(`"${namePattern}"\\s*:\\s*(?:"(?:[^"\\\\]|\\\\.)*"|[-+.\\w]+)`).exec(result.text)?.[0]
  return quote === undefined ? [] : [{ tool: result.tool, quote }]
}

/** Quotes a text that stands inside a string of the result, escaped as it is there. */
export function quoteText(result: ToolResult, text: string): readonly Evidence[] {
  const quote = JSON.stringify(text).slice(1, -1)
  return quote !== '' && result.text.includes(quote) ? [{ tool: result.tool, quote }] : []
}
