import { expect, test } from 'vitest'
import { isModelError, LoopError, ModelError, toRunError } from '../../lib/loop/errors.ts'
import { TenroundsError } from '../../router/errors.ts'

test('every error of the loop is a TenroundsError with a code', () => {
  const errors = [
    new LoopError('invalid_option', 'x'),
    new ModelError('x', { code: 'rate_limit', retryable: true, providerCode: '1002' }),
  ]
  expect(errors.map(({ name, code }) => [name, code])).toEqual([
    ['LoopError', 'invalid_option'],
    ['ModelError', 'rate_limit'],
  ])
  expect(errors.every((error) => error instanceof TenroundsError)).toBe(true)
})

test('a model error of another copy of the package is recognised', () => {
  const foreign = Object.assign(new Error('busy'), { name: 'ModelError', code: 'overloaded', retryable: true })
  expect(isModelError(foreign)).toBe(true)
  expect(toRunError(foreign)).toEqual({ name: 'ModelError', message: 'busy', code: 'overloaded', retryable: true })
})

test.each([
  ['another error', new TypeError('x')],
  ['another error of the package', new LoopError('invalid_option', 'x')],
  ['plain data', { name: 'ModelError', code: 'overloaded', retryable: true }],
  ['an error of the same name without a code', Object.assign(new Error('x'), { name: 'ModelError' })],
  ['nothing', undefined],
])('%s is not a model error', (_name, value) => {
  expect(isModelError(value)).toBe(false)
})

test('a model error as plain data has snake_case fields', () => {
  const error = new ModelError('busy', {
    code: 'rate_limit',
    retryable: true,
    retryAfterMs: 5_000,
    status: 429,
    providerCode: '1002',
    requestId: 'r1',
  })
  expect(toRunError(error)).toEqual({
    name: 'ModelError',
    message: 'busy',
    code: 'rate_limit',
    retryable: true,
    retry_after_ms: 5_000,
    status: 429,
    provider_code: '1002',
    request_id: 'r1',
  })
})

test('a value that cannot be converted to text still gives a message', () => {
  expect(toRunError(Object.create(null))).toEqual({
    name: 'Error',
    message: 'a value that cannot be converted to text',
  })
})
