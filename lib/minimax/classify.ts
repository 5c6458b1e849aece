import { excerpt } from '../../router/clip.ts'
import { isObject } from '../../router/json.ts'
import { ModelError, type ModelErrorKind } from '../loop/model-error.ts'

interface Rule {
  readonly kind: ModelErrorKind
  readonly retryable: boolean
}

const stop = (kind: ModelErrorKind): Rule => ({ kind, retryable: false })
const again = (kind: ModelErrorKind): Rule => ({ kind, retryable: true })

/** MiniMax's own codes, which say more than the HTTP status: a 500 with code 2061 never succeeds. */
const byCode: Readonly<Record<string, Rule>> = {
  1000: again('server'),
  1001: again('timeout'),
  1002: again('rate_limit'),
  1004: stop('authentication'),
  1008: stop('quota'),
  1013: again('server'),
  1024: again('server'),
  1026: stop('content_filter'),
  1027: stop('content_filter'),
  1028: stop('quota'),
  1030: stop('quota'),
  1033: again('server'),
  1039: again('rate_limit'),
  1041: again('rate_limit'),
  1042: stop('invalid_request'),
  2013: stop('invalid_request'),
  2045: again('rate_limit'),
  2049: stop('authentication'),
  2056: stop('quota'),
  2061: stop('quota'),
  2064: again('overloaded'),
}

function byStatus(status: number): Rule {
  if (status === 401 || status === 403) return stop('authentication')
  if (status === 402) return stop('quota')
  if (status === 408) return again('timeout')
  if (status === 409) return again('server')
  if (status === 413) return stop('context_length')
  if (status === 429) return again('rate_limit')
  if (status === 503 || status === 529) return again('overloaded')
  if (status >= 500) return again('server')
  if (status >= 300 && status < 400) return stop('configuration')
  return stop('invalid_request')
}

/** The error that a body carries, whatever the status; undefined where it carries none. */
export function errorInBody(body: unknown, status: number, retryAfterMs?: number): ModelError | undefined {
  if (!isObject(body)) return undefined
  const base = isObject(body['base_resp']) ? body['base_resp'] : undefined
  const baseCode = base?.['status_code']
  const error = body['error']
  if (error === undefined || error === null) {
    // The code decides, never the message: a successful answer may carry a warning there.
    if (typeof baseCode !== 'number' || baseCode === 0) return undefined
    return toModelError(String(base?.['status_msg'] ?? ''), String(baseCode), status, body, retryAfterMs)
  }
  const message = isObject(error) ? error['message'] : error
  const code =
    isObject(error) && (typeof error['code'] === 'string' || typeof error['code'] === 'number')
      ? `${error['code']}`
      : undefined
  return toModelError(String(message ?? ''), code, status, body, retryAfterMs)
}

/** The error of a response whose status is no success. */
export function errorOfResponse(status: number, body: unknown, text: string, retryAfterMs?: number): ModelError {
  return (
    errorInBody(body, status, retryAfterMs) ??
    toModelError(describeText(status, text), undefined, status, body, retryAfterMs)
  )
}

function toModelError(
  message: string,
  code: string | undefined,
  status: number,
  body: unknown,
  retryAfterMs?: number,
): ModelError {
  // MiniMax writes its code at the end of the message: "… (2013)", for overload "… (2064) (529)".
  const own = /\((\d{4,5})\)\s*(?:\(\d{3}\))?\s*$/.exec(message)?.[1] ?? code
  const rule = /context window exceeds limit/i.test(message)
    ? stop('context_length')
    : ((own === undefined ? undefined : byCode[own]) ?? byStatus(status))
  const requestId = isObject(body) ? (body['request_id'] ?? body['id']) : undefined
  return new ModelError(`MiniMax: ${excerpt(message, 400) || 'an error without a message'} [HTTP ${status}]`, {
    ...rule,
    status,
    ...(own === undefined ? {} : { code: own }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  })
}

function describeText(status: number, text: string): string {
  if (status === 404)
    return 'there is nothing at this URL; check MINIMAX_CHAT_COMPLETIONS_URL, ANTHROPIC_BASE_URL or MINIMAX_BASE_URL'
  if (status >= 300 && status < 400) return 'the server redirects, which is not followed; set the final URL'
  return text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
