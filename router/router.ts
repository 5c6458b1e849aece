import { advertise, type FunctionTool } from './advertised-schema.ts'
import { type DispatchOptions, dispatch, failure } from './dispatch.ts'
import { type Reading, read } from './read.ts'
import { noReferences, type ReferenceScope } from './references.ts'
import type { AssistantMessage } from './reply.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'
import { validatorOf } from './validator.ts'

/** Reads the calls of a reply, checks them and runs them. Holds the tools and nothing else: no state between calls. */
export interface Router {
  readonly tools: ReadonlyMap<string, Tool>
  /** What the model is shown: the `tools` array of a request. */
  readonly definitions: readonly FunctionTool[]
  /** One reply in normal form. Never throws. */
  read(message: AssistantMessage, options?: ReadReplyOptions): Reading
  /** Runs the calls of one reply: exactly one result per call, in the order of the calls. Never rejects. */
  dispatch(calls: readonly ToolCall[], options?: DispatchCallsOptions): Promise<readonly ToolResult[]>
}

export interface ReadReplyOptions {
  /** `finish_reason` was `length`: every call becomes an error result. @defaultValue false */
  readonly truncated?: boolean
  /** Begins the synthetic ids of calls without one, so that they differ between replies. @defaultValue 'call' */
  readonly idPrefix?: string
}

export interface DispatchCallsOptions {
  readonly references?: ReferenceScope
  readonly signal?: AbortSignal
  /** Milliseconds that any call may take at most, besides its tool's own limit. @defaultValue no limit */
  readonly timeoutMs?: number
  /** How many calls run at the same time. @defaultValue 8 */
  readonly concurrency?: number
  /** How many calls are run; the others get an error result. @defaultValue no limit */
  readonly maxCalls?: number
  /** Most bytes of a result that the model is shown; at least 256. @defaultValue 16384 */
  readonly resultBytes?: number
  /** The idempotency key of a call. @defaultValue its id */
  readonly callId?: (call: ToolCall, index: number) => string
  readonly now?: () => number
  readonly onStart?: (call: ToolCall, callId: string) => void
  readonly onEnd?: (result: ToolResult, call: ToolCall) => void
}

export const defaultResultBytes = 16_384
export const defaultConcurrency = 8

/** What timers of Node can hold: `setTimeout` turns anything longer into 1 ms. */
const longestTimeoutMs = 2 ** 31 - 1

/** @throws {TypeError} when two tools have one name, or a schema cannot be compiled. */
export function createRouter(tools: readonly Tool[]): Router {
  const byName = new Map<string, Tool>()
  for (const tool of tools) {
    if (byName.has(tool.name)) throw new TypeError(`Two tools are named "${tool.name}": names have to be unique.`)
    byName.set(tool.name, tool)
    compile(tool)
  }
  let definitions: readonly FunctionTool[] | undefined
  return {
    tools: byName,
    get definitions() {
      definitions ??= tools.map(advertise)
      return definitions
    },
    read: (message, options = {}) =>
      read(message, {
        isTool: (name) => byName.has(name),
        truncated: options.truncated ?? false,
        newId: (index) => `${options.idPrefix ?? 'call'}_${index + 1}`,
      }),
    dispatch: (calls, options = {}) => dispatchAll(byName, calls, options),
  }
}

function compile(tool: Tool): void {
  for (const key of ['inputSchema', 'outputSchema'] as const) {
    const schema = tool[key]
    if (schema === undefined) continue
    try {
      validatorOf(schema)
    } catch (error) {
      throw new TypeError(`Tool "${tool.name}": ${key} cannot be compiled: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
}

async function dispatchAll(
  tools: ReadonlyMap<string, Tool>,
  calls: readonly ToolCall[],
  options: DispatchCallsOptions,
): Promise<readonly ToolResult[]> {
  const shared = {
    tools,
    references: options.references ?? noReferences,
    signal: options.signal ?? never,
    timeoutMs: Math.min(options.timeoutMs ?? longestTimeoutMs, longestTimeoutMs),
    resultBytes: Math.max(256, options.resultBytes ?? defaultResultBytes),
    now: options.now ?? (() => performance.now()),
  }
  const results = new Array<ToolResult>(calls.length)
  const runOne = async (call: ToolCall, index: number): Promise<void> => {
    const callId = options.callId?.(call, index) ?? call.id
    const one: DispatchOptions = { ...shared, callId }
    if (index >= (options.maxCalls ?? Number.POSITIVE_INFINITY)) {
      results[index] = failure(call, one, tooMany(options.maxCalls), call.repairs, shared.now())
      return
    }
    options.onStart?.(call, callId)
    const result = await dispatch(call, one)
    results[index] = result
    options.onEnd?.(result, call)
  }
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < calls.length) {
      const index = next++
      const call = calls[index]
      if (call !== undefined) await runOne(call, index)
    }
  }
  const workers = Math.min(options.concurrency ?? defaultConcurrency, calls.length)
  await Promise.all(Array.from({ length: workers }, worker))
  return results
}

const never = new AbortController().signal

function tooMany(maxCalls: number | undefined) {
  const message = `This call was not run: at most ${maxCalls} calls are left here. Ask again for what you still need.`
  return { kind: 'too_many_calls', message } as const
}
