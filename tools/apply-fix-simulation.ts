import { defineTool } from '../router/define-tool.ts'
import { MismatchError } from './errors.ts'
import { type AppliedPlan, applyPlan, plannedVersion } from './fix/apply-plan.ts'
import { predictChange } from './inference/predict.ts'
import { builtInScenarios, type Incident, NotSimulatedError, type ScenarioSource, unknown } from './scenario-source.ts'
import { configProperty, pureAnnotations } from './schemas/common.ts'
import { fixPlanSchema, fixResultSchema } from './schemas/fix-plan.ts'
import type { FixResult } from './types.ts'
import { ratiosText } from './validation/predicted-ratios.ts'
import { fixResultView } from './views/telemetry-view.ts'

/**
 * The tool `apply_fix_simulation`.
 *
 * It fails with `FixPlanError` if the plan cannot be applied, and with {@link MismatchError} if the configuration
 * belongs to no scenario.
 */
export const createApplyFixSimulation = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'apply_fix_simulation',
    title: 'Apply a fix (simulated)',
    description:
      'Applies a plan to a configuration, in simulation only. Returns the changed configuration, the differences and the ' +
      'documented effect of each action. Refuses what vLLM refuses or the simulation does not model, with the reason.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['current_config', 'fix_plan'],
      properties: { current_config: configProperty, fix_plan: fixPlanSchema },
    },
    outputSchema: fixResultSchema,
    annotations: pureAnnotations,
    execute: ({ current_config, fix_plan }) => {
      // A configuration of another scenario could be applied, but collect_post_telemetry could not simulate it.
      if (!scenarios.list().includes(current_config.scenario)) {
        throw new MismatchError(
          `current_config.scenario: unknown scenario ${JSON.stringify(current_config.scenario)}; pass the configuration that fetch_config returned.`,
        )
      }
      // Names, choices and removed arguments depend on the version. Other actions do not.
      const setsArguments = fix_plan.actions.some(({ action }) => action === 'set_engine_args')
      if (setsArguments && current_config.vllm_version === unknown && plannedVersion(fix_plan) === undefined) {
        throw new NotSimulatedError(
          'current_config.vllm_version is unknown, so engine arguments cannot be checked. Add a log of the start of the engine or vllm_version in incident.yaml.',
        )
      }
      const incident = scenarios.load(current_config.scenario)
      const tags = 'scenario' in incident ? incident.scenario.images?.tags : undefined
      return withPrediction(incident, applyPlan(current_config, fix_plan, tags))
    },
    toContent: fixResultView,
  })

/** The result with the predicted effect, or why nothing is predicted, if the load of the incident is not known. */
function withPrediction(incident: Incident, result: AppliedPlan): FixResult {
  if ('scenario' in incident || result.diff.length === 0) return result
  const predicted = predictChange(incident.inference(), result.updated_config)
  if (predicted.kind === 'refused') return { ...result, not_predicted: [...predicted.reasons] }
  const { effect } = predicted
  const impact = `Predicted for the load of the pages, as ratios with bands: ${ratiosText(effect.ratios)}.`
  return { ...result, expected_impact: [...result.expected_impact, impact], prediction: effect }
}

/** {@link createApplyFixSimulation} for the built-in scenarios. */
export const applyFixSimulation = createApplyFixSimulation(builtInScenarios)
