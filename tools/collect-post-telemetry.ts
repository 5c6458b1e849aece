import { loadScenario } from '../fixtures/load-scenario.ts'
import { defineTool } from '../router/tool.ts'
import { MismatchError } from './errors.ts'
import { checkEngineArgument } from './fix/check-engine-argument.ts'
import { pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { deploymentSchema } from './schemas/deployment.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { telemetryWith } from './simulation/collect-telemetry.ts'

/**
 * Serves the same load again, with the changed configuration; it throws `MismatchError` for one of another deployment and
 * `FixPlanError` for engine arguments that vLLM would not take or the simulation does not know.
 */
export const collectPostTelemetry = defineTool({
  name: 'collect_post_telemetry',
  title: 'Collect telemetry after the fix',
  description:
    'Serves the requests of the incident again with the updated configuration and returns the telemetry of that window. ' +
    'Compare it with the telemetry from before by validate_improvement.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['scenario', 'updated_config'],
    properties: { scenario: scenarioProperty, updated_config: deploymentSchema },
  },
  outputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['post_telemetry'],
    properties: { post_telemetry: telemetrySchema },
  },
  annotations: pureAnnotations,
  execute: ({ scenario: id, updated_config }) => {
    const scenario = loadScenario(id)
    if (updated_config.scenario !== id) {
      throw new MismatchError(
        `updated_config.scenario is "${updated_config.scenario}", but scenario is "${id}": pass the configuration that ` +
          'apply_fix_simulation returned for this incident.',
      )
    }
    const { model, placement } = scenario.deployment
    const fixed = [
      ['model', model, updated_config.model],
      ['placement.gpu_model', placement.gpu_model, updated_config.placement.gpu_model],
    ] as const
    for (const [field, expected, found] of fixed) {
      if (found === expected) continue
      throw new MismatchError(
        `updated_config.${field} is "${found}", but the deployment of ${id} has "${expected}": no fix changes that.`,
      )
    }
    for (const [name, value] of Object.entries(updated_config.engine_args)) {
      checkEngineArgument(name, value, updated_config.vllm_version, 'updated_config/engine_args')
    }
    return { post_telemetry: telemetryWith(scenario, updated_config, 'post') }
  },
})
