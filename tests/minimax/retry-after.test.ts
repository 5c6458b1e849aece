import { expect, test } from 'vitest'
import { retryAfterOf } from '../../lib/minimax/retry.ts'
import { replyJson, startLocalServer } from './support/local-server.ts'
import { clientOf, modelRequest } from './support/request.ts'

const now = Date.parse('2026-05-15T14:59:30Z')
const usedUp = 'usage limit exceeded, 5-hour usage limit reached (0/0 used), resets at 2026-05-15T15:00:00Z (2056)'

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
  ['a number that is too large for a double', '9'.repeat(400), '', Number.POSITIVE_INFINITY],
  ['a date far away', 'Fri, 22 May 2026 14:59:30 GMT', '', 7 * 24 * 3_600_000],
])('%s', (_name, header, message, expected) => {
  expect(retryAfterOf((name) => (name === 'retry-after' ? header : undefined), message, now)).toBe(expected)
})

test.each([
  ['1500', '2', 1500],
  ['9'.repeat(400), '2', Number.POSITIVE_INFINITY],
  ['soon', '2', 2000],
])('milliseconds of a gateway, %s, count before its seconds', (ms, seconds, expected) => {
  const headers = new Map([
    ['retry-after-ms', ms],
    ['retry-after', seconds],
  ])
  expect(retryAfterOf((name) => headers.get(name), '', now)).toBe(expected)
})

test.each([
  ['3600', 3_600_000, /rate limit \[HTTP 429\]$/],
  ['86400', 3_600_000, /rate limit \[HTTP 429\] \(retry after 86400 s, limited to 3600 s\)$/],
])(
  'a server that asks to wait %s s: the error says at most one hour, and the original value',
  async (header, retryAfterMs, message) => {
    await using server = await startLocalServer((_request, response) =>
      replyJson(response, 429, { error: { message: 'rate limit' } }, { 'retry-after': header }),
    )
    await expect(clientOf(server.url).complete(modelRequest())).rejects.toMatchObject({
      code: 'rate_limit',
      retryAfterMs,
      message: expect.stringMatching(message),
    })
  },
)
