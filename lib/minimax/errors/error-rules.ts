import type { ModelErrorCode } from '../../loop/errors.ts'
import type { ReportedError } from './reported-error.ts'

/** What a failure means for the caller. */
export interface Rule {
  readonly code: ModelErrorCode
  readonly retryable: boolean
}

export const stop = (code: ModelErrorCode): Rule => ({ code, retryable: false })
export const again = (code: ModelErrorCode): Rule => ({ code, retryable: true })

/** MiniMax's own codes, which say more than the HTTP status: a 500 with code 2061 never succeeds. */
export const ruleOfCode: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
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
  }),
)

/** Names that stand in `error.type` and `error.code`, of MiniMax and of those whose protocols it speaks. */
const ruleOfName: ReadonlyMap<string, Rule> = named([
  [stop('authentication'), 'authentication_error', 'authorized_error', 'unauthorized', 'invalid_authentication'],
  [stop('authentication'), 'invalid_api_key', 'permission_error', 'permission_denied', 'account_deactivated'],
  [stop('quota'), 'insufficient_quota', 'insufficient_balance', 'quota_exceeded', 'usage_limit_reached'],
  [stop('quota'), 'billing_error', 'billing_not_active', 'billing_hard_limit_reached'],
  [stop('context_length'), 'context_length_exceeded', 'context_window_exceeded', 'string_above_max_length'],
  [stop('content_filter'), 'content_filter', 'content_policy_violation', 'content_filter_error'],
  [stop('invalid_request'), 'model_not_found'],
  [again('rate_limit'), 'rate_limit_error', 'rate_limit_exceeded', 'too_many_requests'],
  [again('overloaded'), 'overloaded_error', 'engine_overloaded', 'server_overloaded', 'service_unavailable'],
  [again('timeout'), 'timeout_error', 'request_timeout'],
])

/** Names that say no more than a status does: they count where that is a 200. */
const ruleOfVagueName: ReadonlyMap<string, Rule> = named([
  [stop('invalid_request'), 'invalid_request_error', 'bad_request_error', 'bad_request', 'not_found_error'],
  [
    stop('invalid_request'),
    'invalid_prompt',
    'invalid_request',
    'invalid_parameter_error',
    'unprocessable_entity_error',
  ],
  [again('server'), 'api_error', 'server_error', 'internal_error', 'internal_server_error', 'upstream_error'],
])

export const ruleOfNames = (names: readonly string[]): Rule | undefined => firstIn(ruleOfName, names)
export const ruleOfVagueNames = (names: readonly string[]): Rule | undefined => firstIn(ruleOfVagueName, names)

/** What an HTTP status means where the body does not say more. */
export function ruleOfStatus(status: number): Rule {
  if (status === 401 || status === 403) return stop('authentication')
  if (status === 402) return stop('quota')
  if (status === 408) return again('timeout')
  if (status === 409) return again('server')
  if (status === 413) return stop('context_length')
  if (status === 429) return again('rate_limit')
  if (status === 503 || status === 529) return again('overloaded')
  if (status >= 500) return again('server')
  if (isRedirect(status)) return stop('configuration')
  // A 304 out of some cache: nobody asked whether anything was modified.
  if (status >= 300 && status < 400) return again('protocol')
  return stop('invalid_request')
}

export function isRedirect(status: number): boolean {
  return [300, 301, 302, 303, 307, 308].includes(status)
}

function named(rows: readonly (readonly [Rule, ...string[]])[]): ReadonlyMap<string, Rule> {
  return new Map(rows.flatMap(([rule, ...names]) => names.map((name) => [folded(name), rule])))
}

function firstIn(rules: ReadonlyMap<string, Rule>, names: readonly string[]): Rule | undefined {
  return names.map((name) => rules.get(folded(name))).find((rule) => rule !== undefined)
}

/** `RateLimitError` and `rate_limit_error` are one. */
function folded(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}

/** A code and whether it stands where codes stand, or only somewhere in the text. */
export interface FoundCode {
  readonly code: string
  readonly isGuessed: boolean
}

/**
 * MiniMax's own code in an error. It writes it at the end of the message: "… (2013)", for overload "… (2064) (529)";
 * others put it into a field, or append more text: then the last number in parentheses that is a known code is taken.
 */
export function minimaxCode({ messages, codes }: ReportedError, text: string): FoundCode | undefined {
  const innermost = messages.at(-1) ?? ''
  const ends = [...messages].reverse().map((message) => ending.exec(message)?.[1])
  const written =
    ending.exec(innermost)?.[1] ?? codes.findLast((code) => ruleOfCode.has(code)) ?? ends.find((code) => isKnown(code))
  if (written !== undefined) return { code: written, isGuessed: false }
  const guessed = [text, ...messages].reverse().flatMap(numbersIn).find(isKnown)
  return guessed === undefined ? undefined : { code: guessed, isGuessed: true }
}

const ending = /\((\d{4,5})\)\s*(?:\(\d{3}\))?\s*$/

function isKnown(code: string | undefined): boolean {
  return code !== undefined && ruleOfCode.has(code)
}

/** The numbers in parentheses, the last one first. */
function numbersIn(text: string): readonly string[] {
  return [...text.matchAll(/\((\d{4})\)/g)].map(([, number = '']) => number).reverse()
}
