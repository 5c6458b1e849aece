import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { ConfigError, FixPlanError } from '../errors.ts'
import { checkOwnArguments } from '../fix/check-engine-argument.ts'
import { pairedSeeds } from '../simulation/paired-seeds.ts'
import { simulate } from '../simulation/simulate.ts'
import type { PredictedEffect, PredictedRatio } from '../types.ts'
import { predictedEffect } from '../validation/predicted-ratios.ts'
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
  if (inference?.kind === 'refused') return { kind: 'refused', reasons: inference.reasons }
  if (inference?.kind !== 'inferred') {
    throw new TypeError('inference must be the result of inferScenario, or of the function inference of an incident.')
  }
  const { scenario } = inference
  const wrong = wrongArguments(scenario.deployment, config)
  if (wrong.length > 0) return { kind: 'refused', reasons: wrong }
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

/** Arguments of the changed configuration that vLLM or the simulation does not follow, unless the deployment has them. */
function wrongArguments(own: DeploymentConfig, { engine_args, vllm_version }: DeploymentConfig): string[] {
  try {
    checkOwnArguments(engine_args, own.engine_args, vllm_version, 'engine_args')
    return []
  } catch (error) {
    if (error instanceof FixPlanError) return [error.message]
    throw error
  }
}

function refused(reason: string): Extract<Prediction, { kind: 'refused' }> {
  return { kind: 'refused', reasons: [reason] }
}
