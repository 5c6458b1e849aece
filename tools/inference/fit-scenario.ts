import type { Load, Scenario, TokenCounts } from '../../fixtures/scenario.ts'
import type { Histogram } from '../prometheus/metric-samples.ts'
import { simulate } from '../simulation/simulate.ts'
import { seedsThatAgree } from './agreeing-draws.ts'
import { type FittedStepTime, fitStepTime, requestsPerStep } from './fit-step-time.ts'
import { betweenScrapes, type ObservedInterval, type ObservedTime } from './observed-time.ts'
import { countedError, type Residual, residualsOf, simulatedTotals } from './residuals.ts'

/** A scenario with one draw of the load, and how well it reproduces the pages. */
export interface FittedDraw {
  /** The scenario. */
  readonly scenario: Scenario
  /** Its figures next to those of the pages. */
  readonly residuals: readonly Residual[]
  /** Another step time that fits the pages as well; absent: that of the scenario is meant. */
  readonly otherStepTime?: NonNullable<Scenario['step_time']>
  /** Requests that run or wait at the last page. */
  readonly inEngine: number
}

/** The result of {@link fitScenario}. */
export interface FittedDraws {
  /** Draws that agree with the pages: the best steady ones first, then bursty ones. */
  readonly draws: readonly FittedDraw[]
  /** Fewest and most requests that run or wait at the last page, of all draws that were simulated. */
  readonly inEngine: readonly [fewest: number, most: number]
  /** Mean requests in a step, if the pages do not show how the time of a step grows with them. */
  readonly requestsPerStep?: number
}

/** Each round simulates the observed time once. */
const rounds = 4
/** A relative difference of a mean length that is not corrected: other draws have it too. */
const lengthNoise = 0.015
/** The step time is fitted if no draw has a time between tokens that is closer to the pages than this. */
const stepTimeNoise = 0.05
/** Draws of each of the two arrival models that are simulated, to find those that agree with the pages. */
const simulatedPerModel = 8
/** Draws of each model that are kept. */
const drawsPerModel = 4
/** Coefficient of variation of the time between arrivals in bursts. Pages do not show it: 2 to 3 are common. */
const burstyCv = 2.5
/** First seed of the bursty draws: the seeds of a scenario must differ. */
const firstBurstySeed = 1001

/**
 * Fits lengths, step time and draws of the load to pages.
 *
 * @param start the scenario with the load as the pages show it.
 * @param observed the time that the figures are compared for.
 */
export function fitScenario(start: Scenario, time: ObservedTime, observed: ObservedInterval): FittedDraws {
  const closest = (scenario: Scenario, load: Load) =>
    seedsThatAgree(load, time, simulatedPerModel)
      .map((seed): FittedDraw => {
        const drawn = { ...scenario, load: { ...load, seed } }
        const residuals = residualsOf(observed, simulatedTotals(drawn, observed))
        const { end } = simulate({ ...drawn, window: { ...drawn.window, duration_s: observed.toS } })
        return { scenario: drawn, residuals, inEngine: end.running + end.waiting }
      })
      .sort((a, b) => distanceOf(a) - distanceOf(b))
  const steadyOf = (scenario: Scenario) => closest(scenario, { ...scenario.load, seed: 1 })
  const modelled = withLengths(start, time)
  let steady = steadyOf(modelled)
  let alternatives: FittedStepTime['alternatives'] = []
  if (steady.every(({ residuals }) => interTokenError(residuals) > stepTimeNoise)) {
    const fitted = fitStepTime(steady[0]?.scenario ?? modelled, time)
    alternatives = fitted.alternatives
    steady = steadyOf(withLengths(fitted.scenario, time))
  }
  const base = steady[0]?.scenario ?? modelled
  const bursty = closest(base, { ...base.load, seed: firstBurstySeed, interarrival_cv: burstyCv })
  const counts = [...steady, ...bursty].map(({ inEngine }) => inEngine)
  // The first draw keeps the likely step time, and so do the draws that are left over.
  const kept = (draws: readonly FittedDraw[]) =>
    draws.slice(0, drawsPerModel).map((draw, index): FittedDraw => {
      const otherStepTime = alternatives[index - 1]
      return otherStepTime === undefined ? draw : { ...draw, otherStepTime }
    })
  const requests = alternatives.length === 0 ? undefined : requestsPerStep(betweenScrapes(time))
  return {
    draws: [...kept(steady), ...kept(bursty)],
    inEngine: [Math.min(...counts), Math.max(...counts)],
    ...(requests === undefined ? {} : { requestsPerStep: requests }),
  }
}

/**
 * Corrects the lengths until the simulation has those of the pages. Long answers that are not finished are
 * missing on the pages, so the mean of the finished ones is too short; the simulation has the same bias.
 */
function withLengths(start: Scenario, time: ObservedTime): Scenario {
  let scenario = start
  const intervals = time.withLengths
  for (let round = 0; round < rounds; round++) {
    const simulated = intervals.map((interval) => simulatedTotals(scenario, interval))
    const corrected = (counts: TokenCounts, name: 'promptTokens' | 'generationTokens'): TokenCounts => {
      const page = meanOver(intervals.map(({ totals }) => totals.histograms[name]))
      const ratio = page / meanOver(simulated.map(({ histograms }) => histograms[name]))
      const isRight = !Number.isFinite(ratio) || Math.abs(ratio - 1) < lengthNoise
      return isRight ? counts : { ...counts, median: Math.max(1, Math.round(counts.median * ratio)) }
    }
    const { load } = scenario
    const prompt_tokens = corrected(load.prompt_tokens, 'promptTokens')
    const output_tokens = corrected(load.output_tokens, 'generationTokens')
    if (prompt_tokens === load.prompt_tokens && output_tokens === load.output_tokens) return scenario
    scenario = { ...scenario, load: { ...load, prompt_tokens, output_tokens } }
  }
  return scenario
}

/** Sum of the squared logarithmic errors. */
function distanceOf({ residuals }: FittedDraw): number {
  return residuals.reduce((sum, residual) => sum + Math.log(Math.max(0.01, 1 + countedError(residual))) ** 2, 0)
}

function interTokenError(residuals: readonly Residual[]): number {
  const found = residuals.find(({ figure }) => figure === 'inter_token_mean_s')
  return found === undefined ? 0 : Math.abs(countedError(found))
}

function meanOver(histograms: readonly Histogram[]): number {
  const sum = (key: 'sum' | 'count') => histograms.reduce((total, histogram) => total + histogram[key], 0)
  return sum('sum') / sum('count')
}
