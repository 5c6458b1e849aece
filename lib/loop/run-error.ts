import { excerpt } from '../../router/clip.ts'
import { ModelError } from './model-error.ts'
import type { RunError } from './run.ts'

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
