import { basename } from 'node:path'
import { clip } from './clip.ts'
import { closest } from './closest.ts'
import { coerce } from './coercion.ts'
import { describeFaults, limitFeedback } from './feedback.ts'
import { type ReferenceScope, resolveReferences } from './references.ts'
import type { Tool } from './tool.ts'
import type { Repair, ToolCall, ToolError, ToolErrorKind, ToolResult } from './tool-call.ts'
import { validatorOf } from './validator.ts'

export interface DispatchOptions {
  readonly tools: ReadonlyMap<string, Tool>
  readonly references: ReferenceScope
  /** Aborted when the run ends: no tool is begun after it. */
  readonly signal: AbortSignal
  /** Milliseconds that a call may take at most, whatever its tool allows. */
  readonly timeoutMs: number
  /** Most bytes of a result that the model is shown. */
  readonly resultBytes: number
  /** Idempotency key of the call. */
  readonly callId: string
  readonly now: () => number
}

type Prepared =
  | { readonly kind: 'ready'; readonly tool: Tool; readonly input: unknown; readonly repairs: readonly Repair[] }
  | { readonly kind: 'refused'; readonly error: ToolError; readonly repairs: readonly Repair[] }

type Executed =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: ToolError }

/** Runs one call: prepare → execute → finalize. Resolves with exactly one result; never rejects. */
export async function dispatch(call: ToolCall, options: DispatchOptions): Promise<ToolResult> {
  const startedAt = options.now()
  const prepared = prepare(call, options)
  if (prepared.kind === 'refused') return failure(call, options, prepared.error, prepared.repairs, startedAt)
  const outcome = execute(prepared.tool, prepared.input, options)
  const executed = outcome instanceof Promise ? await outcome : outcome
  if (executed.kind === 'failed') return failure(call, options, executed.error, prepared.repairs, startedAt)
  return finalize(call, prepared, executed.value, options, startedAt)
}

function prepare(call: ToolCall, options: DispatchOptions): Prepared {
  if (call.refusal !== undefined) return refused(call.refusal.kind, call.refusal.message, call.repairs)
  const tool = options.tools.get(call.name)
  if (tool === undefined) return refused('unknown_tool', unknownTool(call.name, options.tools), call.repairs)
  const resolved = resolveReferences(call.input, options.references)
  if (!resolved.ok) return refused(resolved.kind, resolved.message, call.repairs)
  const validate = validatorOf(tool.inputSchema)
  const faults = validate(resolved.value)
  if (faults.length === 0) return { kind: 'ready', tool, input: resolved.value, repairs: call.repairs }
  const coerced = coerce(resolved.value, faults)
  if (coerced !== undefined && validate(coerced.value).length === 0) {
    return { kind: 'ready', tool, input: coerced.value, repairs: [...call.repairs, ...coerced.repairs] }
  }
  return refused(
    'invalid_input',
    `The input of "${tool.name}" breaks its schema:\n${describeFaults(faults)}`,
    call.repairs,
  )
}

function refused(kind: ToolErrorKind, message: string, repairs: readonly Repair[]): Prepared {
  return { kind: 'refused', error: { kind, message: limitFeedback(message) }, repairs }
}

function unknownTool(name: string, tools: ReadonlyMap<string, Tool>): string {
  const meant = closest(name, tools.keys())
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  return `There is no tool ${JSON.stringify(name.slice(0, 80))}.${hint} Tools: ${[...tools.keys()].join(', ')}.`
}

function execute(tool: Tool, input: unknown, options: DispatchOptions): Executed | Promise<Executed> {
  if (options.signal.aborted) return cancelled
  const context = new CallContext(options.callId)
  try {
    // The schema has been checked; the parameter type `never` is what makes a list of different tools possible.
    const output: unknown = tool.execute(input as never, context)
    if (!isThenable(output)) return { kind: 'returned', value: output }
    return withinTime(output, tool, context, options)
  } catch (error) {
    return threw(error)
  }
}

