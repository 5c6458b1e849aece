import type { TokenCounts } from '../../fixtures/scenario.ts'
import type { Histogram } from '../prometheus/metric-samples.ts'

/** Widths of the log-normal distribution that are tried. Real traffic is between; the last one is very wide. */
const sigmas = Array.from({ length: 60 }, (_, index) => 0.03 * (index + 1))

/**
 * Fits a log-normal distribution to the lengths of requests on a page.
 *
 * The mean of the page is exact, so only the width is unknown: the one with the largest likelihood of the buckets' counts.
 * The limits are those of the lowest and the highest bucket with a request.
 *
 * @param histogram lengths in tokens; at least one request.
 * @param longest no length is above it.
 */
export function fitLengths(histogram: Histogram, longest: number): TokenCounts {
  const mean = histogram.sum / histogram.count
  const buckets = histogram.buckets.map(({ upper, cumulative }, index) => ({
    lower: histogram.buckets[index - 1]?.upper ?? 0,
    upper,
    count: cumulative - (histogram.buckets[index - 1]?.cumulative ?? 0),
  }))
  const filled = buckets.filter(({ count }) => count > 0)
  const likelihood = (sigma: number) => {
    const location = Math.log(mean) - (sigma * sigma) / 2
    return filled.reduce((sum, { lower, upper, count }) => {
      const share = cumulativeShare(upper, location, sigma) - cumulativeShare(lower, location, sigma)
      return sum + count * Math.log(Math.max(share, 1e-9))
    }, 0)
  }
  const sigma = sigmas.reduce((best, candidate) => (likelihood(candidate) > likelihood(best) ? candidate : best))
  const highest = filled.at(-1)?.upper ?? mean
  const max = Math.max(1, Math.round(Math.min(longest, Number.isFinite(highest) ? highest : longest)))
  return {
    median: Math.max(1, Math.round(mean / Math.exp((sigma * sigma) / 2))),
    sigma: Math.round(sigma * 100) / 100,
    min: Math.min(max, Math.floor(filled[0]?.lower ?? 0) + 1),
    max,
  }
}

/** The mean of a log-normal distribution without its limits. */
export function meanLength({ median, sigma }: TokenCounts): number {
  return median * Math.exp((sigma * sigma) / 2)
}

/** Share of a log-normal distribution up to a value. */
function cumulativeShare(value: number, location: number, sigma: number): number {
  if (value <= 0) return 0
  return value === Number.POSITIVE_INFINITY
    ? 1
    : 0.5 * (1 + errorFunction((Math.log(value) - location) / (sigma * Math.SQRT2)))
}

/** The error function by formula 7.1.26 of Abramowitz and Stegun; the error is below 1.5e-7. */
function errorFunction(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}
