import type { ModelErrorCode } from '../../../lib/loop/errors.ts'
import { type Fault, faultTable } from '../../../lib/testing/index.ts'

/** Result of a run over tenrounds' own client. */
export type Outcome = 'answered' | { readonly code: ModelErrorCode; readonly retryable: boolean }

/** The results that a fault should lead to. */
export interface Expectation {
  /** If the fault affects one request. */
  readonly once: Outcome
  /** If it affects that request and all later ones; absent if several outcomes are right. */
  readonly always?: Outcome
  /** Whether the fault takes all the time of a request, which is a share of what is left of the deadline. */
  readonly slow?: boolean
}

/** The client reads the reply as if nothing were wrong. */
const harmless: Expectation = { once: 'answered', always: 'answered' }
/** The model gets an error message, and the run is answered if its next reply is right. */
const recoverable: Expectation = { once: 'answered' }
/** The request ends at the timeout of the client, and time is left to send it again. */
const retriedInTime: Expectation = { once: 'answered', slow: true }
/** Each request until the deadline ends at the timeout of the client. */
const timeout: Expectation = { once: { code: 'timeout', retryable: true }, slow: true }

/** The request fails. A retryable failure of one request does not affect the run. */
function fails(code: ModelErrorCode, retryable: boolean): Expectation {
  const failure = { code, retryable }
  return { once: retryable ? 'answered' : failure, always: failure }
}

const groups: readonly (readonly [Expectation, ...(readonly string[])])[] = [
  [{ once: { code: 'network', retryable: true } }, 'refuse'],
  [timeout, 'stall-while-connecting'],
  [retriedInTime, 'stall-before-headers', 'stall-after-headers', 'stall-mid-body', 'endless-drip'],
  [
    fails('network', true),
    'reset-before-headers',
    'reset-after-headers',
    'reset-mid-body',
    'close-before-headers',
    'close-mid-body',
    'ends-midway',
  ],
  [
    harmless,
    'hang-after-reply',
    'slow-drip',
    '200-warning',
    'wrong-content-type',
    'no-content-type',
    'empty-role',
    'null-usage',
    'zero-usage',
    'null-finish-reason',
    'double-finish',
    'think-tail',
    'no-done',
    'whole-last-frame',
    'usage-without-choices',
    'usage-without-choices-key',
    'calls-on-one-index',
    'calls-without-index',
    'empty-continuation-ids',
    'late-ids',
    'names-repeated',
    'one-delta',
    'null-calls-in-deltas',
    'early-finish',
    'finish-with-each-call',
    'message-beside-delta',
    'second-choice',
    'markup-by-token',
    'cumulative-details',
    'cumulative',
    'split-think-tags',
    'carriage-returns',
    'comments-between',
    'no-blank-after-data',
    'no-empty-line-at-end',
    'json-body',
    'stream-for-whole',
    'markup-m2',
    'markup-m2-after-prose',
    'markup-m3',
    'markup-m3-after-prose',
    'json-in-text',
    'json-in-fence',
    'think-in-content',
    'think-without-opener',
    'null-content',
    'calls-with-stop',
    'null-calls',
    'arguments-object',
    'arguments-twice-encoded',
    'arguments-unquoted-keys',
    'ids-missing',
    'ids-empty',
    'ids-equal',
    'type-missing',
    'answer-in-fence',
    'answer-wrapped',
  ],
  [fails('authentication', false), '401', '401-quoting-the-token', '401-body-breaks'],
  [fails('rate_limit', true), '429', '429-retry-after-seconds', '429-retry-after-date', '200-base-resp-rate-limit'],
  [fails('server', true), '500', '520', '502-page', '504-page', 'base-resp-error-midway', 'finish-error'],
  [
    fails('overloaded', true),
    '529',
    '503-page',
    '200-error-object',
    'gateway-object-in-object',
    'error-midway',
    'event-error',
  ],
  [fails('context_length', false), '400-context-window'],
  [fails('invalid_request', false), '404-page'],
  [fails('content_filter', false), '422-input-filter', 'filter-midway'],
  [{ once: { code: 'rate_limit', retryable: true } }, '429-retry-after-too-long'],
  [
    fails('quota', false),
    '429-plan-used-up',
    '500-plan-without-model',
    '500-events',
    '200-base-resp-balance',
    'gateway-plain-text-inside',
    'gateway-string-in-string',
  ],
  [fails('configuration', false), '307-redirect'],
  [fails('protocol', true), '200-without-choices', 'truncated-body', 'empty-body', 'page-as-200', 'gzip-body'],
  [fails('protocol', false), 'oversize-body'],
  [
    recoverable,
    'markup-without-wrapper',
    'markup-cut-off',
    'markup-without-brackets',
    'markup-in-brackets',
    'think-never-closed',
    'empty-answer',
    'calls-cut-off',
    'calls-cut-off-max-tokens',
    'arguments-cut-off',
    'arguments-empty',
    'arguments-of-another-schema',
    'name-unknown',
    'name-empty',
    'call-repeated',
    'answer-as-prose',
  ],
]

const expectations = new Map(
  groups.flatMap(([expectation, ...names]) => names.map((name) => [name, expectation] as const)),
)

/** @throws {Error} for a fault without an expectation: every new fault needs one. */
export function expectationOf({ name }: Fault): Expectation {
  const expectation = expectations.get(name)
  if (expectation === undefined) throw new Error(`The fault "${name}" has no expectation in ${import.meta.filename}.`)
  return expectation
}

/** Names with an expectation that are not faults. */
export function unknownFaults(): readonly string[] {
  const known = new Set(faultTable.map(({ name }) => name))
  return [...expectations.keys()].filter((name) => !known.has(name))
}
