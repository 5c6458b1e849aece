import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { ConfigError } from '../errors.ts'
import { pairedSeeds } from '../simulation/paired-seeds.ts'
import { simulate } from '../simulation/simulate.ts'
import type { PairedSeeds } from '../types.ts'
import { medianOf } from '../validation/pairs.ts'
import type { Inference } from './infer-scenario.ts'

/** A change of one figure: the value with the changed configuration, divided by the value with the one of the pages. */
export interface PredictedRatio {
  /** Name of the figure with its unit, e.g. `ttft_p95_s`. */
  readonly figure: string
  /** Median over the steady draws; 0.5 means half. */
  readonly ratio: number
  /**
   * Lowest and highest ratio over all draws of both arrival models, widened by the residual of the pages. An effect whose
   * band contains 1 is not certain.
   */
  readonly band: readonly [low: number, high: number]
}

/** The effect of a changed configuration, or why nothing is predicted. */
export type Prediction =
  | { readonly kind: 'predicted'; readonly ratios: readonly PredictedRatio[] }
  | {
      readonly kind: 'refused'
      /** Why nothing is predicted, one sentence or two each. */
      readonly reasons: readonly string[]
    }

/** Added to times to the first token, in seconds: nobody notices a ratio of two times as short as a step. */
const unnoticedS = 0.005

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
  if (inference.kind === 'refused') return { kind: 'refused', reasons: inference.reasons }
  const { scenario } = inference
  try {
    const { engine } = simulate(scenario, config)
    if (!engine.started) return refused(`The changed configuration does not start: ${engine.reason ?? 'no reason'}`)
    const ratios = predictedRatios(scenario, pairedSeeds(scenario, config))
    return ratios.length > 0 ? { kind: 'predicted', ratios } : refused('No draw has a figure with both configurations.')
  } catch (error) {
    if (error instanceof ConfigError) return refused(error.message)
    throw error
  }
}

/** Figures of {@link PairedSeeds} that a ratio says something about. */
const figures = ['ttft_p95_s', 'e2e_p95_s', 'inter_token_mean_s', 'served'] as const

/** The ratios over the draws of an inferred scenario. Empty for a scenario whose load is known. */
export function predictedRatios({ inference }: Scenario, { before, after }: PairedSeeds): PredictedRatio[] {
  if (inference === undefined) return []
  const { draws, residual } = inference
  return figures.flatMap((figure): PredictedRatio[] => {
    const added = figure === 'ttft_p95_s' ? unnoticedS : 0
    const ratios = before[figure].map((from, draw) => {
      const to = after[figure][draw] ?? null
      return from === null || to === null || from + added === 0 ? null : (to + added) / (from + added)
    })
    const known = ratios.filter((ratio) => ratio !== null)
    const steady = ratios.filter((_, draw) => draws[draw]?.interarrival_cv === 1)
    const ratio = medianOf(steady) ?? medianOf(ratios)
    if (ratio === null) return []
    return [
      {
        figure,
        ratio: round(ratio),
        band: [round(Math.min(...known) * (1 - residual)), round(Math.max(...known) * (1 + residual))],
      },
    ]
  })
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

function refused(reason: string): Prediction {
  return { kind: 'refused', reasons: [reason] }
}
