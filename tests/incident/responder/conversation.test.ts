import fc from 'fast-check'
import { expect, test } from 'vitest'
import { embeddedValue } from '../../../lib/incident/responder/conversation.ts'

test('any JSON value is found by its key, with any prose around it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const normal: unknown = JSON.parse(JSON.stringify(value))
      const text = `Given "wanted": a value.\n${JSON.stringify({ before: 1, wanted: value }, null, indent)} } ] "end`
      expect(embeddedValue(text, 'wanted')).toEqual(normal)
    }),
  )
})

test('a value that is cut off counts as missing', () => {
  expect(embeddedValue('{"wanted":{"a":[1,2', 'wanted')).toBeUndefined()
  expect(embeddedValue('{"wanted":6\n…[clipped]…\n4}', 'wanted')).toBeUndefined()
})
