import { readCalls } from './arguments.ts'
import { checkTool } from './define-tool.ts'
import { dispatch } from './dispatch.ts'
import { noReferences } from './references.ts'
import { defaultInputBytes, defaultResultBytes, minResultBytes } from './router.ts'
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
 */
export async function runTool<T extends Tool>(
  tool: T,
  input: unknown,
  options: RunToolOptions = {},
): Promise<RunToolResult<OutputOf<T>>> {
  checkTool(tool)
  const callId = options.callId ?? 'call_1'
  const result = await dispatch(
    toCall(tool.name, input, callId),
    {
      tools: new Map([[tool.name, tool]]),
      references: { ...noReferences, inputs: options.inputs ?? {} },
      signal: options.signal ?? new AbortController().signal,
      timeoutMs: Number.POSITIVE_INFINITY,
      resultBytes: Math.max(minResultBytes, options.resultBytes ?? defaultResultBytes),
      inputBytes: defaultInputBytes,
      now: options.now ?? (() => performance.now()),
    },
    () => callId,
  )
  return result as RunToolResult<OutputOf<T>>
}

function toCall(name: string, input: unknown, id: string): ToolCall {
  // An object is not the wire format, so reading it would record a repair.
  if (typeof input === 'object' && input !== null) return { id, name, input, repairs: [] }
  const [call] = readCalls([{ id, name, rawArguments: input }], { truncated: false, newId: () => id })
  return { id, name, input: {}, repairs: [], ...call }
}
