import { expect, test } from 'vitest'
import { excerpt } from '../../router/clip.ts'
import { isSecretName, redact, redactDeep } from '../../router/redact.ts'

test.each([
  ['Authorization: Bearer abcdef123456', 'abcdef123456'],
  ['{"password": "correct horse battery"}', 'horse'],
  ["{'client_secret': 'correct horse'}", 'horse'],
  ['{"a":"{\\"api_key\\": \\"correct horse\\"}"}', 'horse'],
  ['ANTHROPIC_AUTH_TOKEN=abcdef', 'abcdef'],
  ['postgres://user:hunter22@host/db', 'hunter22'],
  ['sk-cp-0123456789abcdef', '0123456789'],
  ['github_pat_0123456789abcdef', '0123456789'],
])('in %j the secret is masked', (text, secret) => {
  expect(redact(text)).not.toContain(secret)
  expect(redact(text)).toContain('[redacted]')
})

test.each([
  'max_tokens: 4096',
  'total_tokens=123456',
  'secretary',
  'https://host/path?q=1',
  'a basic idea',
  'tokenizer: bpe',
])('%j holds no secret and stays as it is', (text) => {
  expect(redact(text)).toBe(text)
})

test('a member that is called a secret is masked whatever it looks like', () => {
  expect(redactDeep({ password: 'a b', nested: [{ apiKey: 'x' }], tokens: 5, note: 'fine' })).toEqual({
    password: '[redacted]',
    nested: [{ apiKey: '[redacted]' }],
    tokens: 5,
    note: 'fine',
  })
  expect(isSecretName('max_tokens')).toBe(false)
})

test('a secret that reaches over the edge of what is looked at does not show its beginning', () => {
  expect(excerpt(`key sk-${'s'.repeat(40)}`, 60)).toBe('key [redacted]')
  const long = `sk-${'k'.repeat(8_100)} sk-${'s'.repeat(500)}`
  expect(excerpt(long, 60)).not.toContain('sss')
  expect(excerpt(`${'x '.repeat(20_000)}sk-${'s'.repeat(500)}`, 60)).not.toContain('sss')
})

test('an excerpt keeps its limit in bytes and splits no character', () => {
  for (const text of ['ü'.repeat(100), '🌍'.repeat(9_000), 'a'.repeat(20_000), '\ud83d'.repeat(100)]) {
    for (const limit of [0, 1, 5, 6, 7, 60]) {
      expect(Buffer.byteLength(excerpt(text, limit))).toBeLessThanOrEqual(Math.max(limit, 4))
      if (!text.startsWith('\ud83d\ud83d')) expect(excerpt(text, limit)).not.toMatch(/\ufffd|\p{Surrogate}/u)
    }
  }
})
