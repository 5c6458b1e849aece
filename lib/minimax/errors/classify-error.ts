import { excerpt } from '../../../router/text/clip.ts'
import { ModelError, type ModelErrorFields } from '../../loop/errors.ts'
import {
  again,
  type FoundCode,
  isRedirect,
  minimaxCode,
  type Rule,
  ruleOfCode,
  ruleOfNames,
  ruleOfStatus,
  ruleOfVagueNames,
  stop,
} from './error-rules.ts'
import { maskToken } from './mask-token.ts'
import { errorDocument, type Fields, type ReportedError, reportedError } from './reported-error.ts'

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
  const providerCode = found?.code ?? reported.codes.at(-1)
  const requestId = document['request_id'] ?? document['id']
  return new ReportedFailure(reported.messages.at(-1) ?? describeText(status, text), {
    ...ruleOf(reported, found, status),
    status,
    ...(providerCode === undefined ? {} : { providerCode }),
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

/** What a failure is shown with. */
interface Showing {
  /** Never shown, whoever quotes it. */
  readonly token: string
  /** The host that the token was sent to. */
  readonly host: string
  /** The id of the request in the response's headers. */
  readonly requestId: string | undefined
}

/** More than is ever shown, so that a secret that the end cuts in two is not shown either. */
const mostWords = 4096

/**
 * A failure in the server's own words. They are kept whole, because a secret in them is recognised only as a whole:
 * what leaves the client is what {@link shownError} makes of them.
 */
class ReportedFailure extends ModelError {
  readonly #words: string
  readonly #fields: ModelErrorFields

  constructor(words: string, fields: ModelErrorFields) {
    super(messageOf(words.slice(0, mostWords), fields), fields)
    this.#words = words.slice(0, mostWords)
    this.#fields = fields
  }

  /** As it may leave the client. */
  shown({ token, host, requestId }: Showing): ModelError {
    const { providerCode, requestId: own = requestId, ...fields } = this.#fields
    const advice =
      fields.code === 'authentication'
        ? `. Check ANTHROPIC_AUTH_TOKEN. A key is bound to the hosts of its region; this one went to ${host}.`
        : ''
    return new ModelError(`${messageOf(maskToken(this.#words, token), fields)}${advice}`, {
      ...fields,
      ...(providerCode === undefined ? {} : { providerCode: label(providerCode, token) }),
      ...(own === undefined ? {} : { requestId: label(own, token) }),
    })
  }
}

/** A failure of reading a response, as it may leave the client. */
export function shownError(error: unknown, showing: Showing): unknown {
  if (error instanceof ReportedFailure) return error.shown(showing)
  if (!(error instanceof ModelError) || showing.requestId === undefined) return error
  return new ModelError(error.message, { ...error, requestId: label(showing.requestId, showing.token) })
}

function messageOf(words: string, { status }: ModelErrorFields): string {
  return `MiniMax: ${excerpt(printable(words), 400) || 'an error without a message'} [HTTP ${status}]`
}

function label(text: string, token: string): string {
  return printable(maskToken(text.slice(0, mostWords), token)).slice(0, 100)
}

/** On one line, and without what would move a terminal's cursor or turn the direction of the text. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}
