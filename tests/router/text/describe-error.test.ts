import { homedir } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { describeThrown } from '../../../router/text/describe-error.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test.each([
  ['its cause', new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED ::1:80') })],
  ['the causes of its cause', new Error('a', { cause: new Error('b', { cause: new Error('ECONNREFUSED') }) })],
  [
    'the code of a cause without a message',
    new Error('a', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }),
  ],
  ['a cause that is a string', new Error('a', { cause: 'ECONNREFUSED' })],
  ['its inner errors', new AggregateError([new Error('timed out'), new Error('ECONNREFUSED')])],
  ['the inner errors of its cause', new Error('a', { cause: new AggregateError([new Error('ECONNREFUSED')]) })],
])('the description of an error includes %s', (_, error) => {
  expect(describeThrown(error)).toContain('ECONNREFUSED')
})

test('the message of a cause is not repeated', () => {
  expect(describeThrown(new Error('no answer: x', { cause: new Error('x') }))).toBe('no answer: x')
  expect(describeThrown(new AggregateError([new Error('x'), new Error('x')], 'all failed'))).toBe('all failed: x')
})

test('many errors are summarised, and a circle of causes ends', () => {
  const many = Array.from({ length: 100 }, (_, index) => new Error(`error ${index}`))
  expect(describeThrown(new AggregateError(many))).toMatch(/^error 0; .*error 4; and 95 more$/)
  const circle = new Error('round')
  circle.cause = new Error('and round', { cause: circle })
  expect(describeThrown(circle)).toMatch(/^round \(cause: and round/)
})

test.each([
  ['a plain object', { code: 5, reason: 'quota' }, '{"code":5,"reason":"quota"}'],
  ['an object that contains a secret', { reason: 'quota', credentials: { value: 'abc' } }, '[redacted]'],
  ['an object with its own toString', { toString: () => 'quota' }, 'quota'],
  ['an object with a message', { message: 'quota' }, 'quota'],
  ['nothing', undefined, 'threw undefined'],
  ['null', null, 'threw null'],
  ['an empty object', {}, 'without a message'],
  ['an empty error', new Error(), 'without a message'],
])('the description of a thrown value that is %s has its message', (_, thrown, message) => {
  expect(describeThrown(thrown)).toContain(message)
  expect(describeThrown(thrown)).not.toMatch(/\[object|abc/)
})

test.each([
  [`cannot read ${process.cwd()}/secret/a.json`, 'cannot read secret/a.json'],
  [`cannot enter ${process.cwd()}`, 'cannot enter .'],
  [`cannot read ${homedir()}x/a`, `cannot read ${homedir()}x/a`],
  ['cannot read /etc/myapp/conf.json.', 'cannot read conf.json.'],
  ["Cannot find module '/opt/app/node_modules/x/index.js:12:3'", "Cannot find module 'index.js:12:3'"],
  ['file:///srv/app/main.js failed', 'main.js failed'],
  ['GET https://host/api/v1/spec.json: 404', 'GET https://host/api/v1/spec.json: 404'],
  ['GET http://[::1]/api/v1/spec.json: 404', 'GET http://[::1]/api/v1/spec.json: 404'],
  ['POST /v1/chat/completions: 404', 'POST /v1/chat/completions: 404'],
  ['2 and/or 3.txt', '2 and/or 3.txt'],
])('%j names no folder of the server', (message, shown) => {
  expect(describeThrown(new Error(message))).toBe(shown)
})

test('a path from a field of the error is shortened to its last part, if it is a word of its own', () => {
  const error = Object.assign(new Error("ENOENT: open '/data/tenant one/notes', not /data/tenant one/notes2"), {
    path: '/data/tenant one/notes',
  })
  expect(describeThrown(error)).toBe("ENOENT: open 'notes', not /data/tenant one/notes2")
  expect(describeThrown(new Error('failed', { cause: error }))).toContain("open 'notes'")
})

test.each(['/', '/app', ''])(
  'URLs are not changed if %j is the working folder, the home folder and a path',
  (folder) => {
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
    vi.stubEnv('HOME', folder)
    const error = Object.assign(new Error('https://host/api and /app/v1 and a/b'), { path: folder, dest: folder })
    expect(describeThrown(error)).toBe('https://host/api and /app/v1 and a/b')
    vi.unstubAllEnvs()
  },
)

test('lines of a stack are left out', () => {
  const message = [
    'failed',
    ...['at read (/a/b.ts:1:2)', 'at file:///x/y.js:3:4', 'at new Promise (<anonymous>)'].map((line) => `    ${line}`),
  ].join('\n')
  expect(describeThrown(new Error(message))).toBe('failed')
})

test('a message of any length is described in linear time', () => {
  for (const part of ['/a', '/a@', '(/a', '/a.b', '/a.b/', `${process.cwd()}`, '    at x:1\n', ' at ', 'https:/']) {
    expect(Buffer.byteLength(describeThrown(new Error(part.repeat(300_000))))).toBeLessThanOrEqual(1024)
  }
})
