import { excerpt } from '../../router/clip.ts'
import { isObject } from '../../router/json.ts'
import { ModelError } from '../loop/model-error.ts'
import { again, type Rule, ruleOfCode, ruleOfStatus, stop } from './error-rules.ts'
import { innermostError, type ReportedError } from './innermost-error.ts'

/** The error that a body carries, whatever the status; undefined where it carries none. */
export function errorInBody(
  body: unknown,
  status: number,
  retryAfterMs?: () => number | undefined,
): ModelError | undefined {
  if (!isObject(body)) return undefined
  const reported = innermostError(body)
  return reported === undefined ? undefined : toModelError(reported, status, body, retryAfterMs?.())
}

/** The error of a response whose status is no success. */
export function errorOfResponse(status: number, body: unknown, text: string, retryAfterMs?: number): ModelError {
  const reported = innermostError(body) ?? { message: describeText(status, text) }
  return toModelError(reported, status, body, retryAfterMs)
}

function toModelError(
  reported: ReportedError,
  status: number,
  body: unknown,
  retryAfterMs: number | undefined,
): ModelError {
  const { message } = reported
  // MiniMax writes its code at the end of the message: "… (2013)", for overload "… (2064) (529)".
  const code = /\((\d{4,5})\)\s*(?:\(\d{3}\))?\s*$/.exec(message)?.[1] ?? reported.code
  const requestId = isObject(body) ? (body['request_id'] ?? body['id']) : undefined
  return new ModelError(`MiniMax: ${excerpt(message, 400) || 'an error without a message'} [HTTP ${status}]`, {
    ...ruleOf(message, code, effectiveStatus(status, reported)),
    status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  })
}

function ruleOf(message: string, code: string | undefined, status: number): Rule {
  if (/context window exceeds limit/i.test(message)) return stop('context_length')
  const known = code === undefined ? undefined : ruleOfCode.get(code)
  if (known !== undefined) return known
  // A 200 with an error that says nothing of its kind: a later try may be spared it.
  return status >= 200 && status < 300 ? again('server') : ruleOfStatus(status)
}

/** An error inside of a 200 may carry the status it would have had. */
function effectiveStatus(status: number, { httpCode, code }: ReportedError): number {
  if (status < 200 || status >= 300) return status
  const written = [httpCode, code].find((text) => text !== undefined && /^[3-5]\d\d$/.test(text))
  return written === undefined ? status : Number(written)
}

function describeText(status: number, text: string): string {
  if (status === 404) {
    return 'there is nothing at this URL; check MINIMAX_CHAT_COMPLETIONS_URL, ANTHROPIC_BASE_URL or MINIMAX_BASE_URL'
  }
  if (status >= 300 && status < 400) return 'the server redirects, which is not followed; set the final URL'
  return text
    .slice(0, 4096)
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
