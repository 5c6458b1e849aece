import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isLargerThan, maxDepth } from '../../router/json/json.ts'
import { isLargeJson, stringifyLarge } from '../../router/json/large-json.ts'
import { runTool } from '../../router/run-tool.ts'
import { emptyTool } from '../support/factories.ts'

const odd = [
  undefined,
  Number.NaN,
  -0,
  () => 1,
  Symbol('x'),
  new Date(0),
  new Map([[1, 2]]),
  [undefined],
  { a: undefined },
]
const wide = (item: unknown) => Array.from({ length: 600 }, () => item)

const small = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(...odd))

/** Values of which some parts are large. */
const anyValue = fc.oneof(
  small,
  small.map(wide),
  fc.dictionary(fc.string(), small, { maxKeys: 4 }).map((members) => ({ ...members, list: wide(1) })),
  fc.array(small, { maxLength: 4 }).map((items) => [wide(items), { items, deep: { list: [wide('x'), ...items] } }]),
)

test('the text is that of JSON.stringify, for values of any form', async () => {
  await fc.assert(
    fc.asyncProperty(anyValue, async (value) => {
      const text = await stringifyLarge(value)
      const expected = JSON.stringify(value)
      expect(text ?? 'nothing').toBe(expected ?? 'nothing')
    }),
    { numRuns: 200 },
  )
})

test('toJSON gets the name of its member, and may leave it out', async () => {
  const named = (key: string) => ({ toJSON: (name: string) => (key === name ? `is ${name}` : undefined) })
  const value = { a: named('a'), b: named('x'), list: [named('0'), named('5'), ...wide(1)] }
  expect(await stringifyLarge(value)).toBe(JSON.stringify(value))
})

test('a value that JSON cannot represent has no text', async () => {
  const around: unknown[] = wide(1)
  around.push(around)
  expect(await stringifyLarge(around)).toBeUndefined()
  expect(await stringifyLarge([...wide(1), 1n])).toBeUndefined()
})

const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ i, s: `abcdefgh${i}` }))

test('a large output of a tool is written in slices, between which other work goes on', async () => {
  let turns = 0
  let isDone = false
  const tool = emptyTool({
    name: 'logs',
    execute: () => {
      const turn = () => {
        turns++
        if (!isDone) setImmediate(turn)
      }
      setImmediate(turn)
      return { rows: rows(200_000) }
    },
  })
  const result = await runTool(tool, {})
  isDone = true
  expect(turns).toBeGreaterThan(2)
  expect(result).toMatchObject({ status: 'ok', clipped: true })
  expect(result.content.startsWith('{"rows":[{"i":0,"s":"abcdefgh0"},')).toBe(true)
})

test.each<[string, () => unknown]>([
  [
    'a cycle',
    () => {
      const all: unknown[] = rows(20_000)
      all.push(all)
      return all
    },
  ],
  ['a Map', () => [...rows(20_000), new Map()]],
  ['a bigint', () => [...rows(20_000), 1n]],
])('a large output with %s is an error that describes it', async (_, make) => {
  const tool = emptyTool({ name: 'logs', execute: () => make() })
  expect(await runTool(tool, {})).toMatchObject({ status: 'error', error: { kind: 'invalid_output' } })
})

test('only values with many parts are large', () => {
  expect(isLargeJson(rows(10))).toBe(false)
  expect(isLargeJson(rows(20_000))).toBe(true)
  expect(isLargeJson('x'.repeat(1_000_000))).toBe(false)
  let deep: unknown = 1
  for (let depth = 0; depth < 30_000; depth++) deep = [deep]
  expect(isLargeJson(deep)).toBe(false)
})

test('a value that is larger as JSON than a limit is larger than the limit, unless its size is in escapes or long numbers', () => {
  const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.stringMatching(/^[a-zé ]*$/))
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(scalar, fc.array(tie('value')), fc.dictionary(fc.stringMatching(/^[a-zé]*$/), tie('value'))),
  })).value
  fc.assert(
    fc.property(values, fc.nat(500), (value, maxBytes) => {
      const bytes = Buffer.byteLength(JSON.stringify(value))
      if (bytes > maxBytes + 4) expect(isLargerThan(value, maxBytes)).toBe(true)
      if (isLargerThan(value, maxBytes)) expect(maxBytes).toBeLessThan(8 * bytes + 8)
    }),
  )
})

test('a value that nests too deep counts as larger than any limit', () => {
  let value: unknown = 1
  for (let depth = 0; depth < maxDepth; depth++) value = [value]
  expect(isLargerThan(value, 1_000_000)).toBe(false)
  expect(isLargerThan([value], 1_000_000)).toBe(true)
})
