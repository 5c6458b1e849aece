import { expect, test } from 'vitest'
import { excerpt } from '../../../router/text/clip.ts'
import { shownValue } from '../../../router/text/shown-value.ts'
import { repair } from '../../../router/tool-call.ts'

test('the beginning of a secret that is cut off is not shown', () => {
  expect(excerpt(`key sk-${'s'.repeat(40)}`, 60)).toBe('key [redacted]')
  const long = `sk-${'k'.repeat(8_100)} sk-${'s'.repeat(500)}`
  expect(excerpt(long, 60)).not.toContain('sss')
  expect(excerpt(`${'x '.repeat(20_000)}sk-${'s'.repeat(500)}`, 60)).not.toContain('sss')
  for (const text of ['password: "a sss', 'args --password "a sss', 'postgres://user:a;sss', '{"password":["a","sss']) {
    expect(excerpt(`${text}${'s'.repeat(2_000)}`, 60)).not.toMatch(/sss|a;/)
  }
  expect(excerpt(`${'x '.repeat(200)} http://host:8000${' y'.repeat(900)}`, 500)).toContain('http://host:8000 y')
})

test('an excerpt is never longer than its limit in bytes and never splits a character', () => {
  for (const text of ['ü'.repeat(100), '🌍'.repeat(9_000), 'a'.repeat(20_000), '\ud83d'.repeat(100)]) {
    for (const limit of [0, 1, 5, 6, 7, 60]) {
      expect(Buffer.byteLength(excerpt(text, limit))).toBeLessThanOrEqual(Math.max(limit, 4))
      if (!text.startsWith('\ud83d\ud83d')) expect(excerpt(text, limit)).not.toMatch(/\ufffd|\p{Surrogate}/u)
    }
  }
})

test('a value is shown with the members masked whose names say secret', () => {
  const value = { credentials: { value: 'horse', pin: 1234 }, env: [{ name: 'HF_TOKEN', value: 'horse' }] }
  expect(shownValue(value, 200)).toBe('{"credentials":[redacted],"env":[{"name":"HF_TOKEN","value":"[redacted]"}]}')
  expect(shownValue({ at: new Date(0), token: 'abcdef' }, 200)).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","token":"[redacted]"}',
  )
})

test('a value that is one long word is described by its type and length', () => {
  expect(shownValue('x'.repeat(3_000), 60)).toBe('a string of 3000 characters')
  expect(shownValue(['x'.repeat(3_000)], 60)).toBe('an array of length 1')
  expect(shownValue({ ['x'.repeat(3_000)]: 1 }, 60)).toBe('an object with 1 member')
  expect(shownValue(undefined, 60)).toBe('nothing')
  expect(shownValue(1n, 60)).toBe('a value that JSON cannot represent')
})

test('the record of a repair contains no secret of a value or of a text', () => {
  const value = { password: ['horse'], api_key: 12345678, credentials: { value: 'horse' }, port: 80 }
  const { before, after } = repair('double_encoded', JSON.stringify(JSON.stringify(value)), value)
  expect(before).not.toMatch(/horse|12345678/)
  expect(after).toBe('{"password":[redacted],"api_key":"[redacted]","credentials":[redacted],"port":80}')
  expect(repair('coerced', '12345678', 12345678, '/api_key')).toMatchObject({
    before: '[redacted]',
    after: '[redacted]',
  })
})
