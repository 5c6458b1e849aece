import { expect, test } from 'vitest'
import { errorInBody, errorOfResponse, maskError } from '../../lib/minimax/errors/classify-error.ts'

/** An error body as the chat-completions endpoint sends it. */
const bodyOf = (message: string) => ({
  type: 'error',
  error: { type: 'bad_request_error', message, http_code: '400' },
  request_id: '0640ba836689481a9c9410847decb247',
})
const classified = (status: number, body: unknown) => errorOfResponse(status, body, JSON.stringify(body))

test.each([
  [500, 'unknown error, 794 (1000)', 'server', true],
  [520, 'unknown error, 999 (1000)', 'server', true],
  [500, 'request timeout (1001)', 'timeout', true],
  [429, 'rate limit (1002)', 'rate_limit', true],
  [401, "login fail: Please carry the API secret key in the 'Authorization' field (1004)", 'authentication', false],
  [500, 'insufficient balance (1008)', 'quota', false],
  [500, 'internal error (1013)', 'server', true],
  [500, 'internal error (1024)', 'server', true],
  [429, 'quota exhausted (1028)', 'quota', false],
  [429, 'quota exhausted (1030)', 'quota', false],
  [500, 'mysql failed (1033)', 'server', true],
  [429, 'token limit (1039)', 'rate_limit', true],
  [429, 'conn limit (1041)', 'rate_limit', true],
  [400, 'invisible character ratio limit (1042)', 'invalid_request', false],
  [400, "invalid params, unknown model 'x' (2013)", 'invalid_request', false],
  [400, 'invalid params, context window exceeds limit (2013)', 'context_length', false],
  [429, 'rate growth limit (2045)', 'rate_limit', true],
  [401, 'invalid api key (2049)', 'authentication', false],
  [429, 'usage limit exceeded, resets at 2026-05-15T15:00:00Z (2056)', 'quota', false],
  [500, 'your current token plan not support model (2061)', 'quota', false],
])('HTTP %i with "%s" is classified as %s, retryable: %s', (status, message, code, retryable) => {
  const error = classified(status, bodyOf(message))
  expect(error).toMatchObject({
    name: 'ModelError',
    code,
    retryable,
    status,
    providerCode: /\((\d{4})\)/.exec(message)?.[1],
    requestId: '0640ba836689481a9c9410847decb247',
  })
  expect(error.message).toContain(message)
})

test.each([
  [
    422,
    'input new_sensitive (1026)',
    "MiniMax's content filter blocked the input (1026). Change the prompt or the tool",
  ],
  [500, 'output new_sensitive (1027)', "MiniMax's content filter blocked the output (1027). Change the prompt"],
])('HTTP %i with "%s" is explained in plain words', (status, message, explanation) => {
  const error = classified(status, bodyOf(message))
  expect(error).toMatchObject({ code: 'content_filter', retryable: false, status })
  for (const { message } of [error, maskError(error, { secrets: ['x'], host: 'h', requestId: undefined }) as Error]) {
    expect(message).toContain(explanation)
  }
})

test('an overloaded server is reported with one code', () => {
  const error = classified(529, bodyOf('High traffic detected. (2064) (529)'))
  expect(error).toMatchObject({ code: 'overloaded', retryable: true, status: 529, providerCode: '2064' })
  expect(error.message).toBe('MiniMax: High traffic detected. (2064)')
  expect(classified(529, bodyOf('Busy.')).message).toBe('MiniMax: Busy. [HTTP 529]')
})

test.each([
  [301, 'configuration', false],
  [304, 'protocol', true],
  [308, 'configuration', false],
  [400, 'invalid_request', false],
  [401, 'authentication', false],
  [402, 'quota', false],
  [403, 'authentication', false],
  [404, 'invalid_request', false],
  [408, 'timeout', true],
  [413, 'context_length', false],
  [422, 'invalid_request', false],
  [429, 'rate_limit', true],
  [500, 'server', true],
  [502, 'server', true],
  [503, 'overloaded', true],
  [504, 'server', true],
  [520, 'server', true],
  [529, 'overloaded', true],
])('HTTP %i without a code is classified as %s, retryable: %s', (status, code, retryable) => {
  expect(errorOfResponse(status, undefined, '<html><h1>Sorry</h1></html>')).toMatchObject({ code, retryable, status })
})

