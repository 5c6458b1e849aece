import {
  again,
  isRedirect,
  type Rule,
  ruleOfCode,
  ruleOfNames,
  ruleOfStatus,
  ruleOfVagueNames,
  stop,
} from './error-rules.ts'
import { errorDocument, type Fields, type ReportedError, reportedError } from './innermost-error.ts'
import { type FoundCode, minimaxCode } from './minimax-code.ts'
import { ReportedFailure } from './reported-failure.ts'

/** The error that a body carries, whatever the status; undefined where it carries none. */
export function errorInBody(
  body: unknown,
  status: number,
  retryAfterMs?: () => number | undefined,
): ReportedFailure | undefined {
  const document = errorDocument(body, false)
  return document && failure(document, { status, text: '', retryAfterMs: retryAfterMs?.() })
}

/** The error of a response whose status is no success. */
export function errorOfResponse(status: number, body: unknown, text: string, retryAfterMs?: number): ReportedFailure {
  return failure(errorDocument(body, true) ?? {}, { status, text, retryAfterMs })
}

interface Circumstances {
  readonly status: number
  /** As it came; empty where all that it says is in the body. */
  readonly text: string
  readonly retryAfterMs: number | undefined
}

function failure(document: Fields, { status, text, retryAfterMs }: Circumstances): ReportedFailure {
  const reported = reportedError(document)
  const found = minimaxCode(reported, text)
  const code = found?.code ?? reported.codes.at(-1)
  const requestId = document['request_id'] ?? document['id']
  return new ReportedFailure(reported.messages.at(-1) ?? describeText(status, text), {
    ...ruleOf(reported, found, status),
    status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  })
}

function ruleOf(reported: ReportedError, found: FoundCode | undefined, status: number): Rule {
  const { messages, codes, types } = reported
  if (messages.some((message) => /context window exceeds limit|maximum context length/i.test(message))) {
    return stop('context_length')
  }
  const byCode = ruleOfCode.get(found?.code ?? '')
  const isSure = byCode !== undefined && (found?.isGuessed === false || !byCode.retryable)
  if (isSure) return byCode
  const names = [...codes.toReversed(), ...types.toReversed()]
  const byName = ruleOfNames(names)
  if (byName !== undefined) return byName
  // "(1000)" may be a number like any other: by itself it does not turn a refusal into something to try again.
  if (byCode !== undefined && !(status >= 400 && status < 500)) return byCode
  const effective = effectiveStatus(status, reported)
  if (effective < 200 || effective >= 300) return ruleOfStatus(effective)
  // A 200 with an error that says nothing of its kind: a later try may be spared it.
  return ruleOfVagueNames(names) ?? again('server')
}

/** An error inside of a 200 may carry the status it would have had. */
function effectiveStatus(status: number, { httpCode, codes }: ReportedError): number {
  if (status < 200 || status >= 300) return status
  const written = [httpCode, ...codes.toReversed()].find((code) => code !== undefined && /^[3-5]\d\d$/.test(code))
  return written === undefined ? status : Number(written)
}

function describeText(status: number, text: string): string {
  if (status === 404) {
    return 'there is nothing at this URL; check MINIMAX_CHAT_COMPLETIONS_URL, ANTHROPIC_BASE_URL or MINIMAX_BASE_URL'
  }
  if (isRedirect(status)) return 'the server redirects, which is not followed; set the final URL'
  if (status === 304) return 'the server, or a cache before it, says that nothing was modified'
  return text
    .slice(0, 4096)
    .replace(/<[^>]*>/g, ' ')
    .trim()
}
