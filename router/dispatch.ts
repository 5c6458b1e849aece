import { coerce } from './coercion.ts'
import { copyTargets, maxReferences, type TargetCopies, tooLarge, tooManyReferences } from './copy-targets.ts'
import { execute, type Outcome } from './execute-tool.ts'
import { describeValidationErrors } from './feedback.ts'
import { isRoundedInteger } from './json/exact-json.ts'
import { cloneJson, inspectJson } from './json/json.ts'
import { lookUp, parsePointer } from './json/json-pointer.ts'
import { isLargeJson, stringifyLarge } from './json/large-json.ts'
import { type Reference, referenceText } from './parse-reference.ts'
import { type ReferenceTargets, type Resolution, resolveReferences } from './references.ts'
import { errorContent, resultContent, toJson } from './result-content.ts'
import { excerpt, limitFeedback } from './text/clip.ts'
import { closest } from './text/closest.ts'
import { describeThrown } from './text/describe-error.ts'
import { textOrJson } from './text/shown-value.ts'
import type { Tool } from './tool.ts'
import {
  maxShownBytes,
  type Repair,
  type ToolCall,
  type ToolError,
  type ToolErrorKind,
  type ToolResult,
} from './tool-call.ts'
import { compileQuick, compileSchema } from './validation.ts'

/** Options of {@link dispatch}. */
export interface DispatchOptions {
  /** The tools by name. */
  readonly tools: ReadonlyMap<string, Tool>
  /** Values that the input can refer to. */
  readonly references: ReferenceTargets
  /** Aborted when the run ends. No tool is started after that. */
  readonly signal: AbortSignal
  /** Longest duration of the call in milliseconds, retries included. The tool's own timeout applies to each attempt. */
  readonly timeoutMs: number
  /** Longest text of a result for the model, in bytes. */
  readonly resultBytes: number
  /** Largest input in bytes of JSON, references resolved. */
  readonly inputBytes: number
  /** See `DispatchCallsOptions.limitsWork`. */
  readonly limitsWork: boolean
  /** Clock in milliseconds, for durations. */
  readonly now: () => number
  /** Called before the tool is executed. It must not throw. */
  readonly onStart?: (call: ToolCall, callId: string) => void
}

/** A call whose tool was found and whose input is valid. */
interface ReadyCall {
  readonly kind: 'ready'
  readonly tool: Tool
  /** The validated input with its references resolved. */
  readonly input: unknown
  /** Repairs of reading and of coercion. */
  readonly repairs: readonly Repair[]
}

/** Result of {@link prepare}. */
export type PreparedCall =
  | ReadyCall
  /** The call cannot be executed. */
  | { readonly kind: 'refused'; readonly error: ToolError; readonly repairs: readonly Repair[] }

/** The values that every step of one call needs. */
interface CallState {
  readonly call: ToolCall
  readonly callId: string
  readonly options: Pick<DispatchOptions, 'now' | 'resultBytes'>
  readonly startedAt: number
}

/**
 * Runs one call in three steps and returns exactly one result. It never throws or rejects.
 *
 * 1. prepare: find the tool, resolve references, validate and coerce the input
 * 2. execute: call the tool's function, with its timeout
 * 3. finalize: validate the output and write it as text for the model
 *
 * It returns a promise only if the tool does or if large values are copied, because a promise per call costs more than
 * everything else here.
 */
export function dispatch(call: ToolCall, options: DispatchOptions, keyOf: KeyOf): ToolResult | Promise<ToolResult> {
  const startedAt = options.now()
  const copies = call.refusal === undefined ? copyTargetsOf(call, options) : undefined
  return copies instanceof Promise
    ? copies.then((copied) => dispatchWith(copied, call, options, keyOf, startedAt))
    : dispatchWith(copies, call, options, keyOf, startedAt)
}

/**
 * Makes the idempotency key of a call.
 *
 * @param input the input that the tool gets.
 * @param pins short texts that identify large values in the input.
 */
