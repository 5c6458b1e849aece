import type { ModelErrorKind } from '../loop/model-error.ts'

/** What a failure means for the caller. */
export interface Rule {
  readonly kind: ModelErrorKind
  readonly retryable: boolean
}

export const stop = (kind: ModelErrorKind): Rule => ({ kind, retryable: false })
export const again = (kind: ModelErrorKind): Rule => ({ kind, retryable: true })

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
  if (status >= 300 && status < 400) return stop('configuration')
  return stop('invalid_request')
}
