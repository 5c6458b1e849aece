import { defineTool } from '../router/define-tool.ts'
import { MismatchError } from './errors.ts'
import { applyPlan } from './fix/apply-plan.ts'
import { builtInScenarios, NotSimulatedError, type ScenarioSource, unknown } from './scenario-source.ts'
import { configProperty, pureAnnotations } from './schemas/common.ts'
import { fixPlanSchema, fixResultSchema } from './schemas/fix-plan.ts'

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
      'Applies a fix plan to a deployment configuration, in simulation only. Returns the updated configuration, the ' +
      'differences, and the documented effect of each action. Rejects engine arguments that are unknown, removed or ' +
      'not simulated, and contradicting actions, with the reason. Pass updated_config to collect_post_telemetry.',
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
      // Names, choices and removed arguments depend on the version.
      if (current_config.vllm_version === unknown) {
        throw new NotSimulatedError(
          'current_config.vllm_version is unknown, so engine arguments cannot be checked. Add a log of the start of the engine or vllm_version in incident.yaml.',
        )
      }
      return applyPlan(current_config, fix_plan)
    },
  })

/** {@link createApplyFixSimulation} for the built-in scenarios. */
export const applyFixSimulation = createApplyFixSimulation(builtInScenarios)
