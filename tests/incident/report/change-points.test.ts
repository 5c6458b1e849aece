import fc from 'fast-check'
import { expect, test } from 'vitest'
import { segmentsOf } from '../../../lib/incident/report/change-points.ts'

const series = (...parts: readonly (readonly [count: number, events: number])[]) =>
  parts.flatMap(([count, events]) => Array.from({ length: count }, () => ({ events, exposure: 10 })))

test.each([
  ['one rate', series([60, 8]), [0]],
  ['a rise', series([24, 4], [66, 11]), [0, 24]],
  ['a pulse', series([20, 1], [6, 9], [34, 2]), [0, 20, 26]],
  ['a rise from nothing', series([30, 0], [30, 2]), [0, 30]],
  [
    'bursts of one mean rate',
    series(
      ...Array.from(
        { length: 20 },
        () =>
          [
            [3, 0],
            [1, 24],
          ] as const,
      ).flat(),
    ),
    [0],
  ],
  ['nothing', [], []],
  ['too few counts', series([1, 1], [1, 100]), [0]],
])('%s', (_name, counts, starts) => {
  expect(segmentsOf(counts).map(({ from }) => from)).toEqual(starts)
})

test('segments cover all counts once, with their own rates', () => {
  const counts = fc.array(fc.record({ events: fc.nat(50), exposure: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 1,
  })
  fc.assert(
    fc.property(counts, (all) => {
      const segments = segmentsOf(all)
      expect(segments[0]?.from).toBe(0)
      expect(segments.at(-1)?.to).toBe(all.length)
      for (const [index, { from, to, rate }] of segments.entries()) {
        expect(to).toBeGreaterThan(from)
        expect(from).toBe(segments[index - 1]?.to ?? 0)
        const own = all.slice(from, to)
        const exposure = own.reduce((sum, count) => sum + count.exposure, 0)
        const events = own.reduce((sum, count) => sum + count.events, 0)
        expect(rate).toBe(exposure === 0 ? 0 : events / exposure)
      }
    }),
  )
})
