import { advertise, type FunctionTool } from './advertised-schema.ts'
import { checkTool } from './define-tool.ts'
import { type DispatchCallsOptions, dispatchAll } from './dispatch-calls.ts'
import { InvalidOptionError, InvalidToolError } from './errors.ts'
import type { AssistantMessage } from './reading/assistant-message.ts'
import { type Reading, read } from './reading/read-reply.ts'
import type { TextFormat } from './reading/text-format.ts'
import { shownValue } from './text/shown-value.ts'
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
   * The way in which the model writes calls and thinking as text: `model.textFormat`. @defaultValue none, so that only
   * native calls and structured JSON are read
   */
  readonly textFormat?: TextFormat | undefined
}

/**
 * Creates a router and compiles the schemas of its tools.
 *
 * @throws {InvalidToolError} when two tools have the same name, or a tool or one of its schemas is invalid.
 * @throws {InvalidOptionError} when `tools` is not an array.
 */
export function createRouter(tools: readonly Tool[]): Router {
  if (!Array.isArray(tools)) {
    throw new InvalidOptionError(`createRouter: tools is ${shownValue(tools, 80)}; it must be an array of tools.`)
  }
  const byName = new Map<string, Tool>()
  for (const tool of tools) {
    checkTool(tool)
    if (byName.has(tool.name)) throw new InvalidToolError(`Two tools are named "${tool.name}"; names must be unique.`)
    byName.set(tool.name, tool)
  }
  let definitions: readonly FunctionTool[] | undefined
  const schemaOf = (name: string) => byName.get(name)?.inputSchema
  return {
    tools: byName,
    get definitions() {
      definitions ??= tools.map(advertise)
      return definitions
    },
    read: (message, options = {}) =>
      read(message, {
        schemaOf,
        textFormat: options.textFormat,
        truncated: options.truncated ?? false,
        maxCalls: options.maxCalls,
        newId: (index) => `${options.idPrefix ?? 'call'}_${index + 1}`,
      }),
    dispatch: (calls, options = {}) => dispatchAll(byName, calls, options),
  }
}
