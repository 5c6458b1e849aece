import { errorMessage, isTenroundsError, TenroundsError } from '../../router/errors.ts'
import type { Infer, Returnable } from '../../router/schema.ts'
import { excerpt } from '../../router/text/clip.ts'

/**
 * Code of a {@link LoopError}.
 *
 * - `invalid_option`: an option of `runLoop` is missing, unknown or has a wrong value. The message names it.
 * - `invalid_checkpoint`: `resumeFrom` is not a checkpoint, is damaged or belongs to another run. Start the run without it,
 *   or with `onUnreadableCheckpoint: 'restart'`.
 * - `checkpoint_version`: `resumeFrom` was written by a release whose checkpoints this one cannot read, and its run may have
 *   started tools with side effects. Continue it with that release, or start again with
 *   `onUnreadableCheckpoint: 'restart'`.
 * - `checkpoint_of_another_prompt`: `resumeFrom` belongs to a run with another `prompt`, other `instructions` or another
 *   `history`. The message names what differs. Pass what the run began with, or start a new run without `resumeFrom`.
 */
export type LoopErrorCode =
  | 'invalid_option'
  | 'invalid_checkpoint'
  | 'checkpoint_version'
  | 'checkpoint_of_another_prompt'

/**
 * Wrong use of `runLoop`, and the only error that it throws. It is thrown before the first request. Everything that
 * happens during a run is part of the run's result instead.
 */
export class LoopError extends TenroundsError {
  override readonly name = 'LoopError' as const
  /** Stable identifier of the mistake. */
  declare readonly code: LoopErrorCode

