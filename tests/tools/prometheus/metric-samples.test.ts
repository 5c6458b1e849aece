import { expect, test } from 'vitest'
import { histogramOf, meanOf, quantileOf, scrapeDelta } from '../../../tools/prometheus/metric-samples.ts'
import { pythonFloat } from '../../../tools/prometheus/page-writer.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'

const page = (a: number, b: number, all: number, sum: number) =>
  parseMetricsPage(
    `h_bucket{le="1"} ${a}\nh_bucket{le="2"} ${b}\nh_bucket{le="+Inf"} ${all}\nh_sum ${sum}\nh_count ${all}\n`,
  ).samples

test('quantiles are linear within a bucket, and only a lower limit after the last finite one', () => {
  const histogram = histogramOf(page(4, 8, 10, 15), 'h')
  expect(quantileOf(histogram, 0.2)).toBeCloseTo(0.5)
  expect(quantileOf(histogram, 0.6)).toBeCloseTo(1.5)
  expect(quantileOf(histogram, 0.99)).toBe('> 2')
  expect(meanOf(histogram)).toBe(1.5)
})

test('an empty or missing histogram has no quantile', () => {
  expect(quantileOf(histogramOf(page(0, 0, 0, 0), 'h'), 0.5)).toBeNull()
  expect(meanOf(histogramOf(page(0, 0, 0, 0), 'h'))).toBeNull()
  expect(histogramOf([], 'h')).toBeUndefined()
})

const histogramWith = (...lines: string[]) => histogramOf(parseMetricsPage(`${lines.join('\n')}\n`).samples, 'h')

test('a histogram without the bucket +Inf has a mean but no quantile', () => {
  const cut = histogramWith('h_bucket{le="1"} 5', 'h_sum 12', 'h_count 6')
  expect([quantileOf(cut, 0.5), meanOf(cut)]).toEqual([null, 2])
  expect(meanOf(histogramWith('h_sum 12'))).toBeNull()
  expect(meanOf(histogramWith('h_sum NaN', 'h_count 6'))).toBeNull()
})

// Edge cases of Prometheus' histogram_quantile.
test.each([
  ['one bucket only', ['h_bucket{le="+Inf"} 5'], 0.5, null],
  ['in the first bucket, from 0', ['h_bucket{le="4"} 5', 'h_bucket{le="+Inf"} 5'], 0.5, 2],
  ['in a first bucket that is not positive', ['h_bucket{le="-1"} 5', 'h_bucket{le="+Inf"} 5'], 0.5, -1],
  ['between negative limits', ['h_bucket{le="-3"} 0', 'h_bucket{le="-1"} 4', 'h_bucket{le="+Inf"} 4'], 0.5, -2],
  ['exactly on a limit', ['h_bucket{le="1"} 5', 'h_bucket{le="2"} 10', 'h_bucket{le="+Inf"} 10'], 0.5, 1],
  [
    'across an empty bucket',
    ['h_bucket{le="1"} 4', 'h_bucket{le="2"} 4', 'h_bucket{le="3"} 8', 'h_bucket{le="+Inf"} 8'],
    0.75,
    2.5,
  ],
  ['with a limit written twice', ['h_bucket{le="1"} 2', 'h_bucket{le="1.0"} 2', 'h_bucket{le="+Inf"} 4'], 0.5, 0.5],
  ['with counts that decrease', ['h_bucket{le="1"} 6', 'h_bucket{le="2"} 5', 'h_bucket{le="+Inf"} 6'], 0.5, 0.5],
  ['with a count of NaN', ['h_bucket{le="1"} NaN', 'h_bucket{le="+Inf"} 6'], 0.5, null],
  ['with a limit of NaN', ['h_bucket{le="NaN"} 9', 'h_bucket{le="2"} 4', 'h_bucket{le="+Inf"} 4'], 0.5, 1],
] as const)('quantile %s', (_, lines, share, expected) => {
  expect(quantileOf(histogramWith(...lines), share)).toBe(expected)
})

test('a process with a later start time restarted, even if its counters are higher', () => {
  const scrape = (startTime: number, tokens: number) =>
    parseMetricsPage(`process_start_time_seconds ${startTime}\ntokens_total ${tokens}\n`).samples
  expect(scrapeDelta(scrape(100, 10), scrape(200, 50))[1]?.value).toBe(50)
  expect(scrapeDelta(scrape(100, 10), scrape(100, 50))[1]?.value).toBe(40)
})

test('the change of a counter that was not a number before is not known', () => {
  const scrape = (tokens: string) => parseMetricsPage(`vllm:generation_tokens_total{engine="0"} ${tokens}\n`).samples
  expect(scrapeDelta(scrape('NaN'), scrape('900'))).toEqual([])
  expect(scrapeDelta(scrape('400'), scrape('900'))).toMatchObject([{ value: 500 }])
})

test('two scrapes give their difference, or the later scrape after a restart', () => {
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
])('%d is written as %s, as by the Python client', (value, text) => {
  expect(pythonFloat(value)).toBe(text)
})
