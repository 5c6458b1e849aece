import { ApplicationFailure } from '@temporalio/common'
import { errorMessage, isTenroundsError } from '../../router/errors.ts'
import { isObject } from '../../router/json/json.ts'
import { excerpt } from '../../router/text/clip.ts'
import { isModelError, limitedWaitNote, maxRetryAfterMs, toRunError } from '../loop/errors.ts'

/** Longest message of an error that is written into a workflow's history, in bytes. */
const messageLimit = 2_000

/** Largest `ApplicationFailure` of other code that is passed on, in bytes. The server truncates them to less anyway. */
const failureLimit = 100_000

/** Names of JavaScript errors that mean a mistake in the code. No later attempt succeeds with the same code. */
const programmingErrors: ReadonlySet<string> = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])

/**
 * Converts the error of a run, or anything thrown, into a failure that Temporal's retry policy understands.
 *
 * - `type` is `ModelError.<code>` for a failed model call, for example `ModelError.authentication` or
 *   `ModelError.rate_limit`, otherwise the error's name. It is stable: use it in `nonRetryableErrorTypes`.
 * - `nonRetryable` is set if the error's `retryable` is false, for every other error of this library (wrong options, unknown
 *   scenarios, …) and for programming errors such as `TypeError`.
 * - `nextRetryDelay` is the time that the model's server asks to wait, in milliseconds, at most one hour. If it asks for
 *   more, the message says so.
 * - `details` has one object with the known ones of `{ code, status, provider_code, request_id }`.
 *
 * Everyone who can see the workflow can read its history. So there is no `cause`, which could contain a request with its
 * headers, and secrets in texts are masked. An `ApplicationFailure` is returned as it is, unless it is too large: Temporal
 * could not record it and would run the activity again at its timeout.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (isApplicationFailure(error)) return failureBytes(error) <= failureLimit ? error : withoutDetails(error)
  const fields = fieldsOf(error)
  const name = text(fields['name']) ?? 'Error'
  const code = text(fields['code'])
  const retryAfterMs = number(fields['retry_after_ms']) ?? 0
  return ApplicationFailure.create({
    message: `${excerpt(text(fields['message']) ?? name, messageLimit)}${limitedWaitNote(retryAfterMs)}`,
    type: name === 'ModelError' ? `ModelError.${code}` : name,
    nonRetryable: !isRetryable(error, fields, name),
    ...(retryAfterMs > 0 && { nextRetryDelay: Math.min(Math.ceil(retryAfterMs), maxRetryAfterMs) }),
    details: [detailsOf(fields)],
  })
}

type Fields = { readonly [field: string]: unknown }

/** The fields of a `RunError`, whether the error is one, is the class of one, or was thrown by other code. */
function fieldsOf(error: unknown): Fields {
  if (isModelError(error)) return { ...toRunError(error) }
  return isObject(error) ? error : { message: errorMessage(error) }
}

function isRetryable(error: unknown, fields: Fields, name: string): boolean {
  if (typeof fields['retryable'] === 'boolean') return fields['retryable']
  // The error of a run is plain data, and it has a code only if it was an error of this library.
  const isOwn = error instanceof Error ? isTenroundsError(error) : fields['code'] !== undefined
  return !(isOwn || programmingErrors.has(name))
}

/** Only scalars that are named here; any other field could contain a request. */
function detailsOf(fields: Fields): { readonly [field: string]: string | number } {
  const details: { [field: string]: string | number } = {}
  for (const name of ['code', 'status', 'provider_code', 'request_id']) {
    const scalar = number(fields[name]) ?? text(fields[name])
    if (scalar !== undefined) details[name] = typeof scalar === 'string' ? excerpt(scalar, 200) : scalar
  }
  return details
}

/** Drops details and cause. They are what makes a failure large, and they cannot be shortened in part. */
function withoutDetails({ message, type, nonRetryable, nextRetryDelay }: ApplicationFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: excerpt(message, messageLimit),
    type: excerpt(type ?? 'Error', 200),
    nonRetryable: nonRetryable === true,
    ...(typeof nextRetryDelay === 'number' && { nextRetryDelay }),
  })
}

function failureBytes(error: Error): number {
  const own = error.message.length + (error.stack?.length ?? 0)
  const details = isApplicationFailure(error) ? jsonLength(error.details) : 0
  return own + details + (error.cause instanceof Error ? failureBytes(error.cause) : 0)
}

function jsonLength(details: unknown): number {
  try {
    return JSON.stringify(details)?.length ?? 0
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** By name, because two copies of `@temporalio/common` in one process have two classes. */
export function isApplicationFailure(error: unknown): error is ApplicationFailure {
  return error instanceof Error && error.name === 'ApplicationFailure'
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
