/**
 * Base class of every error that tenrounds throws.
 *
 * Catch it to tell errors of this library from all others, and use {@link code} to tell them apart: codes stay the same
 * between releases, messages do not.
 */
export class TenroundsError extends Error {
  /** Stable identifier of the error, in snake_case, for example `invalid_option`. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
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
