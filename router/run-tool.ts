import { dispatch } from './dispatch.ts'
import { noReferences } from './references.ts'
import { defaultResultBytes } from './router.ts'
import type { Tool } from './tool.ts'
import type { ToolResult } from './tool-call.ts'

export interface RunToolOptions {
  readonly signal?: AbortSignal
  /** What the tool gets as its idempotency key. @defaultValue 'call_1' */
  readonly callId?: string
  /** Most bytes of the result that a model would be shown. @defaultValue 16384 */
  readonly resultBytes?: number
  /** What references of the input can point at, as in a run's `givens`. */
  readonly givens?: Readonly<Record<string, unknown>>
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
 * Resolves for everything that can happen in a call; `input` may be anything a model could send.
 */
export async function runTool<T extends Tool>(
  tool: T,
  input: unknown,
  options: RunToolOptions = {},
): Promise<RunToolResult<OutputOf<T>>> {
  const callId = options.callId ?? 'call_1'
  const result = await dispatch(
    { id: callId, name: tool.name, input, repairs: [] },
    {
      tools: new Map([[tool.name, tool]]),
      references: { ...noReferences, givens: options.givens ?? {} },
      signal: options.signal ?? new AbortController().signal,
      timeoutMs: tool.timeoutMs,
      resultBytes: options.resultBytes ?? defaultResultBytes,
      callId,
      now: options.now ?? (() => performance.now()),
    },
  )
  return result as RunToolResult<OutputOf<T>>
}
