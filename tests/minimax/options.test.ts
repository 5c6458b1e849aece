import { expect, test } from 'vitest'
import { minimax } from '../../lib/minimax/minimax.ts'
import { configure } from '../../lib/minimax/options.ts'

const token = 'a-token-that-no-pattern-knows'
const env = { ANTHROPIC_AUTH_TOKEN: token }

test('an option that is undefined is one that is not given', () => {
  const names = [
    'url',
    'token',
    'model',
    'stream',
    'protocol',
    'maxOutputTokens',
    'retries',
    'callTimeoutMs',
    'idleTimeoutMs',
    'maxResponseBytes',
  ]
  const nothing = Object.fromEntries(names.map((name) => [name, undefined]))
  expect(configure({ ...nothing, env })).toEqual(configure({ env }))
  expect(configure({ env })).toMatchObject({ retries: 2, maxResponseBytes: 16_777_216, stream: false })
})

test('a whole reply may take 5 minutes; a stream may take 10 minutes and be silent for 2, or a third of the time left', () => {
  expect(configure({ env })).toMatchObject({
    callTimeout: { longestMs: 300_000, share: 1 / 2 },
    idleTimeout: { longestMs: Number.POSITIVE_INFINITY },
  })
  expect(configure({ env, stream: true })).toMatchObject({
    callTimeout: { longestMs: 600_000, share: 2 / 3 },
    idleTimeout: { longestMs: 120_000, share: 1 / 3 },
  })
})

test('explicit timeouts do not depend on the time that is left', () => {
  expect(configure({ env, callTimeoutMs: 30_000, idleTimeoutMs: 5_000 })).toMatchObject({
    callTimeout: { longestMs: 30_000, share: 1 },
    idleTimeout: { longestMs: 5_000, share: 1 },
  })
})

test.each([
  [null, 'minimax() was called with null; it takes an object of options.'],
  ['https://api.minimax.io', 'minimax() was called with a string; it takes an object of options.'],
])('%j for the options is a configuration error that says what it takes', (options, message) => {
  expect(() => minimax(options as never)).toThrow(expect.objectContaining({ code: 'configuration', message }))
})

test.each<[object, string]>([
  [{ retries: -1 }, 'The option "retries" is -1; it must be a whole number of at least 0.'],
  [{ retries: 1.5 }, 'The option "retries" is 1.5;'],
  [{ retries: '3' }, 'The option "retries" is "3"; it must be a whole number of at least 0.'],
  [{ callTimeoutMs: 0 }, 'The option "callTimeoutMs" is 0; it must be a whole number of at least 1.'],
  [{ idleTimeoutMs: -5 }, 'The option "idleTimeoutMs" is -5; it must be a whole number of at least 1.'],
  [{ idleTimeoutMs: Number.POSITIVE_INFINITY }, 'The option "idleTimeoutMs" is Infinity;'],
  [{ callTimeoutMs: '60s' }, 'The option "callTimeoutMs" is "60s";'],
  [{ maxResponseBytes: 0 }, 'The option "maxResponseBytes" is 0; it must be a whole number of at least 1.'],
  [{ maxOutputTokens: Number.NaN }, 'The option "maxOutputTokens" is NaN;'],
  [{ maxOutputTokens: null }, 'The option "maxOutputTokens" is null;'],
  [{ url: 5 }, 'The option "url" is 5; it must be a string.'],
  [{ token: [token] }, 'The option "token" is of type array; it must be a string.'],
  [{ model: null }, 'The option "model" is null; it must be a name, such as "MiniMax-M2.5".'],
  [{ model: '' }, 'The option "model" is ""; it must be a name'],
  [{ model: ' ' }, 'The option "model" is " "; it must be a name'],
  [{ stream: token }, 'The option "stream" is a string of 29 characters; it must be true or false.'],
  [{ stream: 'yes' }, 'The option "stream" is "yes"; it must be true or false.'],
  [{ env: token }, 'The option "env" is a string of 29 characters; it must be an object like process.env.'],
  [{ protocol: 'xml' }, 'The option "protocol" is "xml"; it must be "native" or "json".'],
  [{ protocol: 1n }, 'The option "protocol" is 1n;'],
  [{ retires: 3 }, 'minimax() has no option "retires". Did you mean "retries"?'],
  [{ baseUrl: 'https://api.minimax.io' }, 'minimax() has no option "baseUrl". Did you mean "url"?'],
  [{ baseURL: 'https://api.minimax.io' }, 'minimax() has no option "baseURL". Did you mean "url"?'],
  [{ apiKey: 'x' }, 'minimax() has no option "apiKey". Did you mean "token"?'],
  [{ maxTokens: 1 }, 'minimax() has no option "maxTokens". Did you mean "maxOutputTokens"?'],
  [{ url: 'ftp://x' }, 'The option "url" is ftp://x. The token is sent only over https'],
  [{ seed: 1 }, 'minimax() has no option "seed". Its options are url, token, model, stream,'],
  [{ constructor: 1 }, 'minimax() has no option "constructor".'],
])('%o is refused by name, and what may be secret is not shown', (options, message) => {
  const attempt = () => minimax({ env, ...options })
  expect(attempt).toThrow(expect.objectContaining({ name: 'ModelError', code: 'configuration', retryable: false }))
  expect(attempt).toThrow(message)
  expect(attempt).not.toThrow(token)
})