export type KeyOf = (input: unknown, pins: ReadonlyMap<unknown, string>) => string

const noPins: ReadonlyMap<unknown, string> = new Map()

function dispatchWith(
  copies: TargetCopies | undefined,
  call: ToolCall,
  options: DispatchOptions,
  keyOf: KeyOf,
  startedAt: number,
): ToolResult | Promise<ToolResult> {
  try {
    const prepared = prepare(call, options, copies)
    const callId = keyOf(prepared.kind === 'ready' ? prepared.input : call.input, copies?.pins ?? noPins)
    const state: CallState = { call, callId, options, startedAt }
    if (prepared.kind === 'refused') return failed(state, prepared.error, prepared.repairs)
    // After an abort the tool is not called.
    if (!options.signal.aborted) options.onStart?.(call, callId)
    const outcome = execute(prepared.tool, prepared.input, options, callId, state.startedAt)
    if (outcome instanceof Promise) return outcome.then((settled) => finish(state, prepared, settled))
    return finish(state, prepared, outcome)
  } catch (error) {
    return validatorFailed({ call, callId: keyOf(call.input, noPins), options, startedAt }, error)
  }
}

/**
 * Prepares a call that is not executed yet. Nothing of the input is shared with the call or with what it refers to.
 *
 * @returns the prepared call, and the short texts that identify large values in its input.
 */
export async function prepareCopy(
  call: ToolCall,
  options: Pick<DispatchOptions, 'tools' | 'references' | 'inputBytes' | 'limitsWork'>,
): Promise<{ readonly prepared: PreparedCall; readonly pins: ReadonlyMap<unknown, string> }> {
  const copy = { ...call, input: cloneJson(call.input) }
  const copies = await copyTargetsOf(copy, options)
  return { prepared: prepare(copy, options, copies), pins: copies?.pins ?? noPins }
}

/**
 * Finds the tool of a call, resolves the references in its input, and validates and coerces the input.
 *
 * @param copied the values for the references. @defaultValue the originals, which must not be given to a tool
 */
export function prepare(
  call: ToolCall,
  options: Pick<DispatchOptions, 'tools' | 'references' | 'inputBytes' | 'limitsWork'>,
  copied?: TargetCopies,
): PreparedCall {
  if (call.refusal !== undefined) return refused(call.refusal.kind, call.refusal.message, call.repairs)
  const tool = options.tools.get(call.name)
  if (tool === undefined) return refused('unknown_tool', unknownTool(call.name, options.tools), call.repairs)
  if (copied?.hasTooManyReferences === true) {
    return refused('invalid_input', tooManyReferences(tool.name), call.repairs)
  }
  if (copied?.excess !== undefined) {
    return refused('invalid_input', tooLarge(tool.name, copied.excess, options.inputBytes), call.repairs)
  }
  const resolved: Resolution =
    copied?.isPlain === true
      ? { kind: 'resolved', value: call.input }
      : resolveReferences(call.input, options.references, copied && copierOf(copied))
  if (resolved.kind === 'refused') return refused(resolved.error.kind, resolved.error.message, call.repairs)
  const repairs = resolved.repairs === undefined ? call.repairs : [...call.repairs, ...resolved.repairs]
  const isLarge = copied?.hasLargeTargets === true || (options.limitsWork && copied?.isLarge === true)
  // Of a large input only the first error is looked at, and few values are converted.
  const validate = isLarge ? compileQuick(tool.inputSchema) : compileSchema(tool.inputSchema)
  const errors = validate(resolved.value)
  if (errors.length === 0 && call.numbers === undefined) return { kind: 'ready', tool, input: resolved.value, repairs }
  let unresolved: Resolution | undefined
  const coerced = coerce(
    {
      value: resolved.value,
      referencedPaths: resolved.referencedPaths ?? [],
      numbers: call.numbers,
      isLarge,
      maxErrors: options.limitsWork ? maxConverted : Number.POSITIVE_INFINITY,
      hasLostTexts: call.repairs.some(({ kind }) => lostTexts.has(kind)),
      resolve: (value) => {
        const unpacked = resolveReferences(value, options.references, copied && copierOf(copied))
        if (unpacked.kind === 'resolved') return unpacked
        unresolved ??= unpacked
        return undefined
      },
    },
    errors,
    validate,
  )
  const allRepairs = coerced.repairs.length === 0 ? repairs : [...repairs, ...coerced.repairs]
  const integer = roundedInteger(coerced.value, coerced.numbers)
  if (integer !== undefined) return refused('unreadable_call', integer, allRepairs)
  if (coerced.errors.length === 0) return { kind: 'ready', tool, input: coerced.value, repairs: allRepairs }
  if (unresolved?.kind === 'refused') return refused(unresolved.error.kind, unresolved.error.message, allRepairs)
  const title = `The input of "${tool.name}" does not match its schema:`
  return refused('invalid_input', describeValidationErrors(coerced.errors, tool.inputSchema, title), allRepairs)
}

