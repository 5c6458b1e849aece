import { expect, test } from 'vitest'
import { formatChange, tradeoffNote } from '../../../lib/incident/report/figures.ts'

const delta = { metric: 'latency.ttft_s.p95', unit: 's', verdict: 'unknown' } as const

test.each([
  [0.5, 0.25, -0.5, '−50 %'],
  [2, 3, 0.5, '+50 %'],
  [0, 0, null, '±0'],
  [0, 3, null, '–'],
  [null, null, null, '–'],
  [null, 3, null, '–'],
])('the change from %j to %j is %j, shown as %s', (before, after, relative, shown) => {
  expect(formatChange({ ...delta, before, after, relative })).toBe(shown)
})

const worse = (metric: string, relative: number | null) =>
  ({ metric, unit: 's', before: 1, after: 2, relative, verdict: 'worse' }) as const
const better = { ...worse('latency.ttft_s.p95', -0.5), verdict: 'better' } as const

test('the tradeoff note says what the status depends on, how many figures got worse, and which one most', () => {
  const deltas = [better, worse('latency.queue_s.p95', 0.66), worse('latency.inter_token_s.p95', 5.55)]
  const note = tradeoffNote({ status: 'improved', summary: '', deltas })
  expect(note).toContain('depends on the objective')
  expect(note).toContain('2 figures still got worse, latency.inter_token_s.p95 the most (+555 %)')
  const fromNothing = [...deltas, worse('requests.preemptions', null)]
  expect(tradeoffNote({ status: 'unchanged', summary: '', deltas: fromNothing })).toContain(
    'requests.preemptions the most (1 s → 2 s)',
  )
})

test.each([
  ['no figure got worse', 'improved', better],
  ['the status is regressed', 'regressed', worse('latency.ttft_s.p95', 2)],
  ['the status is unknown', 'unknown', worse('latency.ttft_s.p95', 2)],
] as const)('there is no tradeoff note if %s', (_name, status, delta) => {
  expect(tradeoffNote({ status, summary: '', deltas: [delta] })).toBeUndefined()
})