test.each([
  ['an unknown code', { error: { message: 'new trouble (9999)' } }],
  ['a code that is a name', { error: { message: 'new trouble', code: 'invalid_prompt' } }],
  ['a code that is a member of every object', { error: { message: 'new trouble', code: 'constructor' } }],
])('%s leaves the status to decide', (_name, body) => {
  expect(classified(503, body)).toMatchObject({ code: 'overloaded', retryable: true })
})

test.each([
  ['a number', { error: { message: 'no tokens left', code: 1008 } }],
  ['a text', { error: { message: 'no tokens left', code: '1008' } }],
  ['in base_resp', { base_resp: { status_code: 1008, status_msg: 'no tokens left' } }],
])('the code counts also as a field: %s', (_name, body) => {
  expect(classified(500, body)).toMatchObject({ code: 'quota', retryable: false, providerCode: '1008' })
})

test.each([
  ['http_code', { error: { type: 'overloaded_error', message: 'Busy.', http_code: '529' } }, 'overloaded', true],
  ['code', { error: { message: 'Minimax midstream error: Busy.', code: 429 } }, 'rate_limit', true],
])('an error in a 200 without a code of MiniMax is judged by the status in its %s', (_name, body, code, retryable) => {
  expect(errorInBody(body, 200)).toMatchObject({ code, retryable })
})

test.each([[undefined], ['text'], [{}], [{ error: null }], [{ base_resp: { status_code: 0, status_msg: 'odd' } }]])(
  '%j contains no error',
  (body) => {
    expect(errorInBody(body, 200)).toBeUndefined()
  },
)

test.each([
  [200, { type: 'authentication_error' }, 'authentication', false],
  [200, { type: 'authorized_error' }, 'authentication', false],
  [200, { type: 'rate_limit_error' }, 'rate_limit', true],
  [200, { type: 'overloaded_error' }, 'overloaded', true],
  [200, { type: 'invalid_request_error' }, 'invalid_request', false],
  [200, { type: 'bad_request_error' }, 'invalid_request', false],
  [200, { type: 'api_error' }, 'server', true],
  [200, { type: 'something_else' }, 'server', true],
  [429, { type: 'insufficient_quota', code: 'insufficient_quota' }, 'quota', false],
  [429, { type: 'rate_limit_error', code: 'insufficient_quota' }, 'quota', false],
  [429, { type: 'tokens', code: 'rate_limit_exceeded' }, 'rate_limit', true],
  [400, { type: 'invalid_request_error', code: 'context_length_exceeded' }, 'context_length', false],
  [400, { type: 'invalid_request_error', code: 'content_policy_violation' }, 'content_filter', false],
  [400, { type: 'invalid_request_error', code: 'invalid_api_key' }, 'authentication', false],
  [500, { type: 'AuthenticationError' }, 'authentication', false],
  [500, { type: 'permission_error' }, 'authentication', false],
  [404, { type: 'invalid_request_error', code: 'model_not_found' }, 'invalid_request', false],
  [500, { type: 'overloaded_error' }, 'overloaded', true],
  [502, { type: 'invalid_request_error' }, 'server', true],
])('HTTP %i with %j is classified as %s, retryable: %s', (status, named, code, retryable) => {
  const body = { error: { message: 'No.', ...named } }
  const error = status === 200 ? errorInBody(body, status) : classified(status, body)
  expect(error).toMatchObject({ code, retryable, status })
})

test('a code of MiniMax says more than a name', () => {
  const body = { error: { type: 'rate_limit_error', message: 'usage limit exceeded (2056)' } }
  expect(classified(429, body)).toMatchObject({ code: 'quota', providerCode: '2056' })
})

test('a name in an outer error counts where the inner one has none', () => {
  const body = { error: { type: 'insufficient_quota', message: JSON.stringify({ message: 'No.' }) } }
  expect(classified(429, body)).toMatchObject({ code: 'quota', retryable: false })
})

test('a 304 out of a cache is not taken for a redirect', () => {
  expect(errorOfResponse(304, undefined, '').message).not.toContain('redirect')
})

test('the text of a proxy error page is shown without its markup', () => {
  const error = errorOfResponse(502, undefined, '<html>\n<h1>502 Bad Gateway</h1>\n<center>nginx</center></html>')
  expect(error.message).toBe('MiniMax: 502 Bad Gateway nginx [HTTP 502]')
})