/** Largest number of wrong values that are converted in one call, if work is limited. */
const maxConverted = 5_000

function copyTargetsOf(
  { input }: ToolCall,
  { references, inputBytes, limitsWork }: Pick<DispatchOptions, 'references' | 'inputBytes' | 'limitsWork'>,
): TargetCopies | Promise<TargetCopies> {
  return copyTargets(input, references, inputBytes, limitsWork ? maxReferences : undefined)
}

/** Repairs of calls whose arguments were not one JSON text, so that the texts of their numbers are not known. */
const lostTexts: ReadonlySet<Repair['kind']> = new Set(['object_arguments', 'json_in_text', 'markup_in_text'])

/** An error for an integer that was rounded and is still a number. */
function roundedInteger(input: unknown, numbers: ReadonlyMap<string, string>): string | undefined {
  for (const [pointer, text] of numbers) {
    if (!isRoundedInteger(text)) continue
    const found = lookUp(input, parsePointer(pointer) ?? [])
    if (found.kind === 'missing' || typeof found.value !== 'number') continue
    const shown = textOrJson(text, maxShownBytes)
    return `The integer ${shown} at ${excerpt(pointer, 100)} in the arguments is too large to be exact. Send one JSON object with it as a string, or with a smaller integer.`
  }
  return undefined
}

function refused(kind: ToolErrorKind, message: string, repairs: readonly Repair[]): PreparedCall {
  return { kind: 'refused', error: { kind, message: limitFeedback(message) }, repairs }
}

/** Returns the copy for a reference. One in JSON that is deep within text was not seen before. */
function copierOf({ copies }: TargetCopies): (reference: Reference, target: unknown) => unknown {
  return (reference, target) => {
    const copy = copies.get(referenceText(reference))
    return copy === undefined ? cloneJson(target) : copy.value
  }
}

function unknownTool(name: string, tools: ReadonlyMap<string, Tool>): string {
  const meant = closest(name, tools.keys())
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  return `There is no tool ${JSON.stringify(excerpt(name, 80))}.${hint} Tools: ${[...tools.keys()].join(', ')}.`
}

/** The result of a call that was done elsewhere. The value is checked like one that the tool has returned. */
export function valueResult(
  call: ToolCall,
  ready: ReadyCall,
  value: unknown,
  { callId, ...options }: Pick<DispatchOptions, 'now' | 'resultBytes'> & { readonly callId: string },
): ToolResult {
  return finalize({ call, callId, options, startedAt: options.now() }, ready, { kind: 'returned', value })
}

/** Makes the result of a call. It returns a promise only for a large output, which is written in slices. */
function finish(state: CallState, ready: ReadyCall, outcome: Outcome): ToolResult | Promise<ToolResult> {
  if (outcome.kind === 'failed' || !isLargeJson(outcome.value)) return finalize(state, ready, outcome)
  return stringifyLarge(outcome.value).then((json) => finalize(state, ready, outcome, json))
}

