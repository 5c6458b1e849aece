import { excerpt } from '../../router/text/clip.ts'

/** `invalid_option`: an option of `runLoop` is wrong. `invalid_checkpoint`: `resumeFrom` is no checkpoint of this version. */
export type LoopErrorCode = 'invalid_option' | 'invalid_checkpoint'

/** Misuse of the loop: the only thing `runLoop` rejects with. Everything that happens in a run is in its result. */
export class LoopError extends Error {
  override readonly name = 'LoopError' as const
  readonly code: LoopErrorCode

  constructor(code: LoopErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Why a model call failed.
 *
 * - `configuration`: the client is set up wrongly (no token, a URL that may not be used)
 * - `authentication`: the token is missing, wrong, or of another region
 * - `quota`: the account's balance or plan is used up
 * - `rate_limit`: too many requests or tokens per minute
 * - `overloaded`: the server has no capacity now
 * - `server`: the server failed
 * - `invalid_request`: the server refuses the request as it is
 * - `context_length`: the transcript is longer than the model takes
 * - `content_filter`: input or output was refused for its content
 * - `timeout`: the time allowed was over
 * - `network`: no connection, or it broke
 * - `protocol`: what came back is no chat completion
 * - `aborted`: the caller's signal was aborted
 */
export type ModelErrorKind =
  | 'configuration'
  | 'authentication'
  | 'quota'
  | 'rate_limit'
  | 'overloaded'
  | 'server'
  | 'invalid_request'
  | 'context_length'
  | 'content_filter'
  | 'timeout'
  | 'network'
  | 'protocol'
  | 'aborted'

export interface ModelErrorFields {
  readonly kind: ModelErrorKind
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** HTTP status. */
  readonly status?: number
  /** The provider's own code, e.g. MiniMax's `2013`. */
  readonly code?: string
  readonly requestId?: string
}

/** A model call that failed. The message carries no token, and no part of the request. */
export class ModelError extends Error implements ModelErrorFields {
  override readonly name = 'ModelError' as const
  readonly kind: ModelErrorKind
  readonly retryable: boolean
  declare readonly retryAfterMs?: number
  declare readonly status?: number
  declare readonly code?: string
  declare readonly requestId?: string

  constructor(message: string, fields: ModelErrorFields, options?: ErrorOptions) {
    super(message, options)
    this.kind = fields.kind
    this.retryable = fields.retryable
    Object.assign(this, fields)
  }
}

/** A failure as plain data: it can be logged, stored and sent. */
export interface RunError {
  readonly name: string
  readonly message: string
  /** Set where a model call failed. */
  readonly kind?: ModelErrorKind
  readonly retryable?: boolean
  readonly retryAfterMs?: number
  readonly status?: number
  readonly code?: string
  readonly requestId?: string
}

/** The message of whatever was thrown: anything can be, and not everything can be made a string of. */
export function messageOf(error: unknown): string {
  const message: unknown = error instanceof Error ? error.message : error
  if (typeof message === 'string') return message
  try {
    return String(message)
  } catch {
    return 'a value that has no text was thrown'
  }
}

/** What was thrown, as plain data: message clipped and redacted, no stack, no cause. */
export function toRunError(error: unknown): RunError {
  const message = excerpt(messageOf(error), 1024)
  if (!(error instanceof Error)) return { name: 'Error', message }
  if (!(error instanceof ModelError)) return { name: String(error.name), message }
  const { name, kind, retryable, retryAfterMs, status, code, requestId } = error
  return {
    name,
    message,
    kind,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}
