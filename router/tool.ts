import type { Infer, ObjectSchema, Returnable, SchemaFor } from './schema.ts'
import { checkDefinition, checkFields } from './validate-tool.ts'

/** The second argument of a tool's `execute`. */
export interface ToolContext {
  /** Aborted when the run is cancelled, when its deadline passes, or after `timeoutMs`. Pass it on to `fetch`. */
  readonly signal: AbortSignal
  /** Id of the call. It is the same in retries and resumed runs, so it can be the idempotency key of a side effect. */
  readonly callId: string
}

/**
 * Hints about a tool's behaviour, with MCP's names and defaults: not read-only, destructive, not idempotent, open world.
 */
export interface ToolAnnotations {
  /** Title for people. */
  readonly title?: string
  /**
   * `true`: the tool changes nothing, so its calls may be repeated after a crash. After a call of any other tool, a run no
   * longer reuses earlier results. @defaultValue false
   */
  readonly readOnlyHint?: boolean
  /** `false`: the tool only adds, and never overwrites or deletes. Not used by tenrounds. @defaultValue true */
  readonly destructiveHint?: boolean
  /**
   * Controls a repeated identical call.
   *
   * - `true`: it returns the same value. It may be repeated after a crash, and its value may be left out of checkpoints.
   * - `false`: it may return another value, as a tool for polling does. It is executed again. Do not set this on a tool
   *   with side effects: a model that repeats itself would cause them twice.
   * - not set: it gets the earlier result, until a tool without `readOnlyHint: true` has run.
   */
  readonly idempotentHint?: boolean
  /** `false`: the tool reads and changes nothing outside of a closed system. Not used by tenrounds. @defaultValue true */
  readonly openWorldHint?: boolean
}

/**
 * A tool: a plain object around one function, with MCP's field names.
 *
 * `Tool` without type arguments is the type of any tool, so an array of different tools is a `readonly Tool[]`.
 */
export interface Tool<Input = never, Output = unknown> {
  /** Name for the model: 1 to 64 of the characters `a-z`, `A-Z`, `0-9`, `_`, `-`, which MCP and all servers accept. */
  readonly name: string
  /** Title for people. */
  readonly title?: string
  /** Explains to the model what the tool does and when to use it. */
  readonly description: string
  /** JSON Schema of the input. */
  readonly inputSchema: ObjectSchema
  /** JSON Schema of the returned value. A value that does not match it is an error result. */
  readonly outputSchema?: object
  /** Hints about the tool's behaviour. */
  readonly annotations: ToolAnnotations
  /** Longest duration of one call, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs: number
  /**
   * Does the work. Its input is validated, and its references are resolved. The message of a thrown error goes to the
   * model.
   */
  readonly execute: (input: Input, context: ToolContext) => Output | Promise<Output>
}

/** Timeout of a tool that sets none, in milliseconds. */
export const defaultToolTimeoutMs = 30_000

/** Argument of {@link defineTool}: a {@link Tool} whose optional fields may be left out. */
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

/** The values that `execute` may return: any, unless there is an output schema. */
type Allowed<O> = [O] extends [never] ? unknown : Returnable<Infer<O>>

type Returned<O, Output> = [O] extends [never] ? Output : Infer<O>

/**
 * Defines a tool. The types of input and output are inferred from the schemas, see {@link Infer}. Without an
 * `outputSchema`, the output has the type that `execute` returns.
 *
 * A returned literal keeps its type, so `'a'` matches an `enum`. In a nested callback it needs `as const`:
 * `lines.map(() => ({ kind: 'a' as const }))`.
 *
 * Fields and keywords are checked here. The schemas are compiled when the tool is first used, by `createRouter`,
 * `runLoop` or `runTool`, which report the remaining mistakes.
 *
 * @throws {InvalidToolError} that names the tool, the field or the place in its schema, and the value.
 *
 * @example
 * const getWeather = defineTool({
 *   name: 'get_weather',
 *   description: 'Returns the temperature of a city.',
 *   inputSchema: {
 *     type: 'object',
 *     properties: { city: { type: 'string' } },
 *     required: ['city'],
 *     additionalProperties: false,
 *   },
 *   execute: async ({ city }) => ({ city, celsius: await readTemperature(city) }), // city: string
 * })
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
