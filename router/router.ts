import { advertise, type FunctionTool } from './advertised-schema.ts'
import { checkTool } from './define-tool.ts'
import { type DispatchOptions, dispatch, errorResult, type KeyOf } from './dispatch.ts'
import { InvalidOptionError, InvalidToolError } from './errors.ts'
import { Pauses } from './pauses.ts'
import type { AssistantMessage } from './reading/assistant-message.ts'
import type { Protocol } from './reading/call-shapes.ts'
import { type Reading, read } from './reading/read-reply.ts'
import type { TextFormat } from './reading/text-format.ts'
import { noReferences, type ReferenceTargets } from './references.ts'
import { describeOption } from './text/shown-value.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'

/** Reads the tool calls of replies and executes them. It has no state except its tools. */
export interface Router {
  /** The tools by name. */
  readonly tools: ReadonlyMap<string, Tool>
  /** The tools as the model gets them: the `tools` array of a request. */
  readonly definitions: readonly FunctionTool[]
  /** Reads a reply of any shape into one normal form. Never throws. */
  read(message: AssistantMessage, options?: ReadReplyOptions): Reading
  /**
   * Executes the calls of one reply. Resolves with exactly one result per call, in the order of the calls.
   *
   * @throws {InvalidOptionError} as a rejection, only for an option that is not a number of its kind.
   */
  dispatch(calls: readonly ToolCall[], options?: DispatchCallsOptions): Promise<readonly ToolResult[]>
}

/** Options of `router.read`. */
export interface ReadReplyOptions {
  /** Whether the reply was cut off (`finish_reason` is `length`). Then every call gets the error `truncated_call`. @defaultValue false */
  readonly truncated?: boolean
  /** Prefix of the ids of calls without an id. Use a different one for each reply. @defaultValue 'call' */
  readonly idPrefix?: string
  /**
   * Largest number of calls that are read. If there are more, one further call gets the error `too_many_calls`, which says
   * how many calls were ignored. @defaultValue no limit
   */
  readonly maxCalls?: number
  /**
   * Whether calls whose arguments take long to read are refused, so that reading does not block the process: more than
   * 4 MiB of arguments in the reply, or more than 100,000 values in long ones. @defaultValue false
   */
  readonly limitsWork?: boolean
  /**
   * The way in which the model writes calls and thinking as text: `model.textFormat`. @defaultValue none, so that only
   * native calls and structured JSON are read
   */
  readonly textFormat?: TextFormat | undefined
  /**
   * The way in which the tools were sent: `json` if they were described in a message and the model answers with JSON in its
   * text. It decides which calls in text may be quotations. @defaultValue 'native'
   */
  readonly protocol?: Protocol | undefined
  /**
   * Everything that the model was shown before this reply: prompts, tool results, tool descriptions, as text or as JSON.
   * A call in the text of the reply that appears there is a quotation, and it is refused. Called only if the text holds a
   * call. @defaultValue nothing: quotations are recognised only by their place in the text
   */
  readonly shown?: (() => Iterable<string>) | undefined
}

