import { type DispatchOptions, dispatch, failure } from './dispatch.ts'
import { noReferences, type ReferenceTargets } from './references.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'

export interface DispatchCallsOptions {
  readonly references?: ReferenceTargets
  readonly signal?: AbortSignal
  /** Milliseconds that any call may take at most, besides its tool's own limit. @defaultValue no limit */
  readonly timeoutMs?: number
  /** How many calls run at the same time: a positive whole number. @defaultValue 8 */
  readonly concurrency?: number
  /** How many calls are run; the others get an error result. @defaultValue no limit */
  readonly maxCalls?: number
  /** Most bytes of a result that the model is shown; at least 256. @defaultValue 16384 */
  readonly resultBytes?: number
  /** The idempotency key of a call. @defaultValue its id */
  readonly callId?: (call: ToolCall, index: number) => string
  readonly now?: () => number
  /** Told of a call that is checked and reaches its tool. What listeners throw is dropped. */
  readonly onStart?: (call: ToolCall, callId: string) => void
  /** Told of every result. */
  readonly onEnd?: (result: ToolResult, call: ToolCall) => void
}

export const defaultResultBytes = 16_384
const defaultConcurrency = 8

/** How long synchronous tools may follow on each other before timers and an abort of the run get their turn. */
const maxBlockedMs = 10

const never = new AbortController().signal
const now = () => performance.now()

/**
 * Runs calls, at most `concurrency` at a time, and gives their results in the order of the calls.
 *
 * Calls of synchronous tools are run one after another without a promise in between: there is nothing to wait for.
 *
 * @throws {TypeError} by rejection, for an option that is no number of its kind.
 */
export async function dispatchAll(
  tools: ReadonlyMap<string, Tool>,
  calls: readonly ToolCall[],
  options: DispatchCallsOptions,
): Promise<readonly ToolResult[]> {
  checkOptions(options)
  const { maxCalls = Number.POSITIVE_INFINITY, callId, onStart, onEnd } = options
  const shared: DispatchOptions = {
    tools,
    references: options.references ?? noReferences,
    signal: options.signal ?? never,
    timeoutMs: options.timeoutMs ?? Number.POSITIVE_INFINITY,
    resultBytes: Math.max(256, options.resultBytes ?? defaultResultBytes),
    now: options.now ?? now,
    ...(onStart === undefined ? {} : { onStart: (call, key) => tell(() => onStart(call, key)) }),
  }
  const results = new Array<ToolResult>(calls.length)
  const end = (result: ToolResult, call: ToolCall, index: number): void => {
    results[index] = result
    if (onEnd !== undefined) tell(() => onEnd(result, call))
  }
  /** The result of every call that is one too many: there may be a hundred thousand of them. */
  let refusal: ToolResult | undefined
  let next = 0
  let yieldedAt = shared.now()
  const afterYield = () =>
    new Promise<void>((resolve) => {
      setImmediate(() => {
        yieldedAt = shared.now()
        resolve()
      })
    })
  /** Runs calls until one has to be waited for, and goes on behind it; undefined when none is left. */
  const work = (): Promise<void> | undefined => {
    while (next < calls.length) {
      const index = next++
      const call = calls[index]
      if (call === undefined) continue
      const key = callId === undefined ? call.id : callId(call, index)
      if (index >= maxCalls) {
        refusal ??= failure(call, { ...shared, callId: key }, tooMany(maxCalls), [], shared.now())
        end({ ...refusal, id: call.id, name: call.name, callId: key, repairs: call.repairs }, call, index)
        continue
      }
      const outcome = dispatch(call, shared, key)
      if (outcome instanceof Promise) {
        return outcome.then((result) => {
          end(result, call, index)
          return work()
        })
      }
      end(outcome, call, index)
      if (next < calls.length && shared.now() - yieldedAt > maxBlockedMs) return afterYield().then(work)
    }
    return undefined
  }
  const workers: Promise<void>[] = []
  while (next < calls.length && workers.length < (options.concurrency ?? defaultConcurrency)) {
    const waiting = work()
    if (waiting !== undefined) workers.push(waiting)
  }
  if (workers.length > 0) await Promise.all(workers)
  return results
}

/** A listener that throws harms no call. */
function tell(listener: () => void): void {
  try {
    listener()
  } catch {
    // Its error is its own: there is nobody here to give it to.
  }
}

/** @throws {TypeError} that names the option and its value. */
function checkOptions({ concurrency = 1, maxCalls = 0, resultBytes = 1, timeoutMs = 1 }: DispatchCallsOptions): void {
  if (!Number.isInteger(concurrency) || concurrency < 1) wrong('concurrency', concurrency, 'a positive whole number')
  if (!(maxCalls >= 0)) wrong('maxCalls', maxCalls, 'a number from 0')
  if (!(resultBytes >= 1)) wrong('resultBytes', resultBytes, 'a positive number')
  if (!(timeoutMs > 0)) wrong('timeoutMs', timeoutMs, 'a positive number of milliseconds')
}

function wrong(option: string, value: unknown, expected: string): never {
  throw new TypeError(`dispatch: ${option} is ${value}; it has to be ${expected}.`)
}

function tooMany(maxCalls: number) {
  const message = `This call was not run: at most ${maxCalls} calls are left here. Ask again for what you still need.`
  return { kind: 'too_many_calls', message } as const
}