  constructor(code: LoopErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/**
 * `answer.check` threw, or returned anything other than problems. It ends a run as `failed` and is never thrown: the model
 * cannot correct a mistake of the check, and asking again would pay for every remaining round.
 */
export class AnswerCheckError extends TenroundsError {
  override readonly name = 'AnswerCheckError' as const
  /** Stable identifier of the error. */
  declare readonly code: 'check_failed'

  /** @param cause the thrown value. */
  constructor(message: string, cause: unknown) {
    super('check_failed', message, { cause })
  }
}

/**
 * `approve` threw, or returned anything other than an approval. It ends a run as `failed` and is never thrown: without an
 * approval nothing may run.
 */
export class ApprovalError extends TenroundsError {
  override readonly name = 'ApprovalError' as const
  /** Stable identifier of the error. */
  declare readonly code: 'approve_failed'

  /** @param cause the thrown value. */
  constructor(message: string, cause: unknown) {
    super('approve_failed', message, { cause })
  }
}

/**
 * Reason why a model call failed. Whether a retry can help is in {@link ModelErrorFields.retryable}; the usual value is
 * given here.
 *
 * - `configuration`: the client has no token, an invalid option or a URL that it must not use. Not retryable.
 * - `authentication`: the server rejected the token: it is wrong, expired or of another region. Not retryable.
 * - `quota`: the account has no balance left, or its plan is used up. Not retryable.
 * - `rate_limit`: too many requests or tokens per minute. Retryable, after `retryAfterMs` if the server gave it.
 * - `overloaded`: the server has no capacity at the moment. Retryable.
 * - `server`: the server failed, for example with HTTP 500. Retryable.
 * - `invalid_request`: the server rejected the request as it is. Not retryable.
 * - `context_length`: the messages are longer than the model's context window. Not retryable.
 * - `content_filter`: the input or the output was blocked because of its content. Not retryable.
 * - `timeout`: no reply within the allowed time. Retryable.
 * - `network`: the connection could not be opened, or it broke. Retryable.
 * - `protocol`: the response is not a chat completion. Retryable if it looks like a damaged response.
 * - `aborted`: the caller aborted the call. Not retryable.
 */
export type ModelErrorCode =
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

/** The facts about a failed model call. */
export interface ModelErrorFields {
  /** Stable identifier of the failure. */
  readonly code: ModelErrorCode
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** Time that the server asks to wait before the next request, in milliseconds. */
  readonly retryAfterMs?: number
  /** HTTP status of the response. */
  readonly status?: number
  /** The provider's own error code, for example MiniMax's `2013`. */
  readonly providerCode?: string
  /** The provider's id of the request, for its support. */
  readonly requestId?: string
}

/**
 * A failed model call. A {@link Model} rejects with it, and the message contains neither the token nor the request.
 *
 * Use {@link isModelError} to recognise it: `instanceof` fails if two copies of the package are loaded.
 */
export class ModelError extends TenroundsError implements ModelErrorFields {
  override readonly name = 'ModelError' as const
  /** Stable identifier of the failure. */
  declare readonly code: ModelErrorCode
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** Time that the server asks to wait before the next request, in milliseconds. */
  declare readonly retryAfterMs?: number
  /** HTTP status of the response. */
  declare readonly status?: number
  /** The provider's own error code, for example MiniMax's `2013`. */
  declare readonly providerCode?: string
  /** The provider's id of the request, for its support. */
  declare readonly requestId?: string

  constructor(message: string, fields: ModelErrorFields, options?: ErrorOptions) {
    super(fields.code, message, options)
    this.retryable = fields.retryable
    Object.assign(this, fields)
  }
}

/**
 * Longest wait that a server can ask for, in milliseconds: one hour. A longer one is usually a mistake of the server, and
 * nobody would see that the run waits.
 */
export const maxRetryAfterMs = 3_600_000

/** Text for a message about a wait that is longer than {@link maxRetryAfterMs}; empty if it is not. */
export function limitedWaitNote(retryAfterMs: number): string {
  if (retryAfterMs <= maxRetryAfterMs) return ''
  return ` (retry after ${Math.round(retryAfterMs / 1_000)} s, limited to ${maxRetryAfterMs / 1_000} s)`
}

/** Whether a value is a {@link ModelError}, of this or of another copy of the package. */
export function isModelError(value: unknown): value is ModelError {
  if (value instanceof ModelError) return true
  return value instanceof Error && value.name === 'ModelError' && 'code' in value && typeof value.code === 'string'
}

/** JSON Schema of a {@link RunError}. */
export const runErrorSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'message'],
  properties: {
    name: { type: 'string', description: 'Name of the error class, for example `ModelError`.' },
    message: { type: 'string', description: 'Explanation for people, at most 1024 bytes, with secrets masked.' },
    code: {
      type: 'string',
      description:
        'Stable identifier, for a failed model call a `ModelErrorCode`. Absent for errors of other libraries.',
    },
    retryable: {
      type: 'boolean',
      description: 'Whether the same request may succeed later. Set for failed model calls.',
    },
    retry_after_ms: {
      type: 'number',
      description: 'Time that the server asks to wait before the next request, in milliseconds.',
    },
    status: { type: 'integer', description: 'HTTP status of the response.' },
    provider_code: { type: 'string', description: "The provider's own error code, for example MiniMax's `2013`." },
    request_id: { type: 'string', description: "The provider's id of the request, for its support." },
  },
} as const

/** A failure as plain data that can be logged, stored and sent. It is part of runs, traces and reports. */
export type RunError = Returnable<Infer<typeof runErrorSchema>>

/** A thrown value as plain data. The message is clipped and its secrets are masked; stack and cause are left out. */
export function toRunError(error: unknown): RunError {
  const message = excerpt(errorMessage(error), 1024)
  if (!(error instanceof Error)) return { name: 'Error', message }
  const name = String(error.name)
  if (!isModelError(error)) return isTenroundsError(error) ? { name, message, code: error.code } : { name, message }
  const { code, retryable, retryAfterMs, status, providerCode, requestId } = error
  return {
    name,
    message,
    code,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
    ...(status === undefined ? {} : { status }),
    ...(providerCode === undefined ? {} : { provider_code: providerCode }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  }
}
