// Calls the function of a tool: within its timeout, until the run ends, and again if the tool has retries.

import { maxTimerMs, onAbort } from './on-abort.ts'
import { describeThrown } from './text/describe-error.ts'
import type { ExecutableTool, Tool, ToolContext } from './tool.ts'
import type { ToolError } from './tool-call.ts'

/** Options of {@link execute}. */
interface ExecuteOptions {
  /** Aborted when the run ends. */
  readonly signal: AbortSignal
  /** Longest duration of the call in milliseconds, its retries included. Each attempt also has the tool's own timeout. */
  readonly timeoutMs: number
  /** Clock in milliseconds. */
  readonly now: () => number
}

/** Outcome of a tool's function. */
export type Outcome = (
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The function threw, it timed out, or the run ended. */
  | { readonly kind: 'failed'; readonly error: ToolError }
) & {
  /** Number of times that the function was called. Set for a tool with `retries`. */
  readonly attempts?: number
}

/**
 * Calls a tool's function with a validated input. It returns a promise only if the function does or the call is retried,
 * and never throws.
 *
 * @param startedAt start of the call, on the clock `options.now`.
 */
export function execute(
  tool: Tool,
  input: unknown,
  options: ExecuteOptions,
  callId: string,
  startedAt: number,
): Outcome | Promise<Outcome> {
  const run = tool.execute
  if (run === undefined) return hasNoFunction(tool)
  const first = attempt(tool, run, input, options, callId, startedAt)
  return tool.retries === undefined || tool.retries === 0
    ? first
    : retry(first, tool.retries, startedAt + options.timeoutMs, options, (timeoutMs) =>
        attempt(tool, run, input, { ...options, timeoutMs }, callId, options.now()),
      )
}

/** Wait before the first retry in milliseconds. It doubles before each further one. */
const firstWaitMs = 200

/** Repeats an attempt that threw or timed out, while retries and time are left. */
async function retry(
  first: Outcome | Promise<Outcome>,
  retries: number,
  endsAt: number,
  { signal, now }: ExecuteOptions,
  again: (timeoutMs: number) => Outcome | Promise<Outcome>,
): Promise<Outcome> {
  let outcome = await first
  let attempts = 1
  for (; outcome.kind === 'failed' && outcome.error.kind !== 'cancelled' && attempts <= retries; attempts++) {
    const waitMs = firstWaitMs * 2 ** (attempts - 1)
    if (now() + waitMs >= endsAt) break
    await wait(waitMs, signal)
    if (signal.aborted) return { ...cancelled, attempts }
    outcome = await again(endsAt - now())
  }
  return { ...outcome, attempts }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      stopListening()
      resolve()
    }
    const timer = setTimeout(end, Math.min(ms, maxTimerMs))
    const stopListening = onAbort(signal, end)
  })
}

function attempt(
  tool: Tool,
  run: ExecutableTool['execute'],
  input: unknown,
  options: ExecuteOptions,
  callId: string,
  startedAt: number,
): Outcome | Promise<Outcome> {
  if (options.signal.aborted) return cancelled
  const context = new CallContext(callId)
  try {
    // The input is validated. The parameter has type `never` so that different tools fit into one list.
    const output: unknown = run.call(tool, input as never, context)
    return isThenable(output)
      ? withinTime(output, tool, context, options, startedAt)
      : returned(output, tool, options, startedAt)
  } catch (error) {
    return threw(error)
  }
}

/** The outcome of a function that returned. A timer cannot fire while a function blocks the process, so time is checked. */
function returned(value: unknown, tool: Tool, { timeoutMs, now }: ExecuteOptions, startedAt: number): Outcome {
  const longestMs = Math.min(tool.timeoutMs, timeoutMs)
  return now() - startedAt > longestMs ? timedOut(tool, longestMs) : { kind: 'returned', value }
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
  startedAt: number,
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
      const outcome = timedOut(tool, timeoutMs)
      settle(outcome)
      context.abort(new DOMException(outcome.error.message, 'TimeoutError'))
    }, timeoutMs)
    const stopListening = onAbort(options.signal, cancel)
    // The `then` of another library may throw or call back twice. A native promise around it does neither.
    Promise.resolve(output).then(
      (value) => settle(returned(value, tool, options, startedAt)),
      (error: unknown) => settle(threw(error)),
    )
  })
}

function timedOut({ name }: Tool, timeoutMs: number) {
  const error: ToolError = { kind: 'timeout', message: `"${name}" did not finish within ${Math.round(timeoutMs)} ms.` }
  return { kind: 'failed', error } as const
}

function hasNoFunction({ name }: Tool): Outcome {
  const message =
    `"${name}" has no execute function. A call of it needs a run: runLoop ends as paused, and continues with the value that ` +
    'you give it in decisions.'
  return { kind: 'failed', error: { kind: 'no_execute', message } }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function threw(error: unknown): Outcome {
  return { kind: 'failed', error: { kind: 'tool_failed', message: describeThrown(error) } }
}
