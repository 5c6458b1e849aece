import { coerce } from './coercion.ts'
import { type Executed, execute, timedOut } from './execute-tool.ts'
import { describeValidationErrors, limitFeedback } from './feedback.ts'
import { findUnserializable, isPlainJson } from './json/json.ts'
import { type ReferenceTargets, type Resolution, resolveReferences } from './references.ts'
import { type Clipped, clip, excerpt } from './text/clip.ts'
import { closest } from './text/closest.ts'
import { describeThrown } from './text/describe-error.ts'
import type { Tool } from './tool.ts'
import type { Repair, ToolCall, ToolError, ToolErrorKind, ToolResult } from './tool-call.ts'
import { compileSchema } from './validation.ts'

export interface DispatchOptions {
  readonly tools: ReadonlyMap<string, Tool>
  readonly references: ReferenceTargets
  /** Aborted when the run ends: no tool is begun after it. */
  readonly signal: AbortSignal
  /** Milliseconds that a call may take at most, whatever its tool allows. */
  readonly timeoutMs: number
  /** Most bytes of a result that the model is shown. */
  readonly resultBytes: number
  readonly now: () => number
  /** Told of a call that reaches its tool; must not throw. */
  readonly onStart?: (call: ToolCall, callId: string) => void
}

interface Ready {
  readonly kind: 'ready'
  readonly tool: Tool
  readonly input: unknown
  readonly repairs: readonly Repair[]
}

export type Prepared =
  | Ready
  | { readonly kind: 'refused'; readonly error: ToolError; readonly repairs: readonly Repair[] }

/** A call on its way. */
interface Running {
  readonly call: ToolCall
  readonly callId: string
  readonly options: DispatchOptions
  readonly startedAt: number
}

/**
 * Runs one call: prepare → execute → finalize. Gives exactly one result, as a promise only where the tool gave one.
 * Never throws or rejects.
 */
export function dispatch(call: ToolCall, options: DispatchOptions, callId: string): ToolResult | Promise<ToolResult> {
  const running: Running = { call, callId, options, startedAt: options.now() }
  try {
    const prepared = prepare(call, options)
    if (prepared.kind === 'refused') return failed(running, prepared.error, prepared.repairs)
    options.onStart?.(call, callId)
    const executed = execute(prepared.tool, prepared.input, options, callId)
    if (executed instanceof Promise) return executed.then((outcome) => finish(running, prepared, outcome))
    return finish(running, prepared, executed)
  } catch (error) {
    return uncheckable(running, error)
  }
}

function finish(running: Running, prepared: Ready, executed: Executed): ToolResult {
  try {
    if (executed.kind === 'failed') return failed(running, executed.error, prepared.repairs)
    const { tool } = prepared
    const limitMs = Math.min(tool.timeoutMs, running.options.timeoutMs)
    // A tool that blocks the process keeps its own timer from firing.
    if (running.options.now() - running.startedAt > limitMs)
      return failed(running, timedOut(tool, limitMs), prepared.repairs)
    return finalize(running, prepared, executed.value)
  } catch (error) {
    return uncheckable(running, error)
  }
}

/** What can still be thrown is a validator's, for a value that nests deeper than the stack. */
function uncheckable(running: Running, error: unknown): ToolResult {
  const { name, repairs } = running.call
  const message = limitFeedback(`"${name}" could not be checked: ${describeThrown(error)}`)
  return failed(running, { kind: 'tool_failed', message }, repairs)
}

function failed(
  { call, callId, options, startedAt }: Running,
  error: ToolError,
  repairs: readonly Repair[],
): ToolResult {
  const { now, resultBytes } = options
  return failure(call, { callId, now, resultBytes }, error, repairs, startedAt)
}

