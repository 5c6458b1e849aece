import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  histogramOf,
  meanOf,
  partQuantileOf,
  quantileOf,
  quantileRange,
  scrapeDelta,
} from '../../../tools/prometheus/metric-samples.ts'
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

test('a quantile is within what the sum of the observations allows', () => {
  // 100 observations up to 0.3 s that take 2.7 s together: half of them are below 0.054 s.
  const prefill = histogramWith('h_bucket{le="0.3"} 100', 'h_bucket{le="+Inf"} 100', 'h_sum 2.7', 'h_count 100')
  expect(quantileOf(prefill, 0.5)).toBeCloseTo(2.7 / 51)
  const late = histogramWith(
    'h_bucket{le="160"} 1',
    'h_bucket{le="640"} 10',
    'h_bucket{le="+Inf"} 10',
    'h_sum 5500',
    'h_count 10',
  )
  expect(quantileRange(late, 0.5)?.lower).toBeGreaterThan(400)
})

test('the range of a quantile contains the quantile of the observations, and the estimate is in it', () => {
  const limits = [1, 2, 5, 10]
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 12, noNaN: true }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(0.5, 0.95, 0.99),
      (observed, share) => {
        const sorted = [...observed].sort((a, b) => a - b)
        const sum = sorted.reduce((all, one) => all + one, 0)
        const histogram = histogramWith(
          ...limits.map((limit) => `h_bucket{le="${limit}"} ${sorted.filter((one) => one <= limit).length}`),
          `h_bucket{le="+Inf"} ${sorted.length}`,
          `h_sum ${sum}`,
          `h_count ${sorted.length}`,
        )
        const range = quantileRange(histogram, share)
        const truth = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
        const [lower = 0, upper = 0] = [range?.lower, range?.upper]
        expect(truth).toBeGreaterThanOrEqual(lower - 1e-6)
        expect(truth).toBeLessThanOrEqual(upper + 1e-6)
        const value = quantileOf(histogram, share)
        if (typeof value === 'number') expect([value >= lower, value <= upper]).toEqual([true, true])
      },
    ),
  )
})

test('the time to the first token is at most that of whole requests, if both have the same requests', () => {
  const part = histogramWith(
    'h_bucket{le="160"} 144',
    'h_bucket{le="640"} 520',
    'h_bucket{le="+Inf"} 520',
    'h_count 520',
  )
  const whole = histogramWith(
    'h_bucket{le="120"} 107',
    'h_bucket{le="240"} 520',
    'h_bucket{le="+Inf"} 520',
    'h_count 520',
  )
  expect(quantileOf(part, 0.95)).toBeGreaterThan(600)
  expect(partQuantileOf(part, whole, 0.95)).toBe(quantileOf(whole, 0.95))
  expect(
    partQuantileOf(part, histogramWith('h_bucket{le="240"} 519', 'h_bucket{le="+Inf"} 519', 'h_count 519'), 0.95),
  ).toBe(quantileOf(part, 0.95))
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