/** Options of `router.dispatch`. */
export interface DispatchCallsOptions {
  /**
   * Values that `$result` and `$input` can refer to. A function gives each call targets of its own. @defaultValue none
   */
  readonly references?: ReferenceTargets | ((call: ToolCall, index: number) => ReferenceTargets)
  /** Aborts running tools; calls that did not start get the error `cancelled`. @defaultValue never aborted */
  readonly signal?: AbortSignal
  /**
   * Longest duration of a call in milliseconds, retries included. The tool's own timeout applies to each attempt.
   * @defaultValue no limit
   */
  readonly timeoutMs?: number
  /** Number of calls that run at the same time: a positive whole number. @defaultValue 8 */
  readonly concurrency?: number
  /** Number of calls that are executed. The others get the error `too_many_calls`. @defaultValue no limit */
  readonly maxCalls?: number
  /** Longest text of a result for the model, in bytes; at least 256. @defaultValue 16384 */
  readonly resultBytes?: number
  /** Largest input of a call in bytes of JSON, references resolved. @defaultValue 16777216 */
  readonly inputBytes?: number
  /**
   * Whether calls that take long to prepare are refused, so that they do not block the process: those with more than 1000
   * references, or more than 5000 wrong values. Of an input with more than 128 KiB only a few values are converted.
   * @defaultValue false
   */
  readonly limitsWork?: boolean
  /**
   * Makes the idempotency key of a call. `input` is what the tool gets: references resolved, values coerced. For a call that
   * is refused it is the input as the model asked for it. `pins` has short texts that identify large values in it.
   * @defaultValue the id of the call
   */
  readonly callId?: (call: ToolCall, index: number, input: unknown, pins: ReadonlyMap<unknown, string>) => string
  /** Clock in milliseconds, for durations. @defaultValue `performance.now` */
  readonly now?: () => number
  /** Called before a tool is executed. Errors of listeners are ignored. */
  readonly onStart?: (call: ToolCall, callId: string) => void
  /** Called with every result, in order of completion. */
  readonly onEnd?: (result: ToolResult, call: ToolCall) => void
}

/**
 * Creates a router and compiles the schemas of its tools.
 *
 * @throws {InvalidToolError} when two tools have the same name, or a tool or one of its schemas is invalid.
 * @throws {InvalidOptionError} when `tools` is not an array.
 */
export function createRouter(tools: readonly Tool[]): Router {
  if (!Array.isArray(tools)) {
    throw new InvalidOptionError(
      `createRouter takes an array: createRouter([tool, …]). It was called with ${describeOption(tools)}.`,
    )
  }
  const byName = new Map<string, Tool>()
  for (const tool of tools) {
    checkTool(tool)
    if (byName.has(tool.name)) throw new InvalidToolError(`Two tools are named "${tool.name}"; names must be unique.`)
    byName.set(tool.name, tool)
  }
  const schemaOf = (name: string) => byName.get(name)?.inputSchema
  const isReadOnly = (name: string) => byName.get(name)?.annotations.readOnlyHint === true
  return {
    tools: byName,
    get definitions() {
      return tools.map((tool) => advertise(tool).definition)
    },
    read: (message, options = {}) =>
      read(message, {
        schemaOf,
        isReadOnly,
        textFormat: options.textFormat,
        protocol: options.protocol ?? 'native',
        shown: options.shown,
        truncated: options.truncated ?? false,
        maxCalls: options.maxCalls,
        limitsWork: options.limitsWork,
        newId: (index) => `${options.idPrefix ?? 'call'}_${index + 1}`,
      }),
    dispatch: (calls, options = {}) => dispatchAll(byName, calls, options),
  }
}

/** Default of `resultBytes`: about 4,000 tokens. */
export const defaultResultBytes = 16_384
/** Smallest `resultBytes`: the text that says how to use a clipped value needs this much. */
export const minResultBytes = 256
/** Default of `inputBytes`: 16 MiB. */
export const defaultInputBytes = 16_777_216
/** Default of `concurrency`. */
export const defaultConcurrency = 8

const never = new AbortController().signal
const now = () => performance.now()

/**
 * Runs calls, at most `concurrency` at a time, and resolves with their results in the order of the calls. Synchronous tools
 * run one after another without a promise between them.
 *
 * @throws {InvalidOptionError} as a rejection, for an option that is not a number of its kind.
 */
