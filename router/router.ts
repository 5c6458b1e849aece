import { advertise, type FunctionTool } from './advertised-schema.ts'
import { type DispatchCallsOptions, dispatchAll } from './dispatch-calls.ts'
import { InvalidToolError } from './errors.ts'
import type { AssistantMessage } from './reading/assistant-message.ts'
import { type Reading, read } from './reading/read-reply.ts'
import type { TextFormat } from './reading/text-format.ts'
import type { Tool } from './tool.ts'
import type { ToolCall, ToolResult } from './tool-call.ts'
import { checkTool } from './validate-tool.ts'

/** Reads the calls of a reply, checks them and runs them. Holds the tools and nothing else: no state between calls. */
export interface Router {
  readonly tools: ReadonlyMap<string, Tool>
  /** What the model is shown: the `tools` array of a request. */
  readonly definitions: readonly FunctionTool[]
  /** One reply in normal form. Never throws. */
  read(message: AssistantMessage, options?: ReadReplyOptions): Reading
  /**
   * Runs the calls of one reply: exactly one result per call, in the order of the calls.
   *
   * @throws {TypeError} by rejection, and only for an option that is no number of its kind.
   */
  dispatch(calls: readonly ToolCall[], options?: DispatchCallsOptions): Promise<readonly ToolResult[]>
}

export interface ReadReplyOptions {
  /** `finish_reason` was `length`: every call becomes an error result. @defaultValue false */
  readonly truncated?: boolean
  /** Begins the synthetic ids of calls without one, so that they differ between replies. @defaultValue 'call' */
  readonly idPrefix?: string
  /**
   * How the model writes calls and thinking as text: `model.textFormat`. @defaultValue none: only native calls and
   * structured JSON are read
   */
  readonly textFormat?: TextFormat | undefined
}

/**
 * Creates a router and compiles the schemas of its tools.
 *
 * @throws {InvalidToolError} when two tools have the same name, or a tool or one of its schemas is invalid.
 */
export function createRouter(tools: readonly Tool[]): Router {
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
        newId: (index) => `${options.idPrefix ?? 'call'}_${index + 1}`,
      }),
    dispatch: (calls, options = {}) => dispatchAll(byName, calls, options),
  }
}
