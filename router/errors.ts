/** Marks errors of this library in every copy of the package. */
const brand = Symbol.for('tenrounds.error')

/**
 * Base class of every error that tenrounds throws.
 *
 * Catch it to tell errors of this library from all others, and use {@link code} to tell them apart: codes stay the same
 * between releases, messages do not.
 */
export class TenroundsError extends Error {
  /** Stable identifier of the error, in snake_case, for example `invalid_option`. */
  readonly code: string

  /**
   * @param code stable identifier in snake_case.
   * @param message explanation for people.
   * @param options may have the `cause`.
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }

  /** Present in errors of every copy of the package; see {@link isTenroundsError}. */
  get [brand](): true {
    return true
  }
}

/** Whether a value is a {@link TenroundsError}, of this or of another copy of the package. `instanceof` knows only this one. */
export function isTenroundsError(value: unknown): value is TenroundsError {
  return value instanceof Error && Reflect.get(value, brand) === true
}

/**
 * A tool definition that cannot be used, thrown by `defineTool`, `createRouter` and `runTool`. The message names the tool,
 * the field or the place in its schema, the value, and what is allowed. Its `code` is `invalid_tool`.
 */
export class InvalidToolError extends TenroundsError {
  constructor(message: string, options?: ErrorOptions) {
    super('invalid_tool', message, options)
  }
}

/**
 * A JSON Schema that cannot be used. The message names the schema, the place in it, and the problem. Its `code` is
 * `invalid_schema`. For the schema of a tool, it is the `cause` of an {@link InvalidToolError}.
 */
export class InvalidSchemaError extends TenroundsError {
  constructor(message: string, options?: ErrorOptions) {
    super('invalid_schema', message, options)
  }
}

/**
 * A wrong argument or option of a function of the router, or of `startMockServer`. The message names the option, its value
 * and what is allowed. Its `code` is `invalid_option`.
 */
export class InvalidOptionError extends TenroundsError {
  constructor(message: string, options?: ErrorOptions) {
    super('invalid_option', message, options)
  }
}

/** The message of a thrown value, which can be anything: the message of an `Error`, otherwise the value as text. */
export function errorMessage(error: unknown): string {
  const message: unknown = error instanceof Error ? error.message : error
  if (typeof message === 'string') return message
  try {
    return String(message)
  } catch {
    return 'a value that cannot be converted to text'
  }
}
