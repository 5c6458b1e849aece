import { defineTool } from '../router/define-tool.ts'
import { canonicalJson } from '../router/json/json.ts'
import { MismatchError } from './errors.ts'
import { checkOwnArguments } from './fix/check-engine-argument.ts'
import { loggedStartSeconds } from './logs/engine-start.ts'
import { builtInScenarios, incidentId, incidentOf, type ScenarioSource, simulatedScenario } from './scenario-source.ts'
import { configProperty, pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { comparedTelemetry } from './simulation/collect-telemetry.ts'
import { postTelemetryView } from './views/telemetry-view.ts'

/**
 * The tool `collect_post_telemetry`: the same requests again, with the changed configuration.
 *
 * It fails with `NotSimulatedError` if the load of an incident of files cannot be inferred, with `MismatchError` if the
 * configuration belongs to another deployment, and with {@link FixPlanError} if vLLM would refuse an engine argument or the
 * simulation does not model it.
 */
export const createCollectPostTelemetry = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'collect_post_telemetry',
    title: 'Collect telemetry after the fix',
    description:
      'Serves the requests of the incident again with the changed configuration, for several seeds of the load. Where the ' +
      'load was inferred from pages, the figures are predictions, to be compared with base.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['updated_config'],
      properties: {
        scenario: scenarioProperty,
        updated_config: { ...configProperty, description: '{"$result":"apply_fix_simulation#/updated_config"}.' },
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['post_telemetry'],
      properties: { post_telemetry: telemetrySchema },
    },
    annotations: pureAnnotations,
    execute: ({ scenario: named, updated_config }) => {
      const incident = incidentOf(scenarios, named)
      const id = incidentId(incident)
      const scenario = simulatedScenario(incident)
      if (updated_config.scenario !== id) {
        throw new MismatchError(
          `updated_config.scenario is "${updated_config.scenario}", but scenario is "${id}". Pass the configuration that ` +
            'apply_fix_simulation returned for this incident.',
        )
      }
      // The configuration comes from the model and may be invented. A fix can change neither the model nor the GPUs.
      const { model, placement } = scenario.deployment
      const fixed = [
        ['model', model, updated_config.model],
        ['placement.gpu_model', placement.gpu_model, updated_config.placement.gpu_model],
      ] as const
      const described = [
        ['model_config', scenario.deployment.model_config, updated_config.model_config],
        ['placement.gpu', placement.gpu, updated_config.placement.gpu],
      ] as const
      for (const [field, expected, found] of described) {
        if (canonicalJson(found ?? null) === canonicalJson(expected ?? null)) continue
        throw new MismatchError(
          `updated_config.${field} is not that of the deployment of ${id}, which no fix can change. Pass the configuration ` +
            'that apply_fix_simulation returned.',
        )
      }
      for (const [field, expected, found] of fixed) {
        if (found === expected) continue
        throw new MismatchError(
          `updated_config.${field} is "${found}", but the deployment of ${id} has "${expected}", which no fix can change.`,
        )
      }
      // The same check as in apply_fix_simulation, for a configuration that was not made by it.
      const { engine_args, vllm_version } = updated_config
      checkOwnArguments(engine_args, scenario.deployment.engine_args, vllm_version, 'updated_config/engine_args')
      return { post_telemetry: comparedTelemetry(scenario, updated_config, loggedStartSeconds(incident)) }
    },
    toContent: ({ post_telemetry }) => postTelemetryView(post_telemetry),
  })

/** {@link createCollectPostTelemetry} for the built-in scenarios. */
export const collectPostTelemetry = createCollectPostTelemetry(builtInScenarios)
