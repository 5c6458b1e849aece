import { expect, test } from 'vitest'
import { histogramOf, meanOf, quantileOf } from '../../../tools/prometheus/histogram.ts'
import { pythonFloat } from '../../../tools/prometheus/page-writer.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { scrapeDelta } from '../../../tools/prometheus/scrape-delta.ts'

const page = (a: number, b: number, all: number, sum: number) =>
  parseMetricsPage(
    `h_bucket{le="1"} ${a}\nh_bucket{le="2"} ${b}\nh_bucket{le="+Inf"} ${all}\nh_sum ${sum}\nh_count ${all}\n`,
  ).samples

test('quantiles are linear within a bucket, and honest beyond the last bound', () => {
  const histogram = histogramOf(page(4, 8, 10, 15), 'h')
  expect(quantileOf(histogram, 0.2)).toBeCloseTo(0.5)
  expect(quantileOf(histogram, 0.6)).toBeCloseTo(1.5)
  expect(quantileOf(histogram, 0.99)).toBe('> 2')
  expect(meanOf(histogram)).toBe(1.5)
})

test('an empty or cut histogram has no quantile', () => {
  expect(quantileOf(histogramOf(page(0, 0, 0, 0), 'h'), 0.5)).toBeNull()
  expect(meanOf(histogramOf(page(0, 0, 0, 0), 'h'))).toBeNull()
  expect(histogramOf([], 'h')).toBeUndefined()
})

const histogramWith = (...lines: string[]) => histogramOf(parseMetricsPage(`${lines.join('\n')}\n`).samples, 'h')

test('without a bucket +Inf there is no quantile, but a mean by sum and count', () => {
  const cut = histogramWith('h_bucket{le="1"} 5', 'h_sum 12', 'h_count 6')
  expect([quantileOf(cut, 0.5), meanOf(cut)]).toEqual([null, 2])
  expect(meanOf(histogramWith('h_sum 12'))).toBeNull()
  expect(meanOf(histogramWith('h_sum NaN', 'h_count 6'))).toBeNull()
})

// The edges of Prometheus' histogram_quantile.
test.each([
  ['one bucket only', ['h_bucket{le="+Inf"} 5'], 0.5, null],
  ['in the first bucket, from 0', ['h_bucket{le="4"} 5', 'h_bucket{le="+Inf"} 5'], 0.5, 2],
  ['in a first bucket that is not positive', ['h_bucket{le="-1"} 5', 'h_bucket{le="+Inf"} 5'], 0.5, -1],
  ['between negative bounds', ['h_bucket{le="-3"} 0', 'h_bucket{le="-1"} 4', 'h_bucket{le="+Inf"} 4'], 0.5, -2],
  ['exactly on a bound', ['h_bucket{le="1"} 5', 'h_bucket{le="2"} 10', 'h_bucket{le="+Inf"} 10'], 0.5, 1],
  [
    'across an empty bucket',
    ['h_bucket{le="1"} 4', 'h_bucket{le="2"} 4', 'h_bucket{le="3"} 8', 'h_bucket{le="+Inf"} 8'],
    0.75,
    2.5,
  ],
  ['a bound written twice', ['h_bucket{le="1"} 2', 'h_bucket{le="1.0"} 2', 'h_bucket{le="+Inf"} 4'], 0.5, 0.5],
  ['counts that fall', ['h_bucket{le="1"} 6', 'h_bucket{le="2"} 5', 'h_bucket{le="+Inf"} 6'], 0.5, 0.5],
  ['a count that is NaN', ['h_bucket{le="1"} NaN', 'h_bucket{le="+Inf"} 6'], 0.5, null],
  ['a bound that is NaN', ['h_bucket{le="NaN"} 9', 'h_bucket{le="2"} 4', 'h_bucket{le="+Inf"} 4'], 0.5, 1],
] as const)('quantile %s', (_, lines, share, expected) => {
  expect(quantileOf(histogramWith(...lines), share)).toBe(expected)
})

test('a process that began later restarted, even where its counters passed the earlier ones', () => {
  const scrape = (began: number, tokens: number) =>
    parseMetricsPage(`process_start_time_seconds ${began}\ntokens_total ${tokens}\n`).samples
  expect(scrapeDelta(scrape(100, 10), scrape(200, 50))[1]?.value).toBe(50)
  expect(scrapeDelta(scrape(100, 10), scrape(100, 50))[1]?.value).toBe(40)
})

test('between two scrapes only the difference counts; after a restart, what came since', () => {
  const difference = histogramOf(scrapeDelta(page(4, 8, 10, 15), page(4, 10, 14, 25)), 'h')
  expect(difference).toMatchObject({ count: 4, sum: 10 })
  expect(histogramOf(scrapeDelta(page(4, 8, 10, 15), page(1, 2, 3, 4)), 'h')).toMatchObject({ count: 3, sum: 4 })
})

test.each([
  [520, '520.0'],
  [0.25, '0.25'],
  [331_882, '331882.0'],
  [1_178_134, '1.178134e+06'],
  [1_000_000, '1e+06'],
  [1_771_336_800, '1.7713368e+09'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
])('%d is written %s, as the Python client does', (value, text) => {
  expect(pythonFloat(value)).toBe(text)
})
