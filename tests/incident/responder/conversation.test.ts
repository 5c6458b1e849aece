import fc from 'fast-check'
import { expect, test } from 'vitest'
import { valueAt } from '../../../lib/incident/responder/conversation.ts'

test('any JSON value is found by its key, with any prose around it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const normal: unknown = JSON.parse(JSON.stringify(value))
      const text = `Given "wanted": a value.\n${JSON.stringify({ before: 1, wanted: value }, null, indent)} } ] "end`
      expect(wantedIn(text)).toEqual(normal)
    }),
  )
})

test('a value that is cut off counts as missing', () => {
  expect(wantedIn('{"wanted":{"a":[1,2')).toBeUndefined()
  expect(wantedIn('{"wanted":6\n…[clipped]…\n4}')).toBeUndefined()
})

/** The member `wanted` of a result that is not complete JSON. */
function wantedIn(text: string): unknown {
  return valueAt({ callId: 'a', tool: 'look', input: {}, text, value: undefined, failed: false }, ['wanted'])
}
