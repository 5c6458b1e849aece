import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lookUp, parsePointer } from '../../router/json/json-pointer.ts'
import { type CutJson, cutJson } from '../../router/text/cut-json.ts'

const log = (count: number) => Array.from({ length: count }, (_, index) => `08:${index} INFO line ${index}`)

test('the middle of the largest array is left out, and small members stay complete', () => {
  const value = { source: 'engine', lines: log(1_840), window: { from: 1, to: 2 } }
  const { json, cuts } = cutJson(value, 4_000)
  const read = JSON.parse(json)
  expect(read).toMatchObject({ source: 'engine', window: { from: 1, to: 2 } })
  expect(read.lines[0]).toBe(value.lines[0])
  expect(read.lines.at(-1)).toBe(value.lines.at(-1))
  const [cut] = cuts
  expect(cut).toEqual({ pointer: '/lines', left: 1_840 - (read.lines.length - 1), total: 1_840, unit: 'items' })
  expect(read.lines).toContain(`[… ${cut?.left} of 1840 items of /lines left out …]`)
  expect(Buffer.byteLength(json)).toBeGreaterThan(3_500)
})

test('a long text is cut between lines', () => {
  const text = log(2_000).join('\n')
  const { json, cuts } = cutJson({ page: { text } }, 3_000)
  const lines = JSON.parse(json).page.text.split('\n')
  const [{ left = 0 } = {}] = cuts
  expect(lines).toContain(`[… ${left} of 2000 lines of /page/text left out …]`)
  expect(lines.length).toBe(2_000 - left + 1)
  for (const line of lines) if (!line.startsWith('[…')) expect(text.split('\n')).toContain(line)
})

test('a text without lines is cut between characters', () => {
  const { json, cuts } = cutJson({ text: '🌍'.repeat(2_000) }, 1_000)
  expect(cuts).toMatchObject([{ pointer: '/text', total: 8_000, unit: 'bytes' }])
  expect(JSON.parse(json).text).toMatch(/^🌍+\n\[… \d+ of 8000 bytes of \/text left out …\]\n🌍+$/u)
})

test('two large members share the room', () => {
  const { json, cuts } = cutJson({ a: log(1_000), b: log(1_000), c: 'short' }, 4_000)
  const { a, b, c } = JSON.parse(json)
  expect(cuts.map(({ pointer }) => pointer)).toEqual(['/a', '/b'])
  expect(Math.abs(a.length - b.length)).toBeLessThan(3)
  expect(c).toBe('short')
})

test('the blocks of a short list are shortened one by one', () => {
  const text = log(1_000).join('\n')
  const { json, cuts } = cutJson(
    [
      { type: 'text', text },
      { type: 'image', bytes: 4033 },
    ],
    2_000,
  )
  expect(JSON.parse(json)).toMatchObject([{ type: 'text' }, { type: 'image', bytes: 4033 }])
  expect(cuts).toMatchObject([{ pointer: '/0/text', unit: 'lines' }])
})

test('of an object with very many members the first ones stay', () => {
  const value = Object.fromEntries(log(3_000).map((line, index) => [`k${index}`, line]))
  const { json, cuts } = cutJson(value, 2_000)
  const read = JSON.parse(json)
  const kept = Object.keys(read).length - 1
  expect(cuts).toEqual([{ pointer: '', left: 3_000 - kept, total: 3_000, unit: 'members' }])
  expect(read).toMatchObject({ k0: value['k0'], '…': `[… ${3_000 - kept} of 3000 members left out …]` })
})

test('an item that is larger than the room is shortened itself', () => {
  const rows = Array.from({ length: 20 }, (_, id) => ({ id, text: log(500).join('\n') }))
  const { json, cuts } = cutJson({ rows }, 2_000)
  expect(JSON.parse(json).rows[0]).toMatchObject({ id: 0, text: expect.stringMatching(/^08:0 INFO line 0\n/) })
  expect(cuts.map(({ pointer }) => pointer)).toEqual(['/rows', '/rows/0/text'])
})

test('a value that nests very deep is cut in few steps', () => {
  let value: unknown = log(2_000)
  for (let level = 0; level < 3_000; level++) value = { a: value }
  const { json, cuts } = cutJson(value, 16_384)
  JSON.parse(json)
  expect(cuts).toMatchObject([{ left: 1, total: 1, unit: 'members' }])
})

/** Whether all that is left of a value is in the value, apart from the places that are cut. */
function isLeftOf({ json, cuts }: CutJson, value: unknown): boolean {
  const places = new Set(cuts.map(({ pointer }) => pointer))
  const same = (left: unknown, whole: unknown, pointer: string): boolean => {
    if (places.has(pointer)) return true
    if (typeof whole !== 'object' || whole === null) return Object.is(left, whole)
    if (typeof left !== 'object' || left === null) return false
    return Object.keys(whole).every((name) => {
      const token = name.replaceAll('~', '~0').replaceAll('/', '~1')
      return same(Reflect.get(left, name), Reflect.get(whole, name), `${pointer}/${token}`)
    })
  }
  return same(JSON.parse(json), value, '')
}

test('what is left of any value is JSON of about the size asked for, and each cut names what it is part of', () => {
  const large = fc.oneof(
    fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { minLength: 9, maxLength: 200 }),
    fc.array(fc.dictionary(fc.string({ maxLength: 8 }), fc.integer()), { minLength: 9, maxLength: 100 }),
    fc.array(fc.string({ maxLength: 80 }), { maxLength: 100 }).map((lines) => lines.join('\n')),
    fc.jsonValue({ maxDepth: 4 }),
  )
  const values = fc.dictionary(
    fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__'),
    large,
    { minKeys: 1, maxKeys: 6 },
  )
  fc.assert(
    fc.property(values, fc.integer({ min: 400, max: 4_000 }), (given, room) => {
      const value = JSON.parse(JSON.stringify(given))
      const cut = cutJson(value, room)
      JSON.parse(cut.json)
      expect(Buffer.byteLength(cut.json)).toBeLessThanOrEqual(Math.max(room, 600))
      expect(isLeftOf(cut, value)).toBe(true)
      for (const { pointer, left, total } of cut.cuts) {
        expect(lookUp(value, parsePointer(pointer) ?? ['?']).kind).toBe('found')
        expect(left).toBeGreaterThan(0)
        expect(left).toBeLessThanOrEqual(total)
      }
    }),
    { numRuns: 300 },
  )
})
