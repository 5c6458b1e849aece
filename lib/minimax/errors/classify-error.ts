import type { UnknownObject } from '../../../router/json/json.ts'
import { excerpt } from '../../../router/text/clip.ts'
import { onOneLine } from '../../../router/text/on-one-line.ts'
import { redactSecrets } from '../../../router/text/redact.ts'
import { limitedWaitNote, ModelError, type ModelErrorFields, maxRetryAfterMs } from '../../loop/errors.ts'
import { isLoopback, officialHosts } from '../endpoint.ts'
import { type ErrorDetails, errorDocument, readErrorDocument } from './error-body.ts'
import {
  classOfMessage,
  classOfMinimaxCode,
  classOfNames,
  classOfStatus,
  classOfVagueNames,
  type ErrorClass,
  isRedirect,
} from './error-table.ts'

/** The error that a body carries, whatever the HTTP status; `undefined` if it carries none. */
export function errorInBody(
  body: unknown,
  status: number,
  retryAfterMs?: () => number | undefined,
): ProviderError | undefined {
  const document = errorDocument(body, false)
  return document && providerError(document, { status, text: '', retryAfterMs: retryAfterMs?.() })
}

/** The error of a response whose HTTP status is not a success. */
export function errorOfResponse(status: number, body: unknown, text: string, retryAfterMs?: number): ProviderError {
  return providerError(errorDocument(body, true) ?? {}, { status, text, retryAfterMs })
}

/** The secrets to mask in an error, and the host and the request id to add to it. */
interface MaskContext {
  /** Masked everywhere in the error, because servers quote the token that they reject. */
  readonly secrets: readonly string[]
  /** The host that the token was sent to. */
  readonly host: string
  /** The id of the request from the response headers. */
  readonly requestId: string | undefined
}

/** An error of reading a response as it may leave the client: without the token, with the id of the request. */
export function maskError(error: unknown, context: MaskContext): unknown {
  if (error instanceof ProviderError) return error.masked(context)
  if (!(error instanceof ModelError) || context.requestId === undefined) return error
  return new ModelError(error.message, { ...error, requestId: label(context.requestId, context.secrets) })
}

interface ResponseContext {
  readonly status: number
  /** The body as it came; empty if everything it says is in the document. */
  readonly text: string
  readonly retryAfterMs: number | undefined
}