/**
 * Validates the output of a tool and makes a result of it.
 *
 * @param json the output as JSON, if it is known.
 */
function finalize(state: CallState, ready: ReadyCall, outcome: Outcome, json?: string): ToolResult {
  try {
    const result = resultOf(state, ready, outcome, json)
    return outcome.attempts === undefined ? result : { ...result, attempts: outcome.attempts }
  } catch (error) {
    return validatorFailed(state, error)
  }
}

function resultOf(state: CallState, ready: ReadyCall, outcome: Outcome, json: string | undefined): ToolResult {
  if (outcome.kind === 'failed') return failed(state, outcome.error, ready.repairs)
  const output = checkedOutput(ready.tool, outcome.value, json)
  return output.kind === 'invalid' ? failed(state, output.error, ready.repairs) : succeeded(state, ready, output)
}

type Output =
  /** The output as later calls get it, and as JSON. */
  | { readonly kind: 'valid'; readonly value: unknown; readonly json: string }
  | { readonly kind: 'invalid'; readonly error: ToolError }

/**
 * Checks a value as the output of a tool, whether the tool or somebody else has made it.
 *
 * @param known the value as JSON, if it was written before.
 */
export function checkedOutput(tool: Tool, output: unknown, known?: string): Output {
  const returned = output === undefined ? null : output
  const json = known ?? toJson(returned)
  const { isPlain, problem } = inspectJson(returned)
  if (problem !== undefined) return unserializable(tool, problem)
  if (json === undefined) return unserializable(tool, 'a value that JSON cannot represent')
  // Later calls must get what the model saw: for example a Date has become a string.
  const value: unknown = isPlain ? returned : JSON.parse(json)
  if (tool.outputSchema === undefined) return { kind: 'valid', value, json }
  const errors = compileSchema(tool.outputSchema)(value)
  if (errors.length === 0) return { kind: 'valid', value, json }
  const title = `The output of "${tool.name}" does not match its schema:`
  const message = describeValidationErrors(errors, tool.outputSchema, title)
  return { kind: 'invalid', error: { kind: 'invalid_output', message } }
}

function unserializable(tool: Tool, problem: string): Output {
  const message = `"${tool.name}" returned ${problem}. Return plain objects, arrays, strings and numbers.`
  return { kind: 'invalid', error: { kind: 'invalid_output', message } }
}

function succeeded(
  { call, callId, options, startedAt }: CallState,
  { tool, input, repairs }: ReadyCall,
  { value, json }: { readonly value: unknown; readonly json: string },
): ToolResult {
  const content = resultContent(call, tool, input, { value, json }, options.resultBytes)
  return {
    status: 'ok',
    id: call.id,
    name: call.name,
    callId,
    input,
    value,
    content: content.text,
    clipped: content.clipped,
    ...(content.isView ? { isView: true } : {}),
    ...(content.viewProblem === undefined ? {} : { viewProblem: content.viewProblem }),
    durationMs: options.now() - startedAt,
    repairs,
  }
}

/** A validator throws only for a value that nests deeper than the stack allows. */
function validatorFailed(state: CallState, error: unknown): ToolResult {
  const { name, repairs } = state.call
  const message = limitFeedback(`The input or output of "${name}" could not be validated: ${describeThrown(error)}`)
  return failed(state, { kind: 'tool_failed', message }, repairs)
}

function failed({ call, callId, options, startedAt }: CallState, error: ToolError, repairs: readonly Repair[]) {
  return errorResult(call, { callId, now: options.now, resultBytes: options.resultBytes }, error, repairs, startedAt)
}

/** The result of a call that failed or was not executed. @param startedAt start of the call, on the clock `now`. */
export function errorResult(
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
