import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clip, excerpt } from '../../../router/text/clip.ts'
import { maskNamedSecrets, mayNameSecret } from '../../../router/text/named-secrets.ts'
import { numberOfCases } from '../support/runs.ts'

const word = fc.constantFrom(
  ...['api_key', 'API KEYS', 'apikey', 'secret', 'Secret_Access_Key', 'secretkey', 'passwd', 'PASSWORD', 'passphrase'],
  ...['private key', 'authorization', 'credential', 'credentials', 'cookie', 'Cookies', 'token', 'hf_token', 'tokens'],
)
const between = fc.constantFrom(
  ...[
    '',
    ' ',
    '"',
    "'",
    '`',
    '\\"',
    '\\\\"',
    ',',
    ', ',
    '\n',
    '\\n',
    '\t',
    ':',
    '::',
    '://',
    ':=',
    '=',
    '==>',
    '=>',
    '>',
  ],
  ...['": "', '","value":"', 'value=', 'value: ', ' - ', '\\n- ', '": {"', '=[', '</', '--', ' --', '(', '.', 's'],
)
const value = fc.constantFrom(
  'x',
  'true',
  '12',
  'hunter2hunter2',
  'Basic dXNlcjpwYXNz',
  'Bearer abcdefgh12345678',
  'é',
  '[redacted]',
)
const text = fc.array(fc.oneof(word, between, value), { maxLength: 12 }).map((pieces) => pieces.join(''))

test('a text that the fast check rejects has no value after a secret name', () => {
  fc.assert(
    fc.property(text, (one) => {
      if (!mayNameSecret(one)) expect(maskNamedSecrets(one)).toBe(one)
    }),
    { numRuns: numberOfCases(2_000) },
  )
})

const piece = fc.constantFrom('a', 'log line ', '\n', 'ü', '中', '🌍', '\ud83d')
const anyText = fc.array(piece, { maxLength: 400 }).map((pieces) => pieces.join(''))

/** The first bytes of a text without half a character. */
function head(of: string, count: number): string {
  const bytes = Buffer.from(of)
  let end = Math.min(count, bytes.length)
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

test('a clipped text starts and ends with the bytes of the whole text, ASCII or not', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 8, max: 600 }), (whole, maxBytes) => {
      const { text: shown, clipped } = clip(whole, maxBytes, () => ' … ')
      expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(maxBytes)
      if (!clipped) {
        expect(shown).toBe(whole)
        return
      }
      const [first = ''] = shown.split(' … ')
      expect(first).toBe(head(whole, Math.ceil(((maxBytes - 5) * 2) / 3)))
      const last = shown.slice(first.length + 3)
      const tail = Buffer.from(whole).toString('utf8', Buffer.byteLength(whole) - Buffer.byteLength(last))
      expect(last).toBe(tail)
    }),
    { numRuns: numberOfCases(500) },
  )
})

test('an excerpt of a long ASCII text has as many bytes as any other', () => {
  expect(excerpt('a b '.repeat(400), 100)).toBe(`${'a b '.repeat(24)} …`)
  expect(excerpt('a b '.repeat(400), 101)).toBe(`${'a b '.repeat(24)}a …`)
  expect(excerpt(`${'a b '.repeat(20)}${'ü b '.repeat(400)}`, 100)).toMatch(/^(?:a b ){20}(?:ü b ){3} …$/)
})
