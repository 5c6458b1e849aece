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
