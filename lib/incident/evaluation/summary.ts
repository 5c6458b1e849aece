import { seededRandom } from '../../../tools/simulation/requests.ts'
import {
  type EvaluationDocument,
  type EvaluationFigures,
  type EvaluationSettings,
  evaluationVersion,
  type Interval,
  type RunRecord,
} from './evaluation-schema.ts'

/**
 * Computes the figures of an evaluation from the records of its runs.
 *
 * @param records the latest record of each run, in any order.
 */
export function summarize(settings: EvaluationSettings, records: readonly RunRecord[]): EvaluationDocument {
  const order = new Map(settings.scenarios.map((scenario, index) => [scenario, index]))
  const position = ({ scenario }: RunRecord) => order.get(scenario) ?? order.size
  const runs = [...records].sort((a, b) => position(a) - position(b) || a.run - b.run)
  return {
    evaluation_version: evaluationVersion,
    settings,
    complete: runs.filter(({ score }) => score !== null).length === settings.scenarios.length * settings.runs,
    total: figuresOf(runs, settings.seed),
    scenarios: settings.scenarios.map((scenario) => ({
      scenario,
      figures: figuresOf(
        runs.filter((run) => run.scenario === scenario),
        settings.seed,
      ),
    })),
    runs,
  }
}

/**
 * Figures of a group of runs. Means are over the runs with a score; runs that the provider failed are only counted.
 *
 * @param seed of the confidence interval of the score.
 */
function figuresOf(records: readonly RunRecord[], seed: number): EvaluationFigures {
  const scored = records.flatMap(({ scenario, score, result }) => (score === null ? [] : [{ scenario, score, result }]))
  const mean = (value: (run: (typeof scored)[number]) => number | boolean) => meanOf(scored.map((run) => +value(run)))
  const costs = scored.flatMap(({ result }) => result.cost ?? [])
  const passed = scored.filter(({ score }) => score.passed).length
  const scenarios = [...new Set(scored.map(({ scenario }) => scenario))]
  const totals = scenarios.map((scenario) =>
    scored.filter((run) => run.scenario === scenario).map(({ score }) => score.total),
  )
  return {
    runs: scored.length,
    passed,
    pass_rate: wilson(passed, scored.length),
    // With one scenario its runs are all there is to draw from.
    score: bootstrapMean(totals.length === 1 ? totals.flat().map((total) => [total]) : totals, seed),
    answered: mean(({ result }) => result.stop_reason === 'answered'),
    root_cause: mean(({ score }) => score.root_cause),
    fix: mean(({ score }) => score.fix),
    validated: mean(({ score }) => score.validated),
    evidence: mean(({ score }) => score.evidence),
    verdict: mean(({ score }) => score.verdict),
    unneeded_changes: scored.filter(({ score }) => score.unneeded_change).length,
    violations: scored.reduce((sum, { result }) => sum + result.violations, 0),
    rounds: mean(({ result }) => result.rounds),
    input_tokens: mean(({ result }) => result.usage.input_tokens),
    output_tokens: mean(({ result }) => result.usage.output_tokens),
    duration_ms: mean(({ result }) => result.duration_ms),
    cost: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
    provider_errors: records.length - scored.length,
  }
}

/** Quantile of the normal distribution for 95 %. */
const z = 1.959964

/**
 * Mean of numbers.
 *
 * @returns `null` without any, because 0 would be a result.
 */
function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}

/**
 * A share with the Wilson score interval, which is right for few runs and for shares near 0 and 1, too. The usual interval,
 * share ± 1.96 standard errors, would have no width for 21 of 21. One run has no interval.
 *
 * Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
 */
export function wilson(passed: number, runs: number): Interval {
  if (runs === 0) return { value: null, low: null, high: null }
  const share = passed / runs
  if (runs === 1) return { value: share, low: null, high: null }
  const scale = 1 + z ** 2 / runs
  const centre = (share + z ** 2 / (2 * runs)) / scale
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / runs + z ** 2 / (4 * runs ** 2))
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/** More of them change the ends of an interval by less than a percentage point. */
const resamples = 2_000

/**
 * The mean of all values, with the percentile interval of a bootstrap that draws whole groups: the runs of one scenario
 * resemble each other, so they are not independent.
 *
 * @param groups values by scenario. Empty groups do not count.
 * @param seed the same seed gives the same interval.
 */
export function bootstrapMean(groups: readonly (readonly number[])[], seed: number): Interval {
  const drawn = groups.filter((group) => group.length > 0).map((group) => ({ sum: sumOf(group), count: group.length }))
  const value = meanOf(groups.flat())
  // One group would be drawn every time, and its interval would have no width.
  if (value === null || drawn.length < 2) return { value, low: null, high: null }
  const next = seededRandom(seed)
  const means = Array.from({ length: resamples }, () => {
    let sum = 0
    let count = 0
    for (let draw = 0; draw < drawn.length; draw++) {
      const group = drawn[Math.floor(next() * drawn.length)]
      sum += group?.sum ?? 0
      count += group?.count ?? 0
    }
    return sum / count
  }).sort((a, b) => a - b)
  const at = (share: number) => means[Math.round(share * (resamples - 1))] ?? value
  return { value, low: at(0.025), high: at(0.975) }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
