import { errorReply, jsonReply, proxyReply, type WireReply } from '../mock-server/wire-reply.ts'
import { type Expectation, type Fault, type FaultContext, fails, harmless } from './fault.ts'

function replies(name: string, expected: Expectation, wire: (context: FaultContext) => WireReply): Fault {
  return { name, mode: 'both', expected, wire: (_reply, context) => wire(context) }
}

const minimaxId = '0640ba836689481a9c9410847decb247'
const inside = (body: { readonly [key: string]: unknown }) => () => jsonReply(200, body, minimaxId)
const rateLimit = () => errorReply(429, 'rate_limit_error', 'rate limit (1002)')
const overloaded = 'High traffic detected. For a more stable experience, upgrade to our Plus plan. (2064) (529)'
const planWithoutModel = 'your current token plan not support model (2061)'
const retryAfter = (value: () => string) => () => {
  const reply = rateLimit()
  return { ...reply, headers: { ...reply.headers, 'retry-after': value() } }
}

/** Replies that are errors, by status, by a body inside of a 200, or wrapped by a gateway. */
export const errorReplies = {
  '400-context-window': replies('400-context-window', fails('context_length', false), () =>
    errorReply(400, 'bad_request_error', 'invalid params, context window exceeds limit (2013)'),
  ),
  '401': replies('401', fails('authentication', false), () =>
    errorReply(401, 'authorized_error', 'invalid api key (2049)'),
  ),
  '401-quoting-the-token': replies('401-quoting-the-token', fails('authentication', false), ({ token }) =>
    errorReply(401, 'authorized_error', `Incorrect API key provided: ${token} (1004)`),
  ),
  /** The status says enough. */
  '401-body-breaks': replies('401-body-breaks', fails('authentication', false), () => ({
    ...errorReply(401, 'authorized_error', 'invalid api key (2049)'),
    delivery: { breaks: 'mid-body', by: 'close' },
  })),
  '404-page': replies('404-page', fails('invalid_request', false), () => proxyReply(404, 'Not Found')),
  '422-input-filter': replies('422-input-filter', fails('content_filter', false), () =>
    errorReply(422, 'api_error', 'input new_sensitive (1026)'),
  ),
  '429': replies('429', fails('rate_limit', true), rateLimit),
  '429-retry-after-seconds': replies(
    '429-retry-after-seconds',
    fails('rate_limit', true),
    retryAfter(() => '0.01'),
  ),
  '429-retry-after-date': replies(
    '429-retry-after-date',
    fails('rate_limit', true),
    retryAfter(() => new Date().toUTCString()),
  ),
  '429-retry-after-too-long': replies(
    '429-retry-after-too-long',
    { once: { code: 'rate_limit', retryable: true } },
    retryAfter(() => '86400'),
  ),
  '429-plan-used-up': replies('429-plan-used-up', fails('quota', false), () =>
    errorReply(
      429,
      'rate_limit_error',
      `usage limit exceeded, 5-hour usage limit reached for Token Plan Starter (0/0 used), resets at ${inAnHour()} (2056)`,
    ),
  ),
  '500': replies('500', fails('server', true), () => errorReply(500, 'api_error', 'unknown error, 794 (1000)')),
  '500-plan-without-model': replies('500-plan-without-model', fails('quota', false), () =>
    errorReply(500, 'api_error', planWithoutModel),
  ),
  /** An error that is written as a stream is. */
  '500-events': replies('500-events', fails('quota', false), () => ({
    ...jsonReply(500, {}, minimaxId),
    headers: { 'content-type': 'text/event-stream' },
    parts: [`event: error\ndata: ${JSON.stringify({ error: { message: planWithoutModel } })}\n\n`],
  })),
  '502-page': replies('502-page', fails('server', true), () => proxyReply(502, 'Bad Gateway')),
  '503-page': replies('503-page', fails('overloaded', true), () => proxyReply(503, 'Service Temporarily Unavailable')),
  '504-page': replies('504-page', fails('server', true), () => proxyReply(504, 'Gateway Time-out')),
  '520': replies('520', fails('server', true), () => errorReply(520, 'api_error', 'unknown error, 999 (1000)')),
  '529': replies('529', fails('overloaded', true), () => errorReply(529, 'overloaded_error', overloaded)),
  '307-redirect': replies('307-redirect', fails('configuration', false), () => ({
    ...proxyReply(307, 'Temporary Redirect'),
    headers: { location: 'https://elsewhere.invalid/v1/chat/completions' },
  })),
  '200-base-resp-rate-limit': replies(
    '200-base-resp-rate-limit',
    fails('rate_limit', true),
    inside({ base_resp: { status_code: 1002, status_msg: 'rate limit' } }),
  ),
  '200-base-resp-balance': replies(
    '200-base-resp-balance',
    fails('quota', false),
    inside({ base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }),
  ),
  '200-error-object': replies(
    '200-error-object',
    fails('overloaded', true),
    inside({ type: 'error', error: { type: 'overloaded_error', message: overloaded } }),
  ),
  '200-without-choices': replies('200-without-choices', fails('protocol', true), inside({ id: minimaxId })),
  /** The code decides, never the message. */
  '200-warning': {
    name: '200-warning',
    mode: 'whole',
    expected: harmless,
    completion: (completion) => ({
      ...completion,
      base_resp: { status_code: 0, status_msg: 'Invalid parameters detected, json: unknown field "user"' },
    }),
  },
  'gateway-object-in-object': replies('gateway-object-in-object', fails('overloaded', true), () =>
    jsonReply(500, { error: { message: 'Provider returned error', error: { message: overloaded } } }, minimaxId),
  ),
  'gateway-plain-text-inside': replies('gateway-plain-text-inside', fails('quota', false), () => {
    const metadata = { raw: planWithoutModel, provider_name: 'Minimax' }
    return jsonReply(502, { error: { message: 'Provider returned error', code: 502, metadata } }, minimaxId)
  }),
  'gateway-string-in-string': replies('gateway-string-in-string', fails('quota', false), () => {
    const inner = JSON.stringify({
      type: 'error',
      error: { type: 'api_error', message: 'insufficient balance (1008)' },
    })
    const message = `litellm.APIConnectionError: MinimaxException - ${JSON.stringify({ error: inner })}`
    return jsonReply(500, { error: { message, type: null, code: '500' } }, minimaxId)
  }),
} as const satisfies Readonly<Record<string, Fault>>

function inAnHour(): string {
  return new Date(Date.now() + 3_600_000).toISOString()
}
