import type { Infer, ObjectSchema, Returnable, SchemaFor } from './schema.ts'
import { checkDefinition, checkFields } from './validate-tool.ts'

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
  /** `true`: the call may be repeated after a crash. Without it, a call makes a run forget what it could answer calls with. */
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  /**
   * `true`: the call may be repeated after a crash and gives the same again, so its result may be left out of a checkpoint.
   * `false`: a polling tool, whose identical calls are executed again instead of being answered from the earlier result.
   * Not set, an identical call is answered from the earlier result until another tool has acted: `false` on a tool with
   * side effects lets a model that repeats itself act twice.
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
  readonly inputSchema: ObjectSchema & SchemaFor<I>
  readonly outputSchema?: SchemaFor<O>
  readonly annotations?: ToolAnnotations
  readonly timeoutMs?: number
  readonly execute: (input: NoInfer<Infer<I>>, context: ToolContext) => Output | Promise<Output>
}

/** What `execute` may return: anything, unless there is an output schema. */
type Allowed<O> = [O] extends [never] ? unknown : Returnable<Infer<O>>

type Returned<O, Output> = [O] extends [never] ? Output : Infer<O>

/**
 * Defines a tool. The types of `execute`'s input and output are inferred from the schemas, see {@link Infer}; without an
 * `outputSchema` the output is whatever `execute` returns. A literal that is returned keeps its type, so that `'a'` fits
 * an `enum`; inside a callback of its own (`lines.map(() => ({ kind: 'a' as const }))`) it needs `as const`.
 *
 * @throws {TypeError} when the definition is invalid; the message names the tool and the path.
 */
export function defineTool<
  const I extends ObjectSchema,
  const Output extends Allowed<O>,
  const O extends object = never,
>(definition: ToolDefinition<I, O, Output>): Tool<Infer<I>, Returned<O, Output>> {
  checkFields(definition)
  const tool = {
    ...definition,
    annotations: definition.annotations ?? {},
    timeoutMs: definition.timeoutMs ?? defaultToolTimeoutMs,
  } as unknown as Tool<Infer<I>, Returned<O, Output>>
  checkDefinition(tool)
  return Object.freeze(tool)
}
