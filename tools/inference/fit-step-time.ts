import type { Scenario } from '../../fixtures/scenario.ts'
import { fitCalibration } from '../simulation/fit-calibration.ts'
import type { ObservedTime } from './observed-time.ts'
import { simulatedTotals } from './residuals.ts'

/** Largest relative difference of the time between tokens that remains after a fit. */
const tolerance = 0.01
/** Fewer gaps between tokens than this have no reliable mean. */
const fewestGaps = 200
/** The time per request can only be told from the fixed time if the numbers of running requests differ by this factor. */
const smallestContrast = 1.5

/**
 * Fits the step time to the mean time between tokens of each interval: two times if the load changed enough between the
 * intervals, otherwise one.
 *
 * @returns the scenario with its `step_time`; unchanged if there are too few tokens.
 */
export function fitStepTime(scenario: Scenario, time: ObservedTime): Scenario {
  const intervals = time.intervals.filter(({ totals }) => totals.histograms.interToken.count >= fewestGaps)
  if (intervals.length === 0) return scenario
  const observed = intervals.map(
    ({ totals: { histograms } }) => histograms.interToken.sum / histograms.interToken.count,
  )
  // All gaps of an interval, end to end, last as long as it does times the number of running requests.
  const running = intervals.map(({ fromS, toS, totals }) => totals.histograms.interToken.sum / (toS - fromS))
  const input = {
    observed,
    tolerance,
    simulate: (step_time: NonNullable<Scenario['step_time']>) =>
      intervals.map((interval) => {
        const { count, sum } = simulatedTotals({ ...scenario, step_time }, interval).histograms.interToken
        return count > 0 ? sum / count : 0
      }),
  }
  const hasContrast = Math.max(...running) > smallestContrast * Math.min(...running)
  const step_time =
    (hasContrast ? fitCalibration({ ...input, fitsPerSequence: true }) : undefined) ??
    fitCalibration({ ...input, fitsPerSequence: false })
  return step_time === undefined ? scenario : { ...scenario, step_time }
}