/** Finds the tool of a call, resolves its references and checks its input: all but running it. */
export function prepare(call: ToolCall, options: Pick<DispatchOptions, 'tools' | 'references'>): Prepared {
  if (call.refusal !== undefined) return refused(call.refusal.kind, call.refusal.message, call.repairs)
  const tool = options.tools.get(call.name)
  if (tool === undefined) return refused('unknown_tool', unknownTool(call.name, options.tools), call.repairs)
  const resolved = resolveReferences(call.input, options.references)
  if (resolved.kind === 'refused') return refused(resolved.error.kind, resolved.error.message, call.repairs)
  const validate = compileSchema(tool.inputSchema)
  const errors = validate(resolved.value)
  if (errors.length === 0) return { kind: 'ready', tool, input: resolved.value, repairs: call.repairs }
  let unresolved: Resolution | undefined
  const coerced = coerce(resolved.value, errors, validate, (value, path) => {
    // What a reference brought is data: a text in it points at nothing.
    if (resolved.referencedPaths?.some((root) => path === root || path.startsWith(`${root}/`))) return { value }
    const unpacked = resolveReferences(value, options.references)
    if (unpacked.kind === 'resolved') return unpacked
    unresolved ??= unpacked
    return undefined
  })
  if (coerced !== undefined) {
    return { kind: 'ready', tool, input: coerced.value, repairs: [...call.repairs, ...coerced.repairs] }
  }
  if (unresolved?.kind === 'refused') return refused(unresolved.error.kind, unresolved.error.message, call.repairs)
  const message = describeValidationErrors(
    errors,
    tool.inputSchema,
    `The input of "${tool.name}" does not match its schema:`,
  )
  return refused('invalid_input', message, call.repairs)
}

function refused(kind: ToolErrorKind, message: string, repairs: readonly Repair[]): Prepared {
  return { kind: 'refused', error: { kind, message: limitFeedback(message) }, repairs }
}

function unknownTool(name: string, tools: ReadonlyMap<string, Tool>): string {
  const meant = closest(name, tools.keys())
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  return `There is no tool ${JSON.stringify(excerpt(name, 80))}.${hint} Tools: ${[...tools.keys()].join(', ')}.`
}

function finalize(running: Running, { tool, input, repairs }: Ready, output: unknown): ToolResult {
  const { call, callId, options, startedAt } = running
  const returned = output === undefined ? null : output
  const json = toJson(returned)
  const isPlain = json !== undefined && isPlainJson(returned)
  const unwritable =
    json === undefined ? 'a value that JSON cannot represent' : isPlain ? undefined : findUnserializable(returned)
  if (json === undefined || unwritable !== undefined) {
    const message = `"${tool.name}" returned ${unwritable}. Return plain objects, arrays, strings and numbers.`
    return failed(running, { kind: 'invalid_output', message }, repairs)
  }
  // A date, an instance of a class, NaN: later calls are given what the model was shown.
  const value: unknown = isPlain ? returned : JSON.parse(json)
  const errors = tool.outputSchema === undefined ? [] : compileSchema(tool.outputSchema)(value)
  if (errors.length > 0) {
    const message = describeValidationErrors(
      errors,
      tool.outputSchema ?? {},
      `The output of "${tool.name}" does not match its schema:`,
    )
    return failed(running, { kind: 'invalid_output', message }, repairs)
  }
  const shown = clip(json, options.resultBytes, (left, total) => clipMarker(call, value, left, total))
  return {
    status: 'ok',
    id: call.id,
    name: call.name,
    callId,
    input,
    value,
    content: shown.text,
    clipped: shown.clipped,
    durationMs: options.now() - startedAt,
    repairs,
  }
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined // a BigInt, a cycle, or nesting that overflows the stack
  }
}

/** The id may be the caller's own and of any length; the tool's name points at the same value while it is the latest. */
function clipMarker({ id, name }: Pick<ToolCall, 'id' | 'name'>, value: unknown, left: number, total: number): string {
  const source = JSON.stringify(id.length <= 128 ? id : name).slice(1, -1)
  const member = typeof value === 'object' && value !== null ? Object.keys(value)[0] : undefined
  // One that would need escapes, or much room, is no example.
  const isExample = member !== undefined && /^[\w.-]{1,40}$/.test(member)
  const part = isExample ? `, or a part of it, as {"$result":"${source}#/${member}"}` : ''
  return `\n[… ${left} of ${total} bytes left out; a call can be given the full value as {"$result":"${source}"}${part} …]\n`
}

export function failure(
  call: Pick<ToolCall, 'id' | 'name'>,
  options: { readonly callId: string; readonly now: () => number; readonly resultBytes?: number },
  error: ToolError,
  repairs: readonly Repair[],
  startedAt: number,
): ToolResult {
  const content = errorContent(error, options.resultBytes ?? Number.POSITIVE_INFINITY)
  return {
    status: 'error',
    id: call.id,
    name: call.name,
    callId: options.callId,
    error,
    content: content.text,
    clipped: content.clipped,
    durationMs: options.now() - startedAt,
    repairs,
  }
}

/** JSON in any case, so it is the message inside that is shortened: its escapes may take several bytes each. */
function errorContent({ kind, message }: ToolError, maxBytes: number): Clipped {
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
