import { maxTimerMs, onAbort } from './on-abort.ts'
import { describeThrown } from './text/describe-error.ts'
import type { Tool, ToolContext } from './tool.ts'
import type { ToolError } from './tool-call.ts'

/** Options of {@link execute}. */
export interface ExecuteOptions {
  /** Aborted when the run ends. */
  readonly signal: AbortSignal
  /** Longest duration in milliseconds, if the tool's own timeout is longer. */
  readonly timeoutMs: number
}

/** Outcome of a tool's function. */
export type Outcome =
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The function threw, its time was over, or the run ended. */
  | { readonly kind: 'failed'; readonly error: ToolError }

/** Calls a tool's function with a validated input. It returns a promise only if the function does, and never throws. */
export function execute(
  tool: Tool,
  input: unknown,
  options: ExecuteOptions,
  callId: string,
): Outcome | Promise<Outcome> {
  if (options.signal.aborted) return cancelled
  const context = new CallContext(callId)
  try {
    // The input is validated. The parameter has type `never` so that different tools fit into one list.
    const output: unknown = tool.execute(input as never, context)
    if (!isThenable(output)) return { kind: 'returned', value: output }
    return withinTime(output, tool, context, options)
  } catch (error) {
    return threw(error)
  }
}

const cancelled: Outcome = {
  kind: 'failed',
  error: { kind: 'cancelled', message: 'The run ended before this call did.' },
}

/**
 * Creates its abort controller only when the tool reads `signal`, because most tools never do. `signal` is an own property,
 * so that a tool can pass on `{ ...context }`.
 */
class CallContext implements ToolContext {
  static readonly #signalProperty: PropertyDescriptor & ThisType<CallContext> = {
    enumerable: true,
    get() {
      return this.#getController().signal
    },
  }
  readonly callId: string
  declare readonly signal: AbortSignal
  #controller: AbortController | undefined

  constructor(callId: string) {
    this.callId = callId
    Object.defineProperty(this, 'signal', CallContext.#signalProperty)
  }

  abort(reason: unknown): void {
    this.#getController().abort(reason)
  }

  #getController(): AbortController {
    this.#controller ??= new AbortController()
    return this.#controller
  }
}

/** Waits for a promise until the timeout or the end of the run. A value that arrives later is dropped; so is a rejection. */
function withinTime(
  output: PromiseLike<unknown>,
  tool: Tool,
  context: CallContext,
  options: ExecuteOptions,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome) => {
      clearTimeout(timer)
      stopListening()
      resolve(outcome)
    }
    const cancel = () => {
      settle(cancelled)
      context.abort(options.signal.reason)
    }
    const timeoutMs = Math.max(1, Math.min(tool.timeoutMs, options.timeoutMs, maxTimerMs))
    const timer = setTimeout(() => {
      const error = timeoutError(tool, timeoutMs)
      settle({ kind: 'failed', error })
      context.abort(new DOMException(error.message, 'TimeoutError'))
    }, timeoutMs)
    const stopListening = onAbort(options.signal, cancel)
    // The `then` of another library may throw or call back twice. A native promise around it does neither.
    Promise.resolve(output).then(
      (value) => settle({ kind: 'returned', value }),
      (error: unknown) => settle(threw(error)),
    )
  })
}

/** The error of a call that took too long. */
export function timeoutError({ name }: Tool, timeoutMs: number): ToolError {
  return { kind: 'timeout', message: `"${name}" did not finish within ${Math.round(timeoutMs)} ms.` }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function threw(error: unknown): Outcome {
  return { kind: 'failed', error: { kind: 'tool_failed', message: describeThrown(error) } }
}
