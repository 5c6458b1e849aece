import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskToken } from '../../lib/minimax/errors/mask-token.ts'

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
])('any token is masked %s, wherever it stands', (_name, written) => {
  fc.assert(
    fc.property(tokens, fc.boolean(), (token, twice) => {
      const text = `key ${written(token)}${twice ? ` and ${written(token)}` : ''} end`
      expect(maskToken(text, token)).toBe(`key [redacted]${twice ? ' and [redacted]' : ''} end`)
    }),
  )
})

test('a text without the token stays as it is', () => {
  const text = 'İ ß \\u0041 %41 \\\\ \\ % 100 %\\'
  expect(maskToken(text, 'secret-token')).toBe(text)
  expect(maskToken('', 'secret-token')).toBe('')
})

test('the beginning of a token at which a text breaks off is masked', () => {
  expect(maskToken('key secret-to', 'secret-token')).toBe('key [redacted]')
  expect(maskToken('key secret', 'secret-token')).toBe('key secret')
})

test('a token as long as a header may be is masked', () => {
  const token = 'aB3/'.repeat(4000)
  expect(maskToken(`key ${token.replaceAll('/', '\\/')} end`, token)).toBe('key [redacted] end')
})
