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
