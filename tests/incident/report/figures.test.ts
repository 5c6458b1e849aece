import { expect, test } from 'vitest'
import { change, price } from '../../../lib/incident/report/figures.ts'

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

const worse = (metric: string, relative: number | null) =>
  ({ metric, unit: 's', before: 1, after: 2, relative, verdict: 'worse' }) as const
const better = { ...worse('latency.ttft_s.p95', -0.5), verdict: 'better' } as const

test('a verdict beside figures that got worse says what it goes by, how many they are, and the worst', () => {
  const deltas = [better, worse('latency.queue_s.p95', 0.66), worse('latency.inter_token_s.p95', 5.55)]
  const said = price({ status: 'improved', summary: '', deltas })
  expect(said).toContain('goes by the objective')
  expect(said).toContain('2 figures are worse all the same, most of all latency.inter_token_s.p95 (+555 %)')
  const fromNothing = [...deltas, worse('requests.preemptions', null)]
  expect(price({ status: 'unchanged', summary: '', deltas: fromNothing })).toContain('most of all requests.preemptions')
})

test.each([
  ['nothing got worse', 'improved', better],
  ['that is the verdict', 'regressed', worse('latency.ttft_s.p95', 2)],
  ['nothing is confirmed', 'unknown', worse('latency.ttft_s.p95', 2)],
] as const)('a verdict stands alone where %s', (_name, status, delta) => {
  expect(price({ status, summary: '', deltas: [delta] })).toBeUndefined()
})
