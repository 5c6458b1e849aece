import { expect, test } from 'vitest'
import { formatChange, headlineDeltas, tradeoffNote } from '../../../lib/incident/report/figures.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'

const delta = { metric: 'latency.ttft_s.p95', unit: 's', verdict: 'unknown' } as const

test.each([
  [0.5, 0.25, -0.5, '−50 %'],
  [2, 3, 0.5, '+50 %'],
  [0, 0, null, '±0'],
  [2, 2, 0, '±0'],
  [0, 3, null, '–'],
  [null, null, null, '–'],
  [null, 3, null, '–'],
])('the change from %j to %j is %j, shown as %s', (before, after, relative, shown) => {
  expect(formatChange({ ...delta, before, after, relative })).toBe(shown)
})

const worse = (metric: string, relative: number | null) =>
  ({ metric, unit: 's', before: 1, after: 2, relative, verdict: 'worse' }) as const
const better = { ...worse('latency.ttft_s.p95', -0.5), verdict: 'better' } as const

test('the tradeoff note says how many figures got worse, that the status ignores them, and which is the largest', () => {
  const deltas = [better, worse('latency.queue_s.p95', 0.66), worse('latency.inter_token_s.p95', 5.55)]
  const note = tradeoffNote({ status: 'improved', summary: '', deltas })
  expect(note).toBe(
    '2 other figures got worse; they do not change the status. Largest: inter-token latency p95 (+555 %).',
  )
  const fromNothing = [...deltas, worse('requests.preemptions', null)]
  expect(tradeoffNote({ status: 'unchanged', summary: '', deltas: fromNothing })).toContain(
    'Largest: preemptions (1 s → 2 s).',
  )
})

test.each([
  ['no figure got worse', 'improved', better],
  ['the status is regressed', 'regressed', worse('latency.ttft_s.p95', 2)],
  ['the status is unknown', 'unknown', worse('latency.ttft_s.p95', 2)],
] as const)('there is no tradeoff note if %s', (_name, status, delta) => {
  expect(tradeoffNote({ status, summary: '', deltas: [delta] })).toBeUndefined()
})

test('the note about a single figure is in the singular', () => {
  const note = tradeoffNote({ status: 'improved', summary: '', deltas: [worse('latency.queue_s.p95', 0.66)] })
  expect(note).toBe('1 other figure got worse; it does not change the status: time in the queue p95 (+66 %).')
})

test('a figure that was measured neither before nor after has no row', () => {
  const unmeasured = { ...delta, before: null, after: null, relative: null }
  expect(headlineDeltas([unmeasured])).toEqual([])
  expect(headlineDeltas([{ ...unmeasured, after: 1 }])).toHaveLength(1)
})

test.each([
  [1, 'requests', '1 request'],
  [2, 'requests', '2 requests'],
  [0.767, 's', '767 ms'],
  [1.349, 's', '1.35 s'],
  [1, 's', '1 s'],
  [1, '1/s', '1/s'],
  [0.5, 'share', '50 %'],
  [null, 's', '–'],
])('%j %s is shown as %s', (value, unit, shown) => {
  expect(formatFigure(value, unit)).toBe(shown)
})
