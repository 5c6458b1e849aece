import { expect, test } from 'vitest'
import { retryAfterOf } from '../../lib/minimax/retry.ts'

const now = Date.parse('2026-05-15T14:59:30Z')
const usedUp = 'usage limit exceeded, 5-hour usage limit reached (0/0 used), resets at 2026-05-15T15:00:00Z (2056)'

const month = 31 * 24 * 3_600_000

test.each([
  ['seconds', '7', '', 7000],
  ['parts of seconds', ' 1.5 ', '', 1500],
  ['no wait', '0', '', 0],
  ['an HTTP date', 'Fri, 15 May 2026 15:00:00 GMT', '', 30_000],
  ['a date that is over', 'Fri, 15 May 2026 14:00:00 GMT', '', 0],
  ['the time in the message', undefined, usedUp, 30_000],
  ['an offset in the message', undefined, 'resets at 2026-05-15T17:00:30.500+02:00', 60_500],
  ['the header before the message', '7', usedUp, 7000],
  ['nothing', undefined, 'try again later', undefined],
  ['a header that cannot be read', 'soon', '', undefined],
  ['the message where the header cannot be read', 'soon', usedUp, 30_000],
  ['a negative number', '-1', '', undefined],
  ['a number beyond all reason, which is a month', '9'.repeat(400), '', month],
  ['more than a month', '99999999999', '', month],
  ['a date beyond all reason', 'Fri, 15 May 2099 15:00:00 GMT', '', month],
  ['a time in the message beyond all reason', undefined, 'resets at 2099-05-15T15:00:00Z', month],
])('%s', (_name, header, message, expected) => {
  expect(retryAfterOf((name) => (name === 'retry-after' ? header : undefined), message, now)).toBe(expected)
})

test.each([
  ['1500', '2', 1500],
  ['9'.repeat(400), '2', month],
  ['soon', '2', 2000],
])('milliseconds of a gateway, %s, count before its seconds', (ms, seconds, expected) => {
  const headers = new Map([
    ['retry-after-ms', ms],
    ['retry-after', seconds],
  ])
  expect(retryAfterOf((name) => headers.get(name), '', now)).toBe(expected)
})
