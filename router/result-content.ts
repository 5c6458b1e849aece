// The text of a result for the model: the value as JSON, the view that the tool makes of it, or an error.

import { inspectJson } from './json/json.ts'
import { rememberJsonBytes } from './json/large-json.ts'
import { type Clipped, clip } from './text/clip.ts'
import { describeThrown } from './text/describe-error.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolError } from './tool-call.ts'

/** The text for the model of a value. */
export interface ResultContent extends Clipped {
  /** Whether the text is what `toContent` of the tool has made. */
  readonly isView: boolean
  /** Why `toContent` of the tool could not be used. */
  readonly viewProblem?: string
}

/**
 * The text of a successful result.
 *
 * @param output the value, and the value as JSON.
 * @param maxBytes longest text.
 */
export function resultContent(
  call: Pick<ToolCall, 'id' | 'name'>,
  tool: Pick<Tool, 'name' | 'toContent'>,
  input: unknown,
  { value, json }: { readonly value: unknown; readonly json: string },
  maxBytes: number,
): ResultContent {
  const view = viewOf(tool, value, input)
  const isView = view.kind === 'text' && view.text !== json
  const text = isView ? view.text : json
  // The value is stored beside a text that is not its JSON, and then its size is needed.
  if (isView && json.length * 3 > maxBytes) rememberJsonBytes(value, Buffer.byteLength(json))
  const clipped = clip(text, maxBytes, (left, total) => {
    if (!isView) rememberJsonBytes(value, total)
    return clipMarker(call, value, left, total)
  })
  return { ...clipped, isView, ...(view.kind === 'unusable' ? { viewProblem: view.problem } : {}) }
}

/** The view of a value. */
export type View =
  | { readonly kind: 'text'; readonly text: string }
  /** The tool has no `toContent`, or it returned the value itself. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly problem: string }

/** Makes the view of a value. It never throws. */
export function viewOf({ name, toContent }: Pick<Tool, 'name' | 'toContent'>, value: unknown, input: unknown): View {
  if (toContent === undefined) return { kind: 'none' }
  const unusable = (what: string): View => {
    return { kind: 'unusable', problem: `toContent of "${name}" ${what}. The model was shown the value as JSON.` }
  }
  try {
    const shown: unknown = toContent(value as never, input as never)
    if (typeof shown === 'string')
      return shown.trim() === '' ? unusable('returned a blank text') : { kind: 'text', text: shown }
    if (typeof shown === 'object' && shown === value) return { kind: 'none' }
    if (shown instanceof Promise) {
      // It may reject, and nobody waits for it.
      shown.catch(() => undefined)
      return unusable('returned a promise, but it must return at once')
    }
    const text = toJson(shown)
    const { problem } = inspectJson(shown)
    if (text !== undefined && problem === undefined) return { kind: 'text', text }
    return unusable(`returned ${problem ?? 'a value that JSON cannot represent'}`)
  } catch (error) {
    return unusable(`threw an error: ${describeThrown(error)}`)
  }
}

/** A value as JSON; `undefined` if JSON cannot represent it. */
export function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined // a BigInt, a cycle, or nesting that overflows the stack
  }
}

function clipMarker(call: Pick<ToolCall, 'id' | 'name'>, value: unknown, left: number, total: number): string {
  return `\n[… ${left} of ${total} bytes left out; ${fullValueHint(call, { value })} …]\n`
}

/** Says how to use the full value. An id may be very long; then the tool's name is used, which refers to the latest result. */
export function fullValueHint(
  { id, name }: Pick<ToolCall, 'id' | 'name'>,
  { value }: { readonly value: unknown },
): string {
  const source = JSON.stringify(id.length <= 128 ? id : name).slice(1, -1)
  const member = typeof value === 'object' && value !== null ? Object.keys(value)[0] : undefined
  // A member that needs escapes or much room is not a good example.
  const isExample = member !== undefined && /^[\w.-]{1,40}$/.test(member)
  const part = isExample ? `, or a part of it, as {"$result":"${source}#/${member}"}` : ''
  return `to use the full value in a call, pass {"$result":"${source}"}${part}`
}

/** The text of an error. It must stay JSON, so the message inside it is shortened. Its escapes may take several bytes each. */
export function errorContent({ kind, message }: ToolError, maxBytes: number): Clipped {
  let shown = message
  for (;;) {
    const text = JSON.stringify({ error: { kind, message: shown } })
    const excess = Buffer.byteLength(text) - maxBytes
    if (excess <= 0 || shown === '') return { text, clipped: shown !== message }
    const length = Buffer.byteLength(shown)
    const written = Buffer.byteLength(JSON.stringify(shown))
    const share = Math.max(0, written - excess) / written
    shown = clip(shown, Math.min(length - 1, Math.floor(length * share)), () => ' … ').text
  }
}
