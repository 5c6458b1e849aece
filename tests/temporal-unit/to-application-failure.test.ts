import { ApplicationFailure, DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common'
import { describe, expect, test } from 'vitest'
import { LoopError, ModelError, toRunError } from '../../lib/loop/errors.ts'
import { toApplicationFailure } from '../../lib/temporal/to-application-failure.ts'
import { MissingPackageError } from '../../workflows/temporal-packages.ts'

describe('toApplicationFailure', () => {
  test.each([
    ['authentication', false],
    ['quota', false],
    ['invalid_request', false],
    ['rate_limit', true],
    ['overloaded', true],
    ['network', true],
  ] as const)('the type of a ModelError contains its code %s; retryable: %s', (code, retryable) => {
    const failure = toApplicationFailure(new ModelError('said the server', { code, retryable }))
    expect(failure.type).toBe(`ModelError.${code}`)
    expect(failure.nonRetryable).toBe(!retryable)
    expect(failure.message).toBe('said the server')
    expect(failure.nextRetryDelay).toBeUndefined()
  })

  test('the wait that the model server asks for becomes the delay before the next attempt', () => {
    const failure = toApplicationFailure(
      new ModelError('slow down', { code: 'rate_limit', retryable: true, retryAfterMs: 1_500.2 }),
    )
    expect(failure.nextRetryDelay).toBe(1_501)
  })

  test('a wait of more than one hour is limited, and the message says so', () => {
    const failure = toApplicationFailure(
      new ModelError('slow down', { code: 'rate_limit', retryable: true, retryAfterMs: 86_400_000 }),
    )
    expect(failure.nextRetryDelay).toBe(3_600_000)
    expect(failure.message).toBe('slow down (retry after 86400 s, limited to 3600 s)')
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a wait of %s sets no delay', (retryAfterMs) => {
    const failure = toApplicationFailure(
      new ModelError('slow down', { code: 'rate_limit', retryable: true, retryAfterMs }),
    )
    expect(failure.nextRetryDelay).toBeUndefined()
  })

  test('details have code, status, provider code and request id, and no other field of the error', () => {
    const error = new ModelError('no', {
      code: 'server',
      retryable: true,
      status: 500,
      providerCode: '1000',
      requestId: 'r-1',
    })
    Object.assign(error, { request: { headers: { authorization: 'Bearer abcdefghijkl' } } })
    expect(toApplicationFailure(error).details).toEqual([
      { code: 'server', status: 500, provider_code: '1000', request_id: 'r-1' },
    ])
  })

  test('the plain error of a run gives the same failure as the ModelError it came from', () => {
    const fields = { code: 'overloaded', retryable: true, retryAfterMs: 250, status: 529, requestId: 'r-2' } as const
    const error = new ModelError('busy', fields)
    const fromClass = toApplicationFailure(error)
    const fromData = toApplicationFailure(toRunError(error))
    expect(plain(fromData)).toEqual(plain(fromClass))
  })

  test('the failure that Temporal stores has no secret, no request body and no cause', () => {
    const cause = new Error('POST {"messages":["the customer\'s data"]}', {
      cause: new Error('Bearer sk-cp-0123456789abcdef'),
    })
    const error = new ModelError(
      'refused: Bearer sk-cp-0123456789abcdef',
      { code: 'authentication', retryable: false, status: 401 },
      { cause },
    )
    const stored = JSON.stringify(
      new DefaultFailureConverter().errorToFailure(toApplicationFailure(error), defaultPayloadConverter),
    )
    expect(stored).toContain('ModelError.authentication')
    expect(stored).not.toContain('sk-cp')
    expect(stored).not.toContain('0123456789abcdef')
    expect(stored).not.toContain('customer')
    expect(stored).not.toContain('"cause"')
  })

  test('a long message is clipped', () => {
    const failure = toApplicationFailure(new Error('ä'.repeat(100_000)))
    expect(Buffer.byteLength(failure.message)).toBeLessThanOrEqual(2_000)
  })

  test.each([new TypeError('x'), new RangeError('x')])('a programming error is not retryable: %s', (error) => {
    expect(toApplicationFailure(error)).toMatchObject({ type: error.name, nonRetryable: true })
  })

  test.each([
    new LoopError('invalid_option', 'limits.rounds must be …'),
    new MissingPackageError('@temporalio/client'),
  ])('another error of this library is not retryable and has its code in the details: %s', (error) => {
    const { name, code } = error
    const expected = { type: name, nonRetryable: true, details: [{ code }] }
    expect(toApplicationFailure(error)).toMatchObject(expected)
    expect(toApplicationFailure(toRunError(error))).toMatchObject(expected)
  })

  test('an error of another copy of this library is not retryable', () => {
    const ofAnotherCopy = Object.assign(new Error('limits.rounds must be …'), {
      name: 'LoopError',
      code: 'invalid_option',
      [Symbol.for('tenrounds.error')]: true,
    })
    const expected = { type: 'LoopError', nonRetryable: true, details: [{ code: 'invalid_option' }] }
    expect(toApplicationFailure(ofAnotherCopy)).toMatchObject(expected)
    // The same as the error of a run that failed with it.
    expect(toApplicationFailure(toRunError(ofAnotherCopy))).toMatchObject(expected)
  })

  test('an error of another library with a code is retryable', () => {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    expect(toApplicationFailure(error)).toMatchObject({ type: 'Error', nonRetryable: false })
  })

  test.each([
    [new Error('disk full'), 'Error', 'disk full'],
    ['a text', 'Error', 'a text'],
    [undefined, 'Error', 'undefined'],
    [null, 'Error', 'null'],
    [{}, 'Error', 'Error'],
  ])('any other thrown value is retryable: %s', (thrown, type, message) => {
    expect(toApplicationFailure(thrown)).toMatchObject({ type, message, nonRetryable: false })
  })

  test('an ApplicationFailure of the caller is passed on', () => {
    const own = ApplicationFailure.nonRetryable('mine', 'Mine')
    expect(toApplicationFailure(own)).toBe(own)
  })

  test.each([
    ['message', ApplicationFailure.retryable('m'.repeat(3_000_000), 'Mine')],
    ['details', ApplicationFailure.retryable('m', 'Mine', 'd'.repeat(3_000_000))],
    ['details that are not JSON', ApplicationFailure.retryable('m', 'Mine', 1n)],
    ['cause', ApplicationFailure.create({ message: 'm', type: 'Mine', cause: new Error('c'.repeat(3_000_000)) })],
  ])('an ApplicationFailure that is too large for Temporal loses its %s', (_what, own) => {
    const failure = toApplicationFailure(own)
    expect(failure).toMatchObject({ type: 'Mine', nonRetryable: false })
    const stored = new DefaultFailureConverter().errorToFailure(failure, defaultPayloadConverter)
    expect(JSON.stringify(stored).length).toBeLessThan(10_000)
  })
})

function plain({ message, type, nonRetryable, nextRetryDelay, details }: ApplicationFailure) {
  return { message, type, nonRetryable, nextRetryDelay, details }
}