const cancelled: Executed = {
  kind: 'failed',
  error: { kind: 'cancelled', message: 'The run was cancelled before this call ended.' },
}

/** Makes the abort controller only for tools that ask for the signal: most are synchronous and never do. */
class CallContext {
  readonly callId: string
  #controller: AbortController | undefined

  constructor(callId: string) {
    this.callId = callId
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }
}

/** Race, then abort: a value that comes after the time is over is dropped, and its rejection is not left unhandled. */
function withinTime(
  output: PromiseLike<unknown>,
  tool: Tool,
  context: CallContext,
  options: DispatchOptions,
): Promise<Executed> {
  return new Promise((resolve) => {
    const settle = (executed: Executed) => {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', onAbort)
      resolve(executed)
    }
    const onAbort = () => {
      settle(cancelled)
      context.abort(options.signal.reason)
    }
    const timeoutMs = Math.max(1, Math.min(tool.timeoutMs, options.timeoutMs))
    const timer = setTimeout(() => {
      const message = `"${tool.name}" did not answer within ${Math.round(timeoutMs)} ms.`
      settle({ kind: 'failed', error: { kind: 'timeout', message } })
      context.abort(new DOMException(message, 'TimeoutError'))
    }, timeoutMs)
    if (options.signal.aborted)
      onAbort() // by the tool itself, before it returned
    else options.signal.addEventListener('abort', onAbort, { once: true })
    output.then(
      (value) => settle({ kind: 'returned', value }),
      (error: unknown) => settle(threw(error)),
    )
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** The message of what was thrown, and nothing else of it: stack and file names tell of the server. */
function threw(error: unknown): Executed {
  const message = withoutServerPaths(error instanceof Error ? error.message : String(error), error)
  return {
    kind: 'failed',
    error: { kind: 'tool_failed', message: limitFeedback(message || 'The tool failed without a message.') },
  }
}

/** Node's file errors carry the path as a field of its own; other messages may name a file below the working folder. */
function withoutServerPaths(message: string, error: unknown): string {
  const path: unknown = error instanceof Error && 'path' in error ? error.path : undefined
  const named = typeof path === 'string' && path !== '' ? message.replaceAll(path, basename(path)) : message
  return named.replaceAll(`${process.cwd()}/`, '')
}

function finalize(
  call: ToolCall,
  prepared: Extract<Prepared, { kind: 'ready' }>,
  output: unknown,
  options: DispatchOptions,
  startedAt: number,
): ToolResult {
  const { tool, input, repairs } = prepared
  const value = output === undefined ? null : output
  if (tool.outputSchema !== undefined) {
    const faults = validatorOf(tool.outputSchema)(value)
    if (faults.length > 0) {
      const message = limitFeedback(
        `"${tool.name}" returned what its output schema forbids:\n${describeFaults(faults)}`,
      )
      return failure(call, options, { kind: 'invalid_output', message }, repairs, startedAt)
    }
  }
  const json = toJson(value)
  if (json === undefined) {
    const message = `"${tool.name}" returned what JSON cannot carry.`
    return failure(call, options, { kind: 'invalid_output', message }, repairs, startedAt)
  }
  const shown = clip(json, options.resultBytes, (left, total) => clipMarker(call.id, left, total))
  return {
    status: 'ok',
    id: call.id,
    name: call.name,
    callId: options.callId,
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

function clipMarker(id: string, left: number, total: number): string {
  return `\n[… ${left} of ${total} bytes left out; a call can be given the full value as {"$result":"${id}#/<JSON Pointer>"} …]\n`
}

export function failure(
  call: Pick<ToolCall, 'id' | 'name'>,
  options: Pick<DispatchOptions, 'callId' | 'now'>,
  error: ToolError,
  repairs: readonly Repair[],
  startedAt: number,
): ToolResult {
  return {
    status: 'error',
    id: call.id,
    name: call.name,
    callId: options.callId,
    error,
    content: JSON.stringify({ error }),
    clipped: false,
    durationMs: options.now() - startedAt,
    repairs,
  }
}
