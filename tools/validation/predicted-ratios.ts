import type { Scenario } from '../../fixtures/scenario.ts'
import type { PairedSeeds, PredictedEffect, PredictedRatio } from '../types.ts'
import { roundFigure } from './deltas.ts'
import { figureLabel } from './figure-labels.ts'
import { medianOf } from './pairs.ts'

/**
 * Figures of {@link PairedSeeds} that a ratio says something about. What is added to both
 * values of a ratio is so small that nobody notices it: a step of the engine in seconds, or one stream in a hundred.
 */
const figures = [
  { figure: 'ttft_p95_s', added: 0.005 },
  { figure: 'e2e_p95_s', added: 0.005 },
  { figure: 'inter_token_mean_s', added: 0 },
  { figure: 'served', added: 0 },
  { figure: 'stalled_share', added: 0.01 },
  { figure: 'stall_excess', added: 0.01 },
] as const

/** The predicted effect of a change on an inferred scenario; `undefined` for a scenario whose load is known. */
export function predictedEffect({ inference }: Scenario, pairs: PairedSeeds): PredictedEffect | undefined {
  if (inference === undefined) return undefined
  const { residual, residuals } = inference
  return { ratios: predictedRatios(inference, pairs), residual, residuals: [...residuals] }
}

/** The ratios in words: `time to first token p95 ×0.04 (×0.02 to ×0.09)`. */
export function ratiosText(ratios: readonly PredictedRatio[]): string {
  return ratios
    .map((row) => {
      const [ratio, band] = ratioTexts(row)
      return `${figureLabel(row.figure).label} ${ratio} (${band})`
    })
    .join('; ')
}

/** A ratio and its band, as all texts show them. */
export function ratioTexts({ ratio, band: { low, high } }: PredictedRatio): readonly [ratio: string, band: string] {
  return [`×${roundFigure(ratio)}`, `×${roundFigure(low)} to ×${roundFigure(high)}`]
}

/** Why bands are wide if the pages do not show how the time of a step grows with its requests, and what helps. */
export function unknownGrowthText(requestsPerStep: number): string {
  return (
    `All pages have about ${roundFigure(requestsPerStep)} requests in a step of the engine, so they do not show how its time ` +
    'grows with requests. The bands contain no growth and the largest one. Pages at another load make them narrower.'
  )
}

/** The ratios over the draws. A figure without a value before the change has none. */
function predictedRatios(
  { draws, residual }: NonNullable<Scenario['inference']>,
  { before, after }: PairedSeeds,
): PredictedRatio[] {
  return figures.flatMap(({ figure, added }): PredictedRatio[] => {
    const ratios = before[figure].map((from, draw) => {
      const to = after[figure][draw] ?? null
      return from === null || to === null || from + added === 0 ? null : (to + added) / (from + added)
    })
    // A ratio of zeros says nothing.
    if ([...before[figure], ...after[figure]].every((value) => value === null || value === 0)) return []
    const known = ratios.filter((ratio) => ratio !== null)
    const steady = ratios.filter((_, draw) => draws[draw]?.interarrival_cv === 1)
    const ratio = medianOf(steady) ?? medianOf(ratios)
    if (ratio === null) return []
    return [
      {
        figure,
        ratio: round(ratio),
        band: {
          low: round(Math.max(0, Math.min(...known) * (1 - residual))),
          high: round(Math.max(...known) * (1 + residual)),
        },
      },
    ]
  })
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
