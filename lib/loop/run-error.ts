import { excerpt } from '../../router/clip.ts'
import { ModelError, type ModelErrorKind } from './model-error.ts'

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

/** What was thrown, as plain data: message clipped and redacted, no stack, no cause. */
export function toRunError(error: unknown): RunError {
  if (!(error instanceof Error)) return { name: 'Error', message: excerpt(String(error), 1024) }
  const message = excerpt(error.message, 1024)
  if (!(error instanceof ModelError)) return { name: error.name, message }
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
