import { ApplicationFailure } from '@temporalio/common'
import { isObject } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { isModelError, toRunError } from '../loop/errors.ts'

/** Longest message that goes into a workflow's history, in bytes. */
const messageLimit = 2_000

/** Largest failure of somebody else that is passed on, in bytes; the server keeps a few thousand of them anyway. */
const failureLimit = 100_000

/**
 * Errors by which a call is refused as misuse: an invalid option, schema or tool. No later attempt can succeed with the
 * same code.
 */
const misuse: ReadonlySet<string> = new Set(['LoopError', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])

/**
 * Turns the error of a run, a `ModelError` or anything thrown, into the failure that Temporal's retry policy understands.
 *
 * - `type` is `ModelError.<code>` for the errors of a model (`ModelError.authentication`, `ModelError.rate_limit`, …), else the
 *   error's name. It is stable: list it in `nonRetryableErrorTypes`.
 * - `nonRetryable` where the error says that it cannot be cured by waiting, and for misuse.
 * - `nextRetryDelay` is what the server asked for, in milliseconds.
 * - `details` has one object: `{ code, status, provider_code, request_id }`, whichever are known.
 *
 * History is readable by everybody who may see the workflow. So there is no `cause`, which could hold a request with its
 * headers, and texts are redacted and clipped. An `ApplicationFailure` is passed on as it is, unless it is too large to be
 * reported: Temporal would not hear of it, and run the activity again at its timeout.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (isApplicationFailure(error)) return failureBytes(error) <= failureLimit ? error : shortened(error)
  const fields: Fields = isModelError(error)
    ? { ...toRunError(error) }
    : isObject(error)
      ? error
      : { message: String(error) }
  const name = text(fields['name']) ?? 'Error'
  const retryable = fields['retryable']
  const retryAfterMs = number(fields['retry_after_ms']) ?? 0
  return ApplicationFailure.create({
    message: excerpt(text(fields['message']) ?? name, messageLimit),
    type: name === 'ModelError' ? `ModelError.${text(fields['code'])}` : name,
    nonRetryable: typeof retryable === 'boolean' ? !retryable : misuse.has(name),
    ...(retryAfterMs > 0 && { nextRetryDelay: Math.ceil(retryAfterMs) }),
    details: [detailsOf(fields)],
  })
}

type Fields = { readonly [field: string]: unknown }

/** Named one by one and scalars only: any other field could carry a request. */
function detailsOf(fields: Fields): { readonly [field: string]: string | number } {
  const details: { [field: string]: string | number } = {}
  const named = {
    code: fields['code'],
    status: fields['status'],
    provider_code: fields['provider_code'],
    request_id: fields['request_id'],
  }
  for (const [name, value] of Object.entries(named)) {
    const scalar = number(value) ?? text(value)
    if (scalar !== undefined) details[name] = typeof scalar === 'string' ? excerpt(scalar, 200) : scalar
  }
  return details
}

/** Details and causes go; they are what makes a failure large, and cannot be cut in part. */
function shortened({ message, type, nonRetryable, nextRetryDelay }: ApplicationFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: excerpt(message, messageLimit),
    type: excerpt(type ?? 'Error', 200),
    nonRetryable: nonRetryable === true,
    ...(typeof nextRetryDelay === 'number' && { nextRetryDelay }),
  })
}

function failureBytes(error: Error): number {
  const own = error.message.length + (error.stack?.length ?? 0)
  const details = isApplicationFailure(error) ? lengthOf(error.details) : 0
  return own + details + (error.cause instanceof Error ? failureBytes(error.cause) : 0)
}

function lengthOf(details: unknown): number {
  try {
    return JSON.stringify(details)?.length ?? 0
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** By name: two copies of `@temporalio/common` in one process have two classes. */
export function isApplicationFailure(error: unknown): error is ApplicationFailure {
  return error instanceof Error && error.name === 'ApplicationFailure'
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
