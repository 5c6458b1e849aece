import { readCalls } from './arguments.ts'
import { checkTool } from './define-tool.ts'
import { dispatch } from './dispatch.ts'
import { InvalidOptionError } from './errors.ts'
import { isObject, isPlain } from './json/json.ts'
import { noReferences } from './references.ts'
import { defaultInputBytes, defaultResultBytes, minResultBytes } from './router.ts'
import { suggestName } from './text/closest.ts'
import { describeOption } from './text/shown-value.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'

/** Options of {@link runTool}. */
export interface RunToolOptions {
  /** Aborts the call. @defaultValue never aborted */
  readonly signal?: AbortSignal
  /** Idempotency key for the tool. @defaultValue 'call_1' */
  readonly callId?: string
  /** Longest text of the result for the model, in bytes; at least 256. @defaultValue 16384 */
  readonly resultBytes?: number
  /** Values that `$input` can refer to, like the `inputs` of a run. @defaultValue none */
  readonly inputs?: Readonly<Record<string, unknown>>
  /** Clock in milliseconds, for the duration. @defaultValue `performance.now` */
  readonly now?: () => number
}

/** A {@link ToolResult} whose value has the tool's output type. */
export type RunToolResult<Output> =
  | (Omit<Extract<ToolResult, { status: 'ok' }>, 'value'> & { readonly value: Output })
  | Extract<ToolResult, { status: 'error' }>

/** The type that a tool's `execute` resolves with. */
type OutputOf<T extends Tool> = T extends Tool<never, infer Output> ? Output : never

/**
 * Runs one tool in the same way as a run does, without a model: resolve references, validate, execute with timeout,
 * validate the output, clip. A failure of the call is a result with `status: 'error'`.
 *
 * @param input anything that a model can send: an object, or a text, which is read with the same repairs as in a run.
 * @throws {InvalidToolError} (as a rejection) when the tool or one of its schemas is invalid.
 * @throws {InvalidOptionError} (as a rejection) when an option does not exist or has a wrong value.
 */
export async function runTool<T extends Tool>(
  tool: T,
  input: unknown,
  options: RunToolOptions = {},
): Promise<RunToolResult<OutputOf<T>>> {
  checkTool(tool)
  checkOptions(options)
  const callId = options.callId ?? 'call_1'
  const result = await dispatch(
    toCall(tool.name, input, callId),
    {
      tools: new Map([[tool.name, tool]]),
      references: { ...noReferences, inputs: options.inputs ?? {} },
      signal: options.signal ?? new AbortController().signal,
      timeoutMs: Number.POSITIVE_INFINITY,
      resultBytes: options.resultBytes ?? defaultResultBytes,
      inputBytes: defaultInputBytes,
      limitsWork: false,
      now: options.now ?? (() => performance.now()),
    },
    () => callId,
  )
  return result as RunToolResult<OutputOf<T>>
}

type Expectation = readonly [what: string, fits: (value: unknown) => boolean]

const expectations: Readonly<Record<keyof RunToolOptions, Expectation>> = {
  signal: ['an AbortSignal', (value) => value instanceof EventTarget && 'aborted' in value],
  callId: ['a non-empty string', (value) => typeof value === 'string' && value !== ''],
  resultBytes: [
    `a whole number of at least ${minResultBytes}`,
    (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= minResultBytes,
  ],
  inputs: ['a plain object', (value) => isObject(value) && isPlain(value)],
  now: ['a function', (value) => typeof value === 'function'],
}

function checkOptions(options: unknown): void {
  if (!isObject(options) || !isPlain(options)) {
    throw new InvalidOptionError(`The options of runTool are ${describeOption(options)}; they must be a plain object.`)
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(expectations, name)) continue
    const hint = suggestName(name, Object.keys(expectations), 'The options are')
    throw new InvalidOptionError(`${name} is not an option of runTool. ${hint}`)
  }
  for (const [name, [what, fits]] of Object.entries(expectations)) {
    const value = options[name]
    if (value === undefined || fits(value)) continue
    throw new InvalidOptionError(`runTool: ${name} is ${describeOption(value)}; it must be ${what}.`)
  }
}

function toCall(name: string, input: unknown, id: string): ToolCall {
  // An object is not the wire format, so reading it would record a repair.
  if (typeof input === 'object' && input !== null) return { id, name, input, repairs: [] }
  const [call] = readCalls([{ id, name, rawArguments: input }], { truncated: false, newId: () => id })
  return { id, name, input: {}, repairs: [], ...call }
}
