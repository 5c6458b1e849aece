import { dispatch } from './dispatch.ts'
import { defaultResultBytes } from './dispatch-calls.ts'
import { CallList } from './reading/read-reply.ts'
import { noReferences } from './references.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'
import { checkTool } from './validate-tool.ts'

export interface RunToolOptions {
  readonly signal?: AbortSignal
  /** What the tool gets as its idempotency key. @defaultValue 'call_1' */
  readonly callId?: string
  /** Most bytes of the result that a model would be shown; at least 256. @defaultValue 16384 */
  readonly resultBytes?: number
  /** What references of the input can point at, as in a run's `inputs`. */
  readonly inputs?: Readonly<Record<string, unknown>>
  readonly now?: () => number
}

/** A {@link ToolResult} whose value has the tool's output type. */
export type RunToolResult<Output> =
  | (Omit<Extract<ToolResult, { status: 'ok' }>, 'value'> & { readonly value: Output })
  | Extract<ToolResult, { status: 'error' }>

/** What a tool's `execute` resolves with. */
export type OutputOf<T extends Tool> = T extends Tool<never, infer Output> ? Output : never

/**
 * Runs one tool by the same path as a run does: resolve, check, time out, execute, check the output, clip.
 *
 * Resolves for everything that can happen in a call. `input` may be anything a model could send: an object, or, as on
 * the wire, a text, which is read with the same repairs as in a run.
 *
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
      timeoutMs: tool.timeoutMs,
      resultBytes: Math.max(256, options.resultBytes ?? defaultResultBytes),
      now: options.now ?? (() => performance.now()),
    },
    callId,
  )
  return result as RunToolResult<OutputOf<T>>
}

function toCall(name: string, input: unknown, id: string): ToolCall {
  // A caller's own object needs no mending: it is not the wire's form, and not recorded as a deviation from it.
  if (typeof input === 'object' && input !== null) return { id, name, input, repairs: [] }
  const calls = new CallList({ truncated: false, newId: () => id })
  calls.add({ id, name, rawArguments: input })
  return { id, name, input: {}, repairs: [], ...calls.list[0] }
}
