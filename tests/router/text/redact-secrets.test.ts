import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redactSecrets } from '../../../router/text/redact.ts'

const visible = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index))
const tokens = fc.array(fc.constantFrom(...visible), { minLength: 9, maxLength: 60 }).map((letters) => letters.join(''))
const numbered = (text: string) =>
  [...text].map((letter) => `\\u00${letter.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')

test.each<[string, (token: string) => string]>([
  ['as it is', (token) => token],
  ['in JSON', (token) => JSON.stringify(token).slice(1, -1)],
  ['in JSON in JSON', (token) => JSON.stringify(JSON.stringify(token)).slice(3, -3)],
  ['with escaped slashes', (token) => JSON.stringify(token).slice(1, -1).replaceAll('/', '\\/')],
  ['by numbers', numbered],
  ['in a URL', encodeURIComponent],
])('a known secret is masked %s, at any place', (_name, written) => {
  fc.assert(
    fc.property(tokens, fc.boolean(), (token, twice) => {
      const text = `key ${written(token)}${twice ? ` and ${written(token)}` : ''} end`
      expect(redactSecrets(text, [token])).toBe(`key [redacted]${twice ? ' and [redacted]' : ''} end`)
    }),
  )
})

test('a text without the secret is not changed', () => {
  const text = 'İ ß \\u0041 %41 \\\\ \\ % 100 %\\'
  expect(redactSecrets(text, ['secret-token'])).toBe(text)
  expect(redactSecrets('', ['secret-token'])).toBe('')
})

test('the beginning of a secret at the end of a cut text is masked', () => {
  expect(redactSecrets('key secret-to', ['secret-token'])).toBe('key [redacted]')
  expect(redactSecrets('key secret', ['secret-token'])).toBe('key secret')
})

test('a secret as long as a header is masked', () => {
  const token = 'aB3/'.repeat(4000)
  expect(redactSecrets(`key ${token.replaceAll('/', '\\/')} end`, [token])).toBe('key [redacted] end')
})

test.each(['', 'x', 'test', 'content'])('the short secret %j does not tear a text apart', (secret) => {
  const text = 'Next, test the context of the content.'
  expect(redactSecrets(text, [secret])).toBe(text)
})
