import { expect, test } from 'vitest'
import { change } from '../../lib/report/figures.ts'

const delta = { metric: 'latency.ttft_s.p95', unit: 's', verdict: 'unknown' } as const

test.each([
  [0.5, 0.25, -0.5, '−50 %'],
  [2, 3, 0.5, '+50 %'],
  [0, 0, null, '±0'],
  [0, 3, null, '–'],
  [null, null, null, '–'],
  [null, 3, null, '–'],
])('the change from %j to %j is shown as it can be told', (before, after, relative, shown) => {
  expect(change({ ...delta, before, after, relative })).toBe(shown)
})
