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
  expect(histogramOf(parseMetricsPage('h_bucket{le="1"} 5\n').samples, 'h')).toBeUndefined()
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
