import type { Infer, KnownKeywords, ObjectSchema, SchemaObject } from './schema.ts'
import { checkDefinition } from './tool-definition.ts'

/** What a tool may know of the call besides its input. */
export interface ToolContext {
  /** Aborted when the run is cancelled, the deadline passes, or `timeoutMs` is over. */
  readonly signal: AbortSignal
  /** Stable over retries and resumes of the same call: use it as the idempotency key of a side effect. */
  readonly callId: string
}

/** MCP's behaviour hints. Defaults are MCP's: not read-only, destructive, not idempotent, open world. */
export interface ToolAnnotations {
  readonly title?: string
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  /**
   * `true`: the call may be repeated after a crash. `false`: a polling tool, whose identical calls are executed again
   * instead of being answered from the earlier result.
   */
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

/**
 * A tool: a plain object around one function, with MCP's field names.
 *
 * `Tool` without arguments is the type of any tool, so that `readonly Tool[]` collects tools of all inputs.
 */
export interface Tool<Input = never, Output = unknown> {
  /** `^[a-zA-Z0-9_-]{1,64}$`, the intersection of what MCP and chat-completions servers accept. */
  readonly name: string
  readonly title?: string
  readonly description: string
  readonly inputSchema: ObjectSchema
  readonly outputSchema?: object
  readonly annotations: ToolAnnotations
  /** How long one call may take, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs: number
  readonly execute: (input: Input, context: ToolContext) => Output | Promise<Output>
}

export const defaultToolTimeoutMs = 30_000

interface ToolDefinition<I, O, Output> {
  readonly name: string
  readonly title?: string
  readonly description: string
  readonly inputSchema: I & SchemaObject & KnownKeywords<I>
  readonly outputSchema?: O & SchemaObject & KnownKeywords<O>
  readonly annotations?: ToolAnnotations
  readonly timeoutMs?: number
  readonly execute: (input: Infer<I>, context: ToolContext) => Output | Promise<Output>
}

/**
 * Defines a tool. The types of `execute`'s input and output are inferred from the schemas; without an `outputSchema`
 * the output is whatever `execute` returns.
 *
 * @throws {TypeError} when the name, a schema or the timeout is invalid; the message names the tool and the path.
 */
export function defineTool<const I extends ObjectSchema, const O extends object>(
  definition: ToolDefinition<I, O, Infer<O>> & { readonly outputSchema: O & SchemaObject & KnownKeywords<O> },
): Tool<Infer<I>, Infer<O>>
export function defineTool<const I extends ObjectSchema, Output>(
  definition: ToolDefinition<I, never, Output> & { readonly outputSchema?: never },
): Tool<Infer<I>, Output>
export function defineTool<I, O, Output>(definition: ToolDefinition<I, O, Output>): Tool<Infer<I>, Output> {
  const tool = {
    ...definition,
    annotations: definition.annotations ?? {},
    timeoutMs: definition.timeoutMs ?? defaultToolTimeoutMs,
  } as Tool<Infer<I>, Output>
  checkDefinition(tool)
  return Object.freeze(tool)
}
