import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { ConfigError } from '../errors.ts'
import { pairedSeeds } from '../simulation/paired-seeds.ts'
import { simulate } from '../simulation/simulate.ts'
import type { PairedSeeds, PredictedEffect, PredictedRatio } from '../types.ts'
import { roundFigure } from '../validation/deltas.ts'
import { medianOf } from '../validation/pairs.ts'
import type { Inference } from './infer-scenario.ts'

/** The effect of a changed configuration, or why nothing is predicted. */
export type Prediction =
  | {
      readonly kind: 'predicted'
      /** One ratio with its band for each figure. */
      readonly ratios: readonly PredictedRatio[]
    }
  | {
      readonly kind: 'refused'
      /** Why nothing is predicted, one sentence or two each. */
      readonly reasons: readonly string[]
    }

/**
 * Predicts the effect of a changed configuration on the load of an inferred scenario.
 *
 * The result has ratios and no times: what the model of an engine lacks acts before and after a change, and mostly cancels
 * out. The same requests are served with both configurations.
 *
 * @param inference of {@link inferScenario}. A refused one gives its reasons.
 * @param config the changed configuration of the same deployment.
 */
export function predict(inference: Inference, config: DeploymentConfig): Prediction {
  const change = predictChange(inference, config)
  return change.kind === 'refused' ? change : { kind: 'predicted', ratios: change.effect.ratios }
}

/** A {@link Prediction} with how well the simulation reproduces the pages. */
export function predictChange(
  inference: Inference,
  config: DeploymentConfig,
): Extract<Prediction, { kind: 'refused' }> | { readonly kind: 'predicted'; readonly effect: PredictedEffect } {
  if (inference.kind === 'refused') return { kind: 'refused', reasons: inference.reasons }
  const { scenario } = inference
  try {
    const { engine } = simulate(scenario, config)
    if (!engine.started) return refused(`The changed configuration does not start: ${engine.reason ?? 'no reason'}`)
    const effect = predictedEffect(scenario, pairedSeeds(scenario, config))
    return effect === undefined || effect.ratios.length === 0
      ? refused('No draw has a figure with both configurations.')
      : { kind: 'predicted', effect }
  } catch (error) {
    if (error instanceof ConfigError) return refused(error.message)
    throw error
  }
}

/**
 * Figures of {@link PairedSeeds} that a ratio says something about, with their names for people. What is added to both
 * values of a ratio is so small that nobody notices it: a step of the engine in seconds, or one stream in a hundred.
 */
const figures = [
  { figure: 'ttft_p95_s', label: 'time to first token p95', added: 0.005 },
  { figure: 'e2e_p95_s', label: 'end-to-end latency p95', added: 0.005 },
  { figure: 'inter_token_mean_s', label: 'inter-token latency mean', added: 0 },
  { figure: 'served', label: 'served requests', added: 0 },
  { figure: 'stalled_share', label: 'share of streams that pause longer than the limit', added: 0.01 },
  { figure: 'stall_excess', label: 'excess of the longest pauses over the limit', added: 0.01 },
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
      const label = figures.find(({ figure }) => figure === row.figure)?.label ?? row.figure
      const [ratio, band] = ratioTexts(row)
      return `${label} ${ratio} (${band})`
    })
    .join('; ')
}

/** A ratio and its band, as all texts show them. */
export function ratioTexts({ ratio, band: { low, high } }: PredictedRatio): readonly [ratio: string, band: string] {
  return [`×${roundFigure(ratio)}`, `×${roundFigure(low)} to ×${roundFigure(high)}`]
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

function refused(reason: string): Extract<Prediction, { kind: 'refused' }> {
  return { kind: 'refused', reasons: [reason] }
}
