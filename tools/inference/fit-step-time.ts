import type { Scenario } from '../../fixtures/scenario.ts'
import { fitCalibration } from '../simulation/fit-calibration.ts'
import { betweenScrapes, type ObservedInterval, type ObservedTime } from './observed-time.ts'
import type { PageTotals } from './page-totals.ts'
import { simulatedTotals } from './residuals.ts'

/** Times that a step needs in addition to the modelled ones. */
type StepTime = NonNullable<Scenario['step_time']>

/** The result of {@link fitStepTime}. */
export interface FittedStepTime {
  /** The scenario with its `step_time`; unchanged if there are too few tokens. */
  readonly scenario: Scenario
  /**
   * Other step times that fit the pages as well, the extreme ones. Empty if the pages tell the fixed time and the time per
   * request apart.
   */
  readonly alternatives: readonly StepTime[]
}

/** Largest relative difference of the time between tokens that remains after a fit. */
const tolerance = 0.01
/** Fewer gaps between tokens than this have no reliable mean. */
const fewestGaps = 200
/** The time per request can only be told from the fixed time if the numbers of requests in a step differ by this factor. */
const smallestContrast = 1.5
/**
 * Shares of the additional time that can be due to the requests in a step, if the pages do not show it: the likely one first.
 * The recorded CPU server has 4.1 ms between tokens with 1 request in a step, and 7.2 to 10.2 ms with 8: a share of a third
 * to three quarters. Measured GPUs have shares from 0 to more than a half.
 */
const [likelyShare, ...extremeShares] = [0.5, 0, 1] as const

/**
 * Fits the step time to the mean time between tokens. If the intervals have steps of different sizes, the fixed time and
 * the time per request are both fitted. Otherwise only their sum is known, and the split is a guess between its extremes.
 */
export function fitStepTime(scenario: Scenario, time: ObservedTime): FittedStepTime {
  const unknown = { scenario, alternatives: [] }
  const known = (all: readonly ObservedInterval[]) =>
    all.filter(({ totals }) => totals.histograms.interToken.count >= fewestGaps)
  const [intervals, between] = [known(time.intervals), known(betweenScrapes(time))]
  if (hasContrast(intervals)) {
    const step_time = fitTimes(scenario, intervals, { fitsPerSequence: true })
    if (step_time !== undefined) return { scenario: { ...scenario, step_time }, alternatives: [] }
  }
  const fitted = between.length > 0 ? between : intervals
  if (fitted.length === 0) return unknown
  const unsplit = fitTimes(scenario, fitted, { fitsPerSequence: false })
  if (unsplit === undefined) return unknown
  const requests = requestsPerStep(fitted)
  // Less time than the model, or steps of unknown size, cannot be split.
  if (unsplit.fixed_ms <= 0 || requests === undefined) {
    return { scenario: { ...scenario, step_time: unsplit }, alternatives: [] }
  }
  const split = (share: number): StepTime => {
    const perRequest = (share * unsplit.fixed_ms) / requests
    const start = {
      fixed_ms: unsplit.fixed_ms * (1 - share),
      per_sequence_ms: Math.round(perRequest * 1000) / 1000,
    }
    return share === 0 ? unsplit : (fitTimes(scenario, fitted, { fitsPerSequence: false, start }) ?? start)
  }
  return { scenario: { ...scenario, step_time: split(likelyShare) }, alternatives: extremeShares.map(split) }
}

/** Mean number of requests that generate a token in a step. An idle engine makes no steps. */
export function requestsPerStep(intervals: readonly ObservedInterval[]): number | undefined {
  const sum = (key: 'generatedTokens' | 'steps') => intervals.reduce((total, { totals }) => total + totals[key], 0)
  const steps = sum('steps')
  return steps > 0 ? sum('generatedTokens') / steps : undefined
}

/** Whether the intervals have steps of so different sizes that the time per request follows from them. */
function hasContrast(intervals: readonly ObservedInterval[]): boolean {
  const requests = intervals.map((interval) => requestsPerStep([interval]))
  const known = requests.filter((count) => count !== undefined)
  return known.length === requests.length && Math.max(...known) > smallestContrast * Math.min(...known)
}

/** Fits one or both times to the mean time between tokens of each interval. */
function fitTimes(
  scenario: Scenario,
  intervals: readonly ObservedInterval[],
  options: { readonly fitsPerSequence: boolean; readonly start?: StepTime },
): StepTime | undefined {
  const meanGap = ({ histograms: { interToken } }: PageTotals) =>
    interToken.count > 0 ? interToken.sum / interToken.count : 0
  return fitCalibration({
    ...options,
    observed: intervals.map(({ totals }) => meanGap(totals)),
    tolerance,
    simulate: (step_time) =>
      intervals.map((interval) => meanGap(simulatedTotals({ ...scenario, step_time }, interval))),
  })
}
