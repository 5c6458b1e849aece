// The text of a result for the model: the value as JSON, the view that the tool makes of it, or an error.

import { inspectJson } from './json/json.ts'
import { rememberJsonBytes } from './json/large-json.ts'
import { type Clipped, clip } from './text/clip.ts'
import { cutJson, cutNote } from './text/cut-json.ts'
import { cutText } from './text/cut-text.ts'
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
  tool: Pick<Tool, 'name' | 'toContent' | 'readMore'>,
  input: unknown,
  { value, json }: { readonly value: unknown; readonly json: string },
  maxBytes: number,
): ResultContent {
  const view = viewOf(tool, value, input)
  const isView = view.kind === 'shown' && view.text !== json
  const text = isView ? view.text : json
  // The value is stored beside a text that is not its JSON, and then its size is needed.
  if (json.length * 3 > maxBytes) rememberJsonBytes(value, Buffer.byteLength(json))
  const shown = isView ? view.value : value
  const clipped = cutContent(text, shown, maxBytes, { call, readMore: tool.readMore, value, isView })
  return { ...clipped, isView, ...(view.kind === 'unusable' ? { viewProblem: view.problem } : {}) }
}

/** The parts of the note about a cut, apart from the numbers. */
interface CutSubject {
  readonly call: Pick<ToolCall, 'id' | 'name'>
  readonly readMore: string | undefined
  /** The value that calls can refer to. */
  readonly value: unknown
  readonly isView: boolean
}

/**
 * Cuts a text at the byte limit: between lines, or between items and lines of JSON. It says what was left out and how to
 * read more.
 *
 * @param shown the value that the text was made of, or the text itself.
 */
function cutContent(text: string, shown: unknown, maxBytes: number, subject: CutSubject): Clipped {
  // A UTF-16 code unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return { text, clipped: false }
  // The length of the note is known when the text is cut.
  let room = maxBytes - Buffer.byteLength(noteOf('', undefined, subject)) - usualCutsBytes
  for (let attempt = 0; attempt < 3 && room >= leastCutBytes; attempt++) {
    const cut =
      subject.isView && typeof shown === 'string' ? cutLines(shown, room, subject) : cutValue(shown, room, subject)
    const excess = Buffer.byteLength(cut) - maxBytes
    if (excess <= 0) return { text: cut, clipped: true }
    room -= excess
  }
  const marker = (left: number, total: number) => noteOf(`${left} of ${total} bytes`, undefined, subject)
  return clip(text, maxBytes, marker)
}

/** Bytes that the names of the cut parts usually need. */
const usualCutsBytes = 128
/** With less room, structure would need more bytes than what is shown. */
const leastCutBytes = 256

function cutLines(text: string, room: number, subject: CutSubject): string {
  const { head, tail, ...numbers } = cutText(text, room, Buffer.byteLength)
  return head.trimEnd() + noteOf(cutNote({ pointer: '', ...numbers }), undefined, subject) + tail
}

function cutValue(value: unknown, room: number, subject: CutSubject): string {
  const { json, cuts } = cutJson(value, room)
  const [first, ...more] = cuts.toSorted((a, b) => a.pointer.length - b.pointer.length)
  if (first === undefined) return json
  const named = [first, ...more.slice(0, maxNamedCuts - 1)].map(cutNote).join(', ')
  const rest = cuts.length > maxNamedCuts ? ` and ${cuts.length - maxNamedCuts} more` : ''
  return json + noteOf(named + rest, subject.isView ? undefined : first.pointer, subject).trimEnd()
}

/** Most parts that a note names. */
const maxNamedCuts = 3

/** The note about what was left out. @param pointer to the part of the value, as an example of a reference. */
function noteOf(leftOut: string, pointer: string | undefined, { call, value, readMore }: CutSubject): string {
  const more = readMore === undefined ? '' : `; to read more, use ${readMore}`
  return `\n[… ${leftOut} left out${more}; ${fullValueHint(call, { value }, pointer)} …]\n`
}

/** The view of a value: the text, and what `toContent` returned. */
export type View =
  | { readonly kind: 'shown'; readonly text: string; readonly value: unknown }
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
      return shown.trim() === '' ? unusable('returned a blank text') : { kind: 'shown', text: shown, value: shown }
    if (typeof shown === 'object' && shown === value) return { kind: 'none' }
    if (shown instanceof Promise) {
      // It may reject, and nobody waits for it.
      shown.catch(() => undefined)
      return unusable('returned a promise, but it must return at once')
    }
    const text = toJson(shown)
    const { problem } = inspectJson(shown)
    if (text !== undefined && problem === undefined) return { kind: 'shown', text, value: shown }
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

/**
 * Says how to use the full value. An id may be very long; then the tool's name is used, which refers to the latest result.
 *
 * @param pointer to a part of the value, as an example. @defaultValue its first member
 */
export function fullValueHint(
  { id, name }: Pick<ToolCall, 'id' | 'name'>,
  { value }: { readonly value: unknown },
  pointer?: string,
): string {
  const source = JSON.stringify(id.length <= 128 ? id : name).slice(1, -1)
  const member = typeof value === 'object' && value !== null ? Object.keys(value)[0] : undefined
  const example = pointer === undefined || pointer === '' ? `/${member ?? ''}` : pointer
  // A pointer that needs escapes or much room is not a good example.
  const isExample = /^(?:\/[\w.-]{1,40}){1,4}$/.test(example)
  const part = isExample ? `, or a part of it, as {"$result":"${source}#${example}"}` : ''
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
