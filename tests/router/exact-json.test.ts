import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactNumber, parseExactJson } from '../../router/json/exact-json.ts'
import { parseLenientJson } from '../../router/json/lenient-json.ts'
import { assistant, exchange } from './support/exchange.ts'
import { numberOfCases } from './support/runs.ts'

test.each([
  ['1.50', 1.5],
  ['15e-1', 1.5],
  ['-1.5E+2', -150],
  ['0.000001', 0.000001],
  ['5e-324', 5e-324],
  ['0e99999999999999999999', 0],
  ['9007199254740991', 9007199254740991],
  ['3.0', 3],
])('%s is read as an exact number', (text, number) => {
  expect(exactNumber(text)).toBe(number)
})

test.each([
  ...[
    '4503599627370497.4',
    '2.0000000000000000001',
    '1e-400',
    '0.12345678901234567890123',
    '9007199254740993',
    '1e999',
  ],
  ...['', ' 1', '01', '+1', '.5', '1.', '0x10', 'NaN', 'Infinity', '1_000', '1,5'],
])('%j is not read, because it is not JSON or would be rounded', (text) => {
  expect(exactNumber(text)).toBeUndefined()
})

test('a text of any length is read in linear time', () => {
  for (const text of [`1e-${'9'.repeat(1e6)}`, `0.${'0'.repeat(1e6)}1`, `1${'0'.repeat(1e6)}1`]) {
    expect(exactNumber(text)).toBeUndefined()
  }
  expect(exactNumber(`0.5${'0'.repeat(1e6)}`)).toBe(0.5)
})

test('every number is read from its own text, and never from a text with one more digit', () => {
  const property = fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
    fc.pre(number !== 0 && (!Number.isInteger(number) || Number.isSafeInteger(number)))
    const [digits = '', exponent] = String(number).split('e')
    expect(exactNumber(String(number))).toBe(number)
    const longer = `${digits.includes('.') ? digits : `${digits}.`}000000000000000000000007`
    expect(exactNumber(exponent === undefined ? longer : `${longer}e${exponent}`)).toBeUndefined()
  })
  fc.assert(property, { numRuns: numberOfCases(2_000) })
})

test.each([
  ['9007199254740993', '{"id": 9007199254740993}'],
  ['-9007199254740993', '[1, {"id": -9007199254740993}]'],
  ['12345678901234567890', '{"text": "9007199254740993", "id": 12345678901234567890}'],
])('JSON with the integer %s is not read, because it would be rounded', (integer, text) => {
  expect(parseExactJson(text)).toMatchObject({ kind: 'inexact', integer })
})

test.each([
  ['{"id": 9007199254740992}', { id: 9007199254740992 }],
  ['{"id": "9007199254740993"}', { id: '9007199254740993' }],
  ['{"ratio": 0.12345678901234567890123}', { ratio: 0.12345678901234568 }],
])('JSON with exact integers is read: %s', (text, value) => {
  expect(parseExactJson(text)).toEqual({ kind: 'parsed', value, json: text })
})

test('lenient JSON has the same rule for integers, and quotes of any kind make them text', () => {
  expect(parseLenientJson("{'id': 9007199254740993}")).toMatchObject({ kind: 'inexact', integer: '9007199254740993' })
  expect(parseLenientJson("{'id': '9007199254740993'}")).toMatchObject({ kind: 'parsed' })
})

test('an integer in an encoded object is never rounded', async () => {
  for (const meta of ['{"sizes":[9007199254740993]}', "{'sizes':[9007199254740993]}"]) {
    const call = { id: 'a', type: 'function', function: { name: 'write_file', arguments: JSON.stringify({ meta }) } }
    const { ran, errors } = await exchange(assistant({ tool_calls: [call] }))
    expect(ran).toEqual([])
    expect(errors).toEqual(['unreadable_call'])
  }
})