test('a missing page names the variables that hold the URL', () => {
  const error = errorOfResponse(404, undefined, '<h1>404 Not Found</h1>')
  expect(error.message).toMatch(/MINIMAX_CHAT_COMPLETIONS_URL, ANTHROPIC_BASE_URL or MINIMAX_BASE_URL/)
})

test('a message is clipped and its secrets are masked', () => {
  const { message } = classified(401, bodyOf(`Bearer sk-0123456789abcdef is wrong ${'x'.repeat(10_000)} (1004)`))
  expect(message.length).toBeLessThan(600)
  expect(message).not.toContain('0123456789')
})

test.each([
  [
    'llama-server',
    400,
    {
      error: {
        code: 400,
        message: 'request (2662 tokens) exceeds the available context size (2048 tokens), try increasing it',
        type: 'exceed_context_size_error',
        n_ctx: 2048,
      },
    },
  ],
  [
    'an older llama-server',
    500,
    {
      error: {
        code: 500,
        message:
          'the request exceeds the available context size. try increasing the context size or enable context shift',
      },
    },
  ],
  [
    'vLLM',
    400,
    {
      error: {
        message: "This model's maximum context length is 4096 tokens. However, your request has 7000 input tokens.",
        type: 'BadRequestError',
        code: 400,
      },
    },
  ],
  [
    'an older vLLM',
    400,
    { object: 'error', message: 'The decoder prompt (length 7000) is longer than the maximum model length of 4096.' },
  ],
  [
    'SGLang',
    400,
    {
      object: 'error',
      message: "The input (7000 tokens) is longer than the model's context length (4096 tokens).",
      type: 'BadRequestError',
    },
  ],
  [
    'OpenRouter',
    400,
    {
      error: {
        message: "This endpoint's maximum context length is 196608 tokens. However, you requested about 210000 tokens.",
        code: 400,
      },
    },
  ],
  ['MiniMax', 400, bodyOf('invalid params, context window exceeds limit (2013)')],
  [
    'MiniMax in a 200',
    200,
    { base_resp: { status_code: 2013, status_msg: 'invalid params, context window exceeds limit' } },
  ],
  [
    'LM Studio',
    400,
    {
      error:
        'Trying to keep the first 7000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
    },
  ],
  [
    'LM Studio, of the prompt',
    400,
    { error: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
  ],
  ['LM Studio, of the reply', 400, { error: 'Reached context length of 4096 tokens with model (arch: llama).' }],
  ['Moonshot', 400, { error: { message: 'Invalid request: Your request exceeded model token limit: 8192' } }],
  ['Zhipu', 400, { error: { message: 'Prompt exceeds max length', code: '1261' } }],
  [
    'Cohere',
    400,
    { message: 'too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 130000.' },
  ],
  ['Ollama', 400, { error: 'the input length exceeds the context length' }],
  [
    'Anthropic',
    400,
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
    },
  ],
  [
    'Google',
    400,
    { error: { message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).' } },
  ],
  [
    'Groq',
    400,
    { error: { message: 'Please reduce the length of the messages or completion.', code: 'context_length_exceeded' } },
  ],
  [
    'Mistral',
    400,
    {
      message: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    },
  ],
  ['xAI', 400, { error: "This model's maximum prompt length is 131072 but the request contains 200000 tokens." }],
  ['Bedrock', 400, { message: 'Input is too long for requested model.' }],
  [
    'Text Generation Inference',
    422,
    {
      error: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 7000',
      error_type: 'validation',
    },
  ],
  [
    'LiteLLM',
    400,
    {
      error: {
        message:
          "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - This model's maximum context length is 4096 tokens.",
      },
    },
  ],
])('the context overflow of %s is context_length, and is not retryable', (_who, status, body) => {
  const error = status === 200 ? errorInBody(body, status) : classified(status, body)
  expect(error).toMatchObject({ code: 'context_length', retryable: false })
})

test.each([
  ['a tool that failed', 400, "invalid params, tool result's tool id(x) not found (2013)", 'invalid_request'],
  [
    'too many tokens a minute',
    429,
    'Request too large for model in organization: Limit 6000, Requested 7000 (1039)',
    'rate_limit',
  ],
  ['a large output limit', 400, 'model[MiniMax-M3] does not support max tokens > 524288 (2013)', 'invalid_request'],
  ['a field', 400, 'context: unknown parameter', 'invalid_request'],
])('%s is no context overflow', (_what, status, message, code) => {
  expect(classified(status, bodyOf(message))).toMatchObject({ code })
})
