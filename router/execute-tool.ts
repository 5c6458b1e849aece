import { onAbort } from './on-abort.ts'
import { describeThrown } from './text/describe-error.ts'
import type { Tool, ToolContext } from './tool.ts'
import type { ToolError } from './tool-call.ts'

export interface ExecuteOptions {
  readonly signal: AbortSignal
  readonly timeoutMs: number
}

export type Executed =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: ToolError }

/** What timers of Node can hold: `setTimeout` turns anything longer into 1 ms. */
const longestTimeoutMs = 2 ** 31 - 1

/** Runs a tool's function on an input that has been checked. A promise only for tools that return one. Never throws. */
export function execute(
  tool: Tool,
  input: unknown,
  options: ExecuteOptions,
  callId: string,
): Executed | Promise<Executed> {
  if (options.signal.aborted) return cancelled
  const context = new CallContext(callId)
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
  error: { kind: 'cancelled', message: 'The run was over before this call ended.' },
}

/**
 * Makes the abort controller only for tools that ask for the signal: most are synchronous and never do. Yet `signal` is a
 * member of its own, so that a tool may pass on `{ ...context }`.
 */
class CallContext implements ToolContext {
  static readonly #signal: PropertyDescriptor & ThisType<CallContext> = {
    enumerable: true,
    get() {
      return this.#own().signal
    },
  }
  readonly callId: string
  declare readonly signal: AbortSignal
  #controller: AbortController | undefined

  constructor(callId: string) {
    this.callId = callId
    Object.defineProperty(this, 'signal', CallContext.#signal)
  }

  abort(reason: unknown): void {
    this.#own().abort(reason)
  }

  #own(): AbortController {
    this.#controller ??= new AbortController()
    return this.#controller
  }
}

/** Race, then abort: a value that comes after the time is over is dropped, and its rejection is not left unhandled. */
function withinTime(
  output: PromiseLike<unknown>,
  tool: Tool,
  context: CallContext,
  options: ExecuteOptions,
): Promise<Executed> {
  return new Promise((resolve) => {
    const settle = (executed: Executed) => {
      clearTimeout(timer)
      stopWaiting()
      resolve(executed)
    }
    const cancel = () => {
      settle(cancelled)
      context.abort(options.signal.reason)
    }
    const timeoutMs = Math.max(1, Math.min(tool.timeoutMs, options.timeoutMs, longestTimeoutMs))
    const timer = setTimeout(() => {
      const error = timedOut(tool, timeoutMs)
      settle({ kind: 'failed', error })
      context.abort(new DOMException(error.message, 'TimeoutError'))
    }, timeoutMs)
    const stopWaiting = onAbort(options.signal, cancel)
    // A foreign `then` may throw or call back twice; a promise made of it does neither.
    Promise.resolve(output).then(
      (value) => settle({ kind: 'returned', value }),
      (error: unknown) => settle(threw(error)),
    )
    // The tool may have ended the run itself before the listener was there.
    if (options.signal.aborted) cancel()
  })
}

export function timedOut({ name }: Tool, timeoutMs: number): ToolError {
  return { kind: 'timeout', message: `"${name}" did not answer within ${Math.round(timeoutMs)} ms.` }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function threw(error: unknown): Executed {
  return { kind: 'failed', error: { kind: 'tool_failed', message: describeThrown(error) } }
}
