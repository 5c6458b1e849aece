import { expect, test } from 'vitest'
import { type ReportDocument, renderHtml } from '../../../../lib/incident/index.ts'
import { documentWith } from './full-document.ts'
import { attribute, type Element, parsedPage, textOf } from './parsed-page.ts'

type Charts = ReportDocument['charts']

/** A series of 60 points, 10 seconds apart. */
const seriesOf = (
  name: Charts['series'][number]['name'],
  value: (index: number) => number,
  after: ((index: number) => number) | null = null,
): Charts['series'][number] => {
  const points = (of: (index: number) => number) => Array.from({ length: 60 }, (_, index) => [index * 10, of(index)])
  return {
    ...{ name, title: `Plot of ${name}`, unit: 'requests', limit: null },
    ...{ before: points(value), after: after === null ? null : points(after) },
  }
}

/** The page of a report with these plots. */
function pageWith(charts: Partial<Charts>, parts: Partial<ReportDocument> = {}): string {
  const document = documentWith('plain')
  return renderHtml({
    ...document,
    ...parts,
    charts: { ...document.charts, duration_s: 600, distributions: [], ...charts },
  })
}

const captions = (html: string): string[] =>
  parsedPage(html)
    .elements.filter(({ tagName }) => tagName === 'figcaption')
    .map(textOf)

/** Elements of a drawing with a class. */
const drawn = (html: string, name: string): readonly Element[] =>
  parsedPage(html).elements.filter(
    (element) => ['line', 'path', 'text'].includes(element.tagName) && attribute(element, 'class') === name,
  )

test('figures that never change are named in a sentence and not drawn', () => {
  const html = pageWith({
    series: [
      seriesOf('running', (index) => index),
      seriesOf(
        'preemptions',
        () => 0,
        () => 0,
      ),
      seriesOf(
        'waiting',
        () => 0,
        () => 0,
      ),
      seriesOf(
        'kv_usage',
        () => 7,
        () => 7,
      ),
    ],
  })
  expect(html).toContain('No preemptions, and no requests wait, before and after.')
  expect(html).toContain('Plot of kv_usage: 7 requests, before and after.')
  expect(captions(html)).toEqual(['Plot of running', 'Rounds of the run over time'])
})

test('a figure that only the fix changes is drawn', () => {
  const series = [seriesOf('waiting', () => 0, Math.sqrt)]
  expect(captions(pageWith({ series }))).toContain('Plot of waiting')
})

test('an objective is a line in the plot over time, also if the figure never changes', () => {
  const flat = { ...seriesOf('ttft_s', () => 2), unit: 's', limit: 4 }
  const html = pageWith({ series: [flat] })
  // One in the plot, and one in the legend.
  expect(drawn(html, 'limit')).toHaveLength(2)
  expect(html).toContain('In the window: 2 s all the time. Objective: at most 4 s.')
})

test('two equal lines are drawn as one, and the caption says so', () => {
  const wave = (index: number) => Math.abs(30 - index)
  const html = pageWith({ series: [seriesOf('arrivals', wave, wave)] })
  expect(html).toContain('Before and after are equal: 29 at the end, at most 30 (14:00).')
  expect(drawn(html, 'line after').filter(({ tagName }) => tagName === 'path')).toEqual([])
})

test('a line has a gap where points are missing, and the caption says when it ends', () => {
  const { before, ...series } = seriesOf('ttft_s', (index) => index % 7)
  const stalled = before.filter(([at = 0]) => at < 200 || (at > 400 && at < 450))
  const html = pageWith({ series: [{ ...series, before: stalled }] })
  const [line = ''] = drawn(html, 'line before').flatMap((element) => attribute(element, 'd') ?? [])
  expect(line.match(/M/g)).toHaveLength(2)
  expect(html).toContain('2 at 14:07 (no data after it), at most 6')
})

const series = [seriesOf('running', (index) => index)]

test('trigger and onset have one name if they are at the same time, and else two that do not overlap', () => {
  const trigger = { kind: 'load', time: '2026-02-17T14:03:00.000Z', text: 'x', source: null } as const
  const same = pageWith({ series, onset_s: 180 }, { trigger })
  expect(drawn(same, 'mark ').map(textOf)).toEqual(['trigger and onset'])
  for (const onset_s of [150, 190, 590]) {
    const html = pageWith({ series, onset_s }, { trigger })
    const marks = [...drawn(html, 'mark '), ...drawn(html, 'mark end')]
    const spans = marks
      .map((mark) => {
        const [x, width] = [Number(attribute(mark, 'x')), textOf(mark).length * 6.6]
        return attribute(mark, 'class') === 'mark ' ? [x, x + width] : [x - width, x]
      })
      .toSorted(([a = 0], [b = 0]) => a - b)
    expect(spans).toHaveLength(2)
    expect(spans[0]?.[1]).toBeLessThan(spans[1]?.[0] ?? 0)
    expect(spans[0]?.[0]).toBeGreaterThanOrEqual(0)
    expect(spans[1]?.[1]).toBeLessThanOrEqual(400)
  }
})

test.each([
  ['2026-02-17T13:59:00.000Z', 'degraded', 'The incident began before the window'],
  [null, 'degraded', 'its time is not known'],
] as const)('the page says why an onset at %s has no mark', (time, state, text) => {
  const onset = { time, text: 'x', source: null }
  expect(pageWith({ series, onset_s: null }, { onset, headline: { state, text: 'x' } })).toContain(text)
})

test.each([
  ['seconds', 0.05, 4],
  ['a narrow range', 0.019, 0.3],
  ['many decades', 0.0001, 500],
])('a logarithmic axis has at least three marks that do not overlap: %s', (_name, low, high) => {
  const before = Array.from({ length: 20 }, (_, index) => [low * (high / low) ** (index / 19), (index + 1) / 20])
  const distribution = { name: 'ttft_s', title: 'x', limit: high, limit_share: 0.95, before, after: null } as const
  const html = pageWith({ series: [], distributions: [distribution] })
  // The plot of the rounds has its marks at the top.
  const marks = drawn(html, 'tick middle').filter((mark) => Number(attribute(mark, 'y')) > 100)
  expect(marks.length).toBeGreaterThanOrEqual(3)
  const ends = marks.map((mark) => [Number(attribute(mark, 'x')), (textOf(mark).length * 6) / 2] as const)
  for (const [index, [x, half]] of ends.entries()) {
    const next = ends[index + 1]
    if (next !== undefined) expect(x + half).toBeLessThan(next[0] - next[1])
    expect(x + half).toBeLessThan(400)
  }
  expect(html).toContain('seconds, log scale')
})
