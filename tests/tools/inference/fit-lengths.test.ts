import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitLengths, meanLength } from '../../../tools/inference/fit-lengths.ts'
import { Distribution } from '../../../tools/simulation/distribution.ts'
import { generateRequests } from '../../../tools/simulation/requests.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const limits = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, Number.POSITIVE_INFINITY]

const histogramOf = (values: Iterable<number>) => {
  const distribution = new Distribution()
  for (const value of values) distribution.add(value)
  const cumulative = distribution.cumulative(limits)
  return {
    count: distribution.count,
    sum: distribution.sum,
    buckets: limits.map((upper, index) => ({ upper, cumulative: cumulative[index] ?? 0 })),
  }
}

test('a log-normal distribution is found from its buckets, and its mean is exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 50, max: 2000 }), fc.double({ min: 0.3, max: 0.9, noNaN: true }), (median, sigma) => {
      const load = { ...exampleScenario({ rate: 5 }).load, prompt_tokens: { median, sigma, min: 1, max: 100_000 } }
      const { promptTokens } = generateRequests(load, 300)
      const histogram = histogramOf(promptTokens)
      const fitted = fitLengths(histogram, 100_000)
      expect(Math.abs(fitted.sigma - sigma)).toBeLessThan(0.12)
      expect(meanLength(fitted) / (histogram.sum / histogram.count)).toBeCloseTo(1, 1)
      expect(fitted.min).toBeLessThanOrEqual(promptTokens.reduce((a, b) => Math.min(a, b)))
      expect(fitted.max).toBeGreaterThanOrEqual(promptTokens.reduce((a, b) => Math.max(a, b)))
    }),
    { numRuns: 30 },
  )
})

test('requests of one length get a narrow distribution', () => {
  const fitted = fitLengths(histogramOf(Array.from({ length: 100 }, () => 300)), 8192)
  expect(fitted.sigma).toBeLessThan(0.25)
  expect(fitted).toMatchObject({ min: 201, max: 500 })
})

test('no length is longer than the longest request', () => {
  expect(fitLengths(histogramOf([20_000, 30_000]), 32_768).max).toBe(32_768)
})

test.each([0.5, 2, 3])('arrivals have the coefficient of variation %d and the rate of the load', (interarrival_cv) => {
  const load = { ...exampleScenario({ rate: 5 }).load, interarrival_cv }
  const { arrival, count } = generateRequests(load, 4000)
  expect(count / 4000 / 5).toBeCloseTo(1, 1)
  const gaps = Array.from(arrival.slice(1), (at, index) => at - (arrival[index] ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  expect(Math.abs(Math.sqrt(variance) / mean / interarrival_cv - 1)).toBeLessThan(0.1)
})
