// Error replies that clients of MiniMax receive. Sources: MiniMax's list of error codes, reports of users that quote whole
// replies, nginx for the pages, and the gateways OpenRouter and LiteLLM for wrapped errors. MiniMax's own code is in
// parentheses at the end of the message.

import type { UnknownObject } from '../../../router/json/json.ts'
import { type Fault, type FaultContext, nameFaults } from '../mock-server/fault.ts'
import { errorReply, jsonReply, proxyReply, type WireReply } from '../mock-server/wire-reply.ts'

/** A fault that sends another reply in place of the right one. */
function replies(description: string, wire: (context: FaultContext) => WireReply): Omit<Fault, 'name'> {
  return { description, mode: 'both', wire: (_reply, context) => wire(context) }
}

/** An id as MiniMax writes it. */
const minimaxId = '0640ba836689481a9c9410847decb247'
/** A reply with status 200 and any body. */
const ok = (body: UnknownObject) => () => jsonReply(200, body, minimaxId)
const rateLimit = () => errorReply(429, 'rate_limit_error', 'rate limit (1002)')
const overloaded = 'High traffic detected. For a more stable experience, upgrade to our Plus plan. (2064) (529)'
const planWithoutModel = 'your current token plan not support model (2061)'
/** A rate limit with the header Retry-After, which is a number of seconds or a date (RFC 9110, section 10.2.3). */
const retryAfter = (value: () => string) => () => {
  const reply = rateLimit()
  return { ...reply, headers: { ...reply.headers, 'retry-after': value() } }
}

/** Error replies: by status, as an error inside a 200, or wrapped by a gateway. Texts are those of MiniMax and of proxies. */
export const errorReplies = nameFaults({
  '400-context-window': replies('The messages are longer than the context window.', () =>
    errorReply(400, 'bad_request_error', 'invalid params, context window exceeds limit (2013)'),
  ),
  '401': replies('The token is wrong.', () => errorReply(401, 'authorized_error', 'invalid api key (2049)')),
  '401-quoting-the-token': replies('The token is wrong, and the message quotes it.', ({ token }) =>
    errorReply(401, 'authorized_error', `Incorrect API key provided: ${token} (1004)`),
  ),
  '401-body-breaks': replies('The token is wrong, and the connection is closed in the middle of the body.', () => ({
    ...errorReply(401, 'authorized_error', 'invalid api key (2049)'),
    delivery: { breakAt: 'mid-body', breakBy: 'close' },
  })),
  '404-page': replies('A page of the proxy.', () => proxyReply(404, 'Not Found')),
  '422-input-filter': replies('The content filter blocked the input.', () =>
    errorReply(422, 'api_error', 'input new_sensitive (1026)'),
  ),
  '429': replies('Too many requests.', rateLimit),
  '429-retry-after-seconds': replies(
    'Too many requests; Retry-After is a number of seconds.',
    retryAfter(() => '0.01'),
  ),
  '429-retry-after-date': replies(
    'Too many requests; Retry-After is a date.',
    retryAfter(() => new Date().toUTCString()),
  ),
  '429-retry-after-too-long': replies(
    'Too many requests; Retry-After is a day.',
    retryAfter(() => '86400'),
  ),
  // A retry cannot help before the plan is renewed, so this is not retryable in spite of its status.
  '429-plan-used-up': replies('The quota of the plan is used up.', () =>
    errorReply(
      429,
      'rate_limit_error',
      `usage limit exceeded, 5-hour usage limit reached for Token Plan Starter (0/0 used), resets at ${inAnHour()} (2056)`,
    ),
  ),
  '500': replies('An unknown server error.', () => errorReply(500, 'api_error', 'unknown error, 794 (1000)')),
  // Another error that no retry solves, with a status that usually means the opposite.
  '500-plan-without-model': replies('The plan does not include the model.', () =>
    errorReply(500, 'api_error', planWithoutModel),
  ),
  '500-events': replies('The error is written as a server-sent event.', () => ({
    ...jsonReply(500, {}, minimaxId),
    headers: { 'content-type': 'text/event-stream' },
    parts: [`event: error\ndata: ${JSON.stringify({ error: { message: planWithoutModel } })}\n\n`],
  })),
  '502-page': replies('A page of the proxy.', () => proxyReply(502, 'Bad Gateway')),
  '503-page': replies('A page of the proxy.', () => proxyReply(503, 'Service Temporarily Unavailable')),
  '504-page': replies('A page of the proxy.', () => proxyReply(504, 'Gateway Time-out')),
  '520': replies('An unknown server error.', () => errorReply(520, 'api_error', 'unknown error, 999 (1000)')),
  '529': replies('The server is overloaded.', () => errorReply(529, 'overloaded_error', overloaded)),
  // A client that follows it would send its token to another host.
  '307-redirect': replies('A redirect to another host.', () => ({
    ...proxyReply(307, 'Temporary Redirect'),
    headers: { location: 'https://elsewhere.invalid/v1/chat/completions' },
  })),
  // MiniMax's native API reports errors in `base_resp`, with status 200.
  '200-base-resp-rate-limit': replies(
    'base_resp reports a rate limit.',
    ok({ base_resp: { status_code: 1002, status_msg: 'rate limit' } }),
  ),
  '200-base-resp-balance': replies(
    'base_resp reports that the balance is used up.',
    ok({ base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }),
  ),
  '200-error-object': replies(
    'The body is an error object.',
    ok({ type: 'error', error: { type: 'overloaded_error', message: overloaded } }),
  ),
  '200-without-choices': replies('The body has no choices and no error.', ok({ id: minimaxId })),
  '200-warning': {
    description: 'base_resp has an error text, but its code means success.',
    mode: 'whole',
    completion: (completion) => ({
      ...completion,
      base_resp: { status_code: 0, status_msg: 'Invalid parameters detected, json: unknown field "user"' },
    }),
  },
  // The useful message is inside. The outer one only says that the provider failed.
  'gateway-object-in-object': replies("A gateway wraps the provider's error in its own.", () =>
    jsonReply(500, { error: { message: 'Provider returned error', error: { message: overloaded } } }, minimaxId),
  ),
  'gateway-plain-text-inside': replies("A gateway wraps the provider's error in a text field.", () => {
    const metadata = { raw: planWithoutModel, provider_name: 'Minimax' }
    return jsonReply(502, { error: { message: 'Provider returned error', code: 502, metadata } }, minimaxId)
  }),
  'gateway-string-in-string': replies("A gateway wraps the provider's error as JSON in its message.", () => {
    const inner = JSON.stringify({
      type: 'error',
      error: { type: 'api_error', message: 'insufficient balance (1008)' },
    })
    const message = `litellm.APIConnectionError: MinimaxException - ${JSON.stringify({ error: inner })}`
    return jsonReply(500, { error: { message, type: null, code: '500' } }, minimaxId)
  }),
})

/** The message of a used-up plan has the time at which it is renewed. */
function inAnHour(): string {
  return new Date(Date.now() + 3_600_000).toISOString()
}