async function dispatchAll(
  tools: ReadonlyMap<string, Tool>,
  calls: readonly ToolCall[],
  options: DispatchCallsOptions,
): Promise<readonly ToolResult[]> {
  checkOptions(options)
  const { maxCalls = Number.POSITIVE_INFINITY, callId, references = noReferences, onStart, onEnd } = options
  const shared: DispatchOptions = {
    tools,
    references: typeof references === 'function' ? noReferences : references,
    signal: options.signal ?? never,
    timeoutMs: options.timeoutMs ?? Number.POSITIVE_INFINITY,
    resultBytes: Math.max(minResultBytes, options.resultBytes ?? defaultResultBytes),
    inputBytes: options.inputBytes ?? defaultInputBytes,
    limitsWork: options.limitsWork ?? false,
    now: options.now ?? now,
    ...(onStart === undefined ? {} : { onStart: (call, key) => notify(() => onStart(call, key)) }),
  }
  const results = new Array<ToolResult>(calls.length)
  const end = (result: ToolResult, call: ToolCall, index: number): void => {
    results[index] = result
    if (onEnd !== undefined) notify(() => onEnd(result, call))
  }
  /** The result of the first call over `maxCalls`. It is copied for the others, of which there may be 100,000. */
  let refusal: ToolResult | undefined
  let next = 0
  // Without pauses, synchronous tools would keep timers and an abort of the run waiting. They are rare, because calls of one
  // reply begin together.
  const pauses = new Pauses(20)
  /** Runs calls until one returns a promise, and continues after it. Returns undefined when no call is left. */
  const work = (): Promise<void> | undefined => {
    while (next < calls.length) {
      if (pauses.isDue) return pauses.pause().then(work)
      const index = next++
      const call = calls[index]
      if (call === undefined) continue
      const keyOf: KeyOf = (input, pins) => (callId === undefined ? call.id : callId(call, index, input, pins))
      // The call that reports the calls that were not read has its own message.
      if (index >= maxCalls && call.refusal?.kind !== 'too_many_calls') {
        const key = keyOf(call.input, new Map())
        refusal ??= errorResult(call, { ...shared, callId: key }, tooManyCalls(maxCalls), [], shared.now())
        end({ ...refusal, id: call.id, name: call.name, callId: key, repairs: call.repairs }, call, index)
        continue
      }
      const targets = typeof references === 'function' ? { ...shared, references: references(call, index) } : shared
      const outcome = dispatch(call, targets, keyOf)
      if (outcome instanceof Promise) {
        return outcome.then((result) => {
          end(result, call, index)
          return work()
        })
      }
      end(outcome, call, index)
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

/** Calls a listener. Its errors must not affect the calls. */
function notify(listener: () => void): void {
  try {
    listener()
  } catch {
    // There is nobody to report it to.
  }
}

/** @throws {InvalidOptionError} with the option and its value. */
function checkOptions(options: DispatchCallsOptions): void {
  const { concurrency = 1, maxCalls = 0, resultBytes = 1, inputBytes = 1, timeoutMs = 1 } = options
  if (!Number.isInteger(concurrency) || concurrency < 1) wrong('concurrency', concurrency, 'a positive whole number')
  if (!(maxCalls >= 0)) wrong('maxCalls', maxCalls, 'a number from 0')
  if (!(resultBytes >= 1)) wrong('resultBytes', resultBytes, 'a positive number')
  if (!(inputBytes >= 1)) wrong('inputBytes', inputBytes, 'a positive number')
  if (!(timeoutMs > 0)) wrong('timeoutMs', timeoutMs, 'a positive number of milliseconds')
}

function wrong(option: string, value: unknown, expected: string): never {
  throw new InvalidOptionError(`dispatch: ${option} is ${describeOption(value)}; it must be ${expected}.`)
}

/**
 * The error of a call that came after the first `maxCalls` ones.
 *
 * @param isFinal whether a later call would be refused, too.
 */
export function tooManyCalls(maxCalls: number, isFinal = false) {
  const message = `This call was not executed, because only ${maxCalls} ${maxCalls === 1 ? 'call is' : 'calls are'} allowed here.${isFinal ? '' : ' Call again if you still need it.'}`
  return { kind: 'too_many_calls', message } as const
}
