import { errors } from 'undici'
import { expect, test } from 'vitest'
import { ModelError } from '../../lib/loop/errors.ts'
import { networkError } from '../../lib/minimax/errors/network-error.ts'
import { clientOf, modelRequest } from './support/request.ts'

const url = new URL('https://api.minimax.io/v1/chat/completions')

function withCode(error: Error, code: string): Error {
  return Object.assign(error, { code })
}

test.each([
  ['a closed socket', new errors.SocketError('other side closed'), 'broke the connection'],
  [
    'a broken parser',
    new errors.HTTPParserError('Response does not match (Invalid header token)'),
    'broke the connection',
  ],
  ['a reset', withCode(new Error('read ECONNRESET'), 'ECONNRESET'), 'broke the connection'],
  ['a name that is not known for now', withCode(new Error('getaddrinfo'), 'EAI_AGAIN'), 'could not be looked up'],
  ['several addresses', new AggregateError([withCode(new Error('x'), 'ECONNREFUSED')]), 'refuses connections'],
  ['a failure of TLS', withCode(new Error('x'), 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'), 'broke the connection'],
  ['a certificate', withCode(new Error('x'), 'CERT_NOT_YET_VALID'), 'is not trusted'],
])('%s is a network error', (_name, error, words) => {
  const failure = networkError(error, url)
  expect(failure).toBeInstanceOf(ModelError)
  expect(failure).toMatchObject({ code: 'network', message: expect.stringMatching(`^api.minimax.io .*${words}`) })
})

test.each([
  ['a mistake in this code', new TypeError('x is not a function')],
  ['a RangeError', new RangeError('Maximum call stack size exceeded')],
  ['a misused function of Node', withCode(new RangeError('out of range'), 'ERR_OUT_OF_RANGE')],
  ['a misused function of undici', new errors.InvalidArgumentError('invalid request path')],
  ['an error that is described already', new ModelError('x', { code: 'quota', retryable: false })],
  ['a value that is not an error', 'x'],
])('%s is not a network error', (_name, error) => {
  expect(networkError(error, url)).toBe(error)
})

test('a bug is rethrown as it is and not retried', async () => {
  const message = {
    role: 'user' as const,
    get json(): string {
      throw new RangeError('Invalid string length')
    },
  }
  const model = clientOf('http://127.0.0.1:9', { retries: 2 })
  await expect(model.complete(modelRequest({ messages: [message] }))).rejects.toBeInstanceOf(RangeError)
})
