import type { ObjectSchema } from './schema-object.ts'

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
   * - `true`: it returns the same value. It may be repeated after a crash, also to compute a value again that was left out
   *   of a checkpoint.
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
  /** Longest duration of one attempt, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs: number
  /**
   * Number of times that a call is repeated after a thrown error or a timeout, with waits of 200, 400, 800 … milliseconds.
   * The time of the run limits all attempts together. Only for a tool with `readOnlyHint: true` or `idempotentHint: true`,
   * because an attempt that failed may have had its effect, and one that timed out may still be running. @defaultValue 0
   */
  readonly retries?: number
  /**
   * Makes what the model is shown, from the value and the input, instead of the value as JSON: a text is shown as it is,
   * anything else as JSON. The value stays complete for references, for `ToolResult.value` and for people.
   *
   * It must be a pure function: it is fast, it changes neither argument, and it says what it left out. If it throws, or
   * returns a blank text or something that JSON cannot represent, the model is shown the value as JSON, and the trace has a
   * warning. @defaultValue the value as JSON
   */
  readonly toContent?: ((value: never, input: Input) => unknown) | undefined
  /**
   * How a call shows more of a result that was cut at the byte limit, for the model. It continues "to read more, use", for
   * example `a narrower window, or offset`. At most 200 characters.
   */
  readonly readMore?: string
  /**
   * Does the work. Its input is validated, and its references are resolved. The message of a thrown error goes to the
   * model.
   *
   * A tool without it is done elsewhere: by a person, in a browser, or in another activity. `runLoop` then ends as `paused`
   * when the model calls the tool, and continues with the value that the caller gives in `decisions`.
   */
  readonly execute?: ((input: Input, context: ToolContext) => Output | Promise<Output>) | undefined
}

/** A tool that has an `execute` function. */
export interface ExecutableTool<Input = never, Output = unknown> extends Tool<Input, Output> {
  /** Does the work; see {@link Tool.execute}. */
  readonly execute: (input: Input, context: ToolContext) => Output | Promise<Output>
}
