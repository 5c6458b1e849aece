import type { ModelErrorCode } from '../../loop/errors.ts'

/** The classification of a failure. */
export interface ErrorClass {
  /** Code of the resulting `ModelError`. */
  readonly code: ModelErrorCode
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
}

interface ErrorRow extends ErrorClass {
  /** MiniMax's own codes. They say more than the HTTP status: a 500 with code 2061 never succeeds. */
  readonly minimaxCodes?: readonly number[]
  /**
   * Words of a message that say more than all codes. Codes for a wrong request are the same for many mistakes.
   */
  readonly messages?: readonly RegExp[]
  /** Values of `error.type` and `error.code`, of MiniMax and of the providers whose protocols it speaks. */
  readonly names?: readonly string[]
  /** Names that say no more than an HTTP status does. They count only in a response with status 200. */
  readonly vagueNames?: readonly string[]
  /** HTTP statuses, for errors whose body does not classify them. */
  readonly statuses?: readonly number[]
}

/**
 * The only table of errors: one row per class, with all the ways in which a server reports it.
 *
 * MiniMax's codes: https://platform.minimax.io/docs/api-reference/errorcode.md, and reports in public issues. Names:
 * the error references of OpenAI and Anthropic, and of gateways in front of MiniMax.
 */
const errorTable: readonly ErrorRow[] = [
  {
    code: 'authentication',
    retryable: false,
    minimaxCodes: [1004, 2049],
    names: [
      ...['authentication_error', 'authorized_error', 'unauthorized', 'invalid_authentication', 'invalid_api_key'],
      ...['permission_error', 'permission_denied', 'account_deactivated'],
    ],
    statuses: [401, 403],
  },
  {
    code: 'quota',
    retryable: false,
    minimaxCodes: [1008, 1028, 1030, 2056, 2061],
    names: [
      ...['insufficient_quota', 'insufficient_balance', 'quota_exceeded', 'usage_limit_reached'],
      ...['billing_error', 'billing_not_active', 'billing_hard_limit_reached'],
    ],
    statuses: [402],
  },
  {
    code: 'context_length',
    retryable: false,
    names: [
      ...['context_length_exceeded', 'context_window_exceeded', 'string_above_max_length'],
      ...['exceed_context_size_error', 'model_max_prompt_tokens_exceeded'],
    ],
    messages: [
      // MiniMax, and most others: "context window exceeds limit", "exceeds the available context size", "maximum context
      // length is 4096 tokens", "longer than the model's context length", "input length exceeds the context length".
      /\b(?:exceeds?|exceeded|overflows?|longer than|larger than|greater than|too (?:long|large|big) for|outside)\b.{0,40}\b(?:context|model(?:'s)? (?:maximum|length))/i,
      /\bcontext[ _](?:window|length|size|limit)\b.{0,40}\b(?:exceed|overflow|is too (?:small|short)|reached)/i,
      /\b(?:maximum|max|model's) context (?:length|window|size) (?:is|of|limit)\b/i,
      // LM Studio.
      /\bcontext the overflows\b|\bloaded with context length of only\b|\breached context length\b/i,
      // Moonshot, Zhipu, Cohere.
      /\bexceeded model token limit\b|\bprompt exceeds max(?:imum)? length\b|\btokens in the prompt cannot exceed\b/i,
      // vLLM before its scheduler: "prompt (length 7000) is longer than the maximum model length of 4096".
      /\blonger than the maximum (?:model|prompt|input) length\b/i,
      // Anthropic, xAI, Google, Bedrock, Text Generation Inference.
      /\bprompt is too long\b|\binput is too long for\b|\bmaximum prompt length is\b/i,
      /\binput token count\b.{0,60}\bexceeds the maximum\b/i,
      /\binputs?`? tokens \+ `?max_new_tokens`? must be\b/i,
    ],
    statuses: [413],
  },
  {
    code: 'content_filter',
    retryable: false,
    minimaxCodes: [1026, 1027],
    names: ['content_filter', 'content_policy_violation', 'content_filter_error'],
  },
  {
    code: 'invalid_request',
    retryable: false,
    minimaxCodes: [1042, 2013],
    names: ['model_not_found'],
    vagueNames: [
      ...['invalid_request_error', 'bad_request_error', 'bad_request', 'not_found_error', 'invalid_prompt'],
      ...['invalid_request', 'invalid_parameter_error', 'unprocessable_entity_error'],
    ],
  },
  {
    code: 'rate_limit',
    retryable: true,
    minimaxCodes: [1002, 1039, 1041, 2045],
    names: ['rate_limit_error', 'rate_limit_exceeded', 'too_many_requests'],
    statuses: [429],
  },
  {
    code: 'overloaded',
    retryable: true,
    minimaxCodes: [2064],
    names: ['overloaded_error', 'engine_overloaded', 'server_overloaded', 'service_unavailable'],
    statuses: [503, 529],
  },
  {
    code: 'timeout',
    retryable: true,
    minimaxCodes: [1001],
    names: ['timeout_error', 'request_timeout'],
    statuses: [408],
  },
  {
    code: 'server',
    retryable: true,
    minimaxCodes: [1000, 1013, 1024, 1033],
    vagueNames: ['api_error', 'server_error', 'internal_error', 'internal_server_error', 'upstream_error'],
    statuses: [409],
  },
  // Redirects are not followed: the URL must be changed.
  { code: 'configuration', retryable: false, statuses: [300, 301, 302, 303, 307, 308] },
]

const byMinimaxCode = indexOf(({ minimaxCodes = [] }) => minimaxCodes.map(String))
const byName = indexOf(({ names = [] }) => names.map(normalized))
const byVagueName = indexOf(({ vagueNames = [] }) => vagueNames.map(normalized))
const byStatus = indexOf(({ statuses = [] }) => statuses.map(String))

function indexOf(keysOf: (row: ErrorRow) => readonly string[]): ReadonlyMap<string, ErrorClass> {
  return new Map(errorTable.flatMap((row) => keysOf(row).map((key) => [key, row] as const)))
}

/** The class of one of MiniMax's own codes, for example `2013`; `undefined` for an unknown code. */
export function classOfMinimaxCode(code: string): ErrorClass | undefined {
  return byMinimaxCode.get(code)
}

/** The class of the words of a message; `undefined` if they do not tell it. */
export function classOfMessage(message: string): ErrorClass | undefined {
  return errorTable.find(({ messages = [] }) => messages.some((words) => words.test(message)))
}

/** The class of the first of these names that is known. */
export function classOfNames(names: readonly string[]): ErrorClass | undefined {
  return firstIn(byName, names)
}

/** The class of the first of these names that is known and says no more than an HTTP status does. */
export function classOfVagueNames(names: readonly string[]): ErrorClass | undefined {
  return firstIn(byVagueName, names)
}

/** The class of an HTTP status that is not a success. */
export function classOfStatus(status: number): ErrorClass {
  const known = byStatus.get(String(status))
  if (known !== undefined) return known
  if (status >= 500) return { code: 'server', retryable: true }
  // A 304 or 305 comes from some cache, since the request did not ask whether anything changed.
  if (status >= 300 && status < 400) return { code: 'protocol', retryable: true }
  return { code: 'invalid_request', retryable: false }
}

/** Whether a status is a redirect to another URL. */
export function isRedirect(status: number): boolean {
  return byStatus.get(String(status))?.code === 'configuration'
}

function firstIn(classes: ReadonlyMap<string, ErrorClass>, names: readonly string[]): ErrorClass | undefined {
  return names.map((name) => classes.get(normalized(name))).find((found) => found !== undefined)
}

/** `RateLimitError` and `rate_limit_error` are the same name. */
function normalized(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}