function providerError(document: UnknownObject, { status, text, retryAfterMs }: ResponseContext): ProviderError {
  const details = readErrorDocument(document)
  const found = minimaxCode(details, text)
  const providerCode = found?.code ?? details.codes.at(-1)
  const requestId = document['request_id'] ?? document['id']
  return new ProviderError(details.messages.at(-1) ?? describeText(status, text), {
    ...classify(details, found, status),
    status,
    ...(providerCode === undefined ? {} : { providerCode }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
  })
}

function classify(details: ErrorDetails, found: FoundCode | undefined, status: number): ErrorClass {
  const { messages, codes, types } = details
  const byCode = classOfMinimaxCode(found?.code ?? '')
  // "Too many tokens" per minute is not the same as too many for the context window.
  const isRate = byCode?.code === 'rate_limit'
  const byMessage = isRate ? undefined : messages.map(classOfMessage).find((known) => known !== undefined)
  if (byMessage !== undefined) return { code: byMessage.code, retryable: byMessage.retryable }
  const isCertain = byCode !== undefined && (found?.isGuessed === false || !byCode.retryable)
  if (isCertain) return { code: byCode.code, retryable: byCode.retryable }
  const names = [...codes.toReversed(), ...types.toReversed()]
  // A guessed code such as "(1000)" may be any number, so it does not make a rejected request retryable.
  const guessed = status >= 400 && status < 500 ? undefined : byCode
  const { code, retryable } = classOfNames(names) ?? guessed ?? classByStatus(status, details, names)
  return { code, retryable }
}

function classByStatus(status: number, details: ErrorDetails, names: readonly string[]): ErrorClass {
  const effective = effectiveStatus(status, details)
  if (effective < 200 || effective >= 300) return classOfStatus(effective)
  // Unclassified error in a 200 response: assume it is transient.
  return classOfVagueNames(names) ?? { code: 'server', retryable: true }
}

/** The error in a 200 response may name the HTTP status that it would have had. */
function effectiveStatus(status: number, { httpCode, codes }: ErrorDetails): number {
  if (status < 200 || status >= 300) return status
  const written = [httpCode, ...codes.toReversed()].find((code) => code !== undefined && /^[3-5]\d\d$/.test(code))
  return written === undefined ? status : Number(written)
}

interface FoundCode {
  readonly code: string
  /** Whether the number is only somewhere in the text, not in a place for codes. */
  readonly isGuessed: boolean
}

/**
 * MiniMax's own code in an error. MiniMax writes it at the end of the message: "… (2013)", when overloaded "… (2064) (529)".
 * Gateways put it into a field, or append more text; then the last known code in parentheses is taken.
 */
function minimaxCode({ messages, codes }: ErrorDetails, text: string): FoundCode | undefined {
  const innermost = messages.at(-1) ?? ''
  const ends = [...messages].reverse().map((message) => codeAtEnd.exec(message)?.[1])
  const written = codeAtEnd.exec(innermost)?.[1] ?? codes.findLast(isKnown) ?? ends.find(isKnown)
  if (written !== undefined) return { code: written, isGuessed: false }
  const guessed = [text, ...messages].reverse().flatMap(numbersIn).find(isKnown)
  return guessed === undefined ? undefined : { code: guessed, isGuessed: true }
}

const codeAtEnd = /\((\d{4,5})\)\s*(?:\(\d{3}\))?\s*$/

function isKnown(code: string | undefined): boolean {
  return code !== undefined && classOfMinimaxCode(code) !== undefined
}

/** The numbers in parentheses, the last one first. */
function numbersIn(text: string): readonly string[] {
  return [...text.matchAll(/\((\d{4})\)/g)].map(([, number = '']) => number).reverse()
}

function describeText(status: number, text: string): string {
  if (status === 404) {
    return 'nothing was found at this URL; check MINIMAX_CHAT_COMPLETIONS_URL, ANTHROPIC_BASE_URL or MINIMAX_BASE_URL'
  }
  if (isRedirect(status)) return 'the server redirects, and redirects are not followed; set the final URL'
  if (status === 304) return 'the server, or a cache in front of it, answered that nothing was modified'
  return text
    .slice(0, maxMessageLength)
    .replace(/<[^>]*>/g, ' ')
    .trim()
}

/** More characters than are ever shown, so that a secret is masked before the text is cut. */
const maxMessageLength = 4096

/**
 * An error in the provider's own words. They are kept whole, because a secret in them can only be recognised as a whole;
 * {@link maskError} masks and shortens them before the error leaves the client.
 */
class ProviderError extends ModelError {
  readonly #words: string
  readonly #fields: ModelErrorFields

  constructor(words: string, fields: ModelErrorFields) {
    super(messageFor(words.slice(0, maxMessageLength), fields), withLimitedWait(fields))
    this.#words = words.slice(0, maxMessageLength)
    this.#fields = fields
  }

  masked({ secrets, host, requestId }: MaskContext): ModelError {
    const { providerCode, requestId: own = requestId, ...fields } = this.#fields
    const text = `${messageFor(redactSecrets(this.#words, secrets), this.#fields)}${adviceFor(this.#fields, this.#words, host)}`
    return new ModelError(text, {
      ...withLimitedWait(fields),
      ...(providerCode === undefined ? {} : { providerCode: label(providerCode, secrets) }),
      ...(own === undefined ? {} : { requestId: label(own, secrets) }),
    })
  }
}

/** Codes of MiniMax for an account without balance, or whose plan does not have the model. */
const accountCodes: ReadonlySet<string | undefined> = new Set(['1008', '2061'])

/** The next step for an error whose reason may be that the request went to the wrong host; empty for others. */
function adviceFor({ code, providerCode, status }: ModelErrorFields, words: string, host: string): string {
  const hosts = officialHosts.join(' or ')
  if (code === 'authentication') {
    // A server on this machine has keys of its own, or none.
    if (isLoopback(host.replace(/:\d+$/, ''))) return `. Check ANTHROPIC_AUTH_TOKEN. The request was sent to ${host}.`
    return `. Check ANTHROPIC_AUTH_TOKEN. A key is bound to the host of its region, ${hosts}; this one was sent to ${host}.`
  }
  if (accountCodes.has(providerCode)) {
    return `. Balance and plan belong to the account of one region, at ${hosts}; this request was sent to ${host}.`
  }
  if (status === 404 || providerCode === 'model_not_found' || unknownModel.test(words)) {
    return `. Check the URL and the name of the model. MiniMax's hosts are ${hosts}; this request was sent to ${host}.`
  }
  return ''
}

const unknownModel = /\bunknown model\b/i

/** MiniMax's own words are "input new_sensitive" and "output new_sensitive". */
const blocked: ReadonlyMap<string | undefined, string> = new Map([
  ['1026', "MiniMax's content filter blocked the input (1026). Change the prompt or the tool result."],
  ['1027', "MiniMax's content filter blocked the output (1027). Change the prompt, for example ask for less detail."],
])

function messageFor(words: string, fields: ModelErrorFields): string {
  const { code, status, providerCode, retryAfterMs = 0 } = fields
  const plain = code === 'content_filter' ? blocked.get(providerCode) : undefined
  if (plain !== undefined) return plain
  const text = excerpt(onOneLine(words), 400) || 'an error without a message'
  // "… (2064) (529)" followed by "[HTTP 529]" would be three codes for one fact.
  const isNamed = code === 'overloaded' && /\(2064\)(?: \(529\))?$/.test(text)
  return `MiniMax: ${isNamed ? text.replace(/ \(529\)$/, '') : `${text} [HTTP ${status}]`}${limitedWaitNote(retryAfterMs)}`
}

function withLimitedWait(fields: ModelErrorFields): ModelErrorFields {
  const { retryAfterMs } = fields
  return retryAfterMs === undefined ? fields : { ...fields, retryAfterMs: Math.min(retryAfterMs, maxRetryAfterMs) }
}

function label(text: string, secrets: readonly string[]): string {
  return onOneLine(redactSecrets(text.slice(0, maxMessageLength), secrets)).slice(0, 100)
}
