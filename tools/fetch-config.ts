import { listScenarios, loadScenario } from '../fixtures/load-scenario.ts'
import type { Scenario } from '../fixtures/scenario.ts'
import { defineTool } from '../router/tool.ts'
import { MismatchError } from './errors.ts'
import { pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { deploymentSchema } from './schemas/deployment.ts'
import { simulate } from './simulation/simulate.ts'

/** No deployment has this id; configurations that a fix made are not stored. */
export class UnknownConfigError extends Error {
  override readonly name = 'UnknownConfigError'
  readonly code = 'unknown_config'
}

const count = { type: 'integer', minimum: 0 } as const

/** The deployment as it was during the incident. */
export const fetchConfig = defineTool({
  name: 'fetch_config',
  title: 'Fetch the configuration',
  description:
    'Returns the deployment configuration of the incident: model, image, vLLM version, engine arguments, environment, ' +
    'resources, placement; and the limits at work in the engine, defaults included. Name the scenario or the config_id.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['scenario'] }, { required: ['config_id'] }],
    properties: {
      scenario: scenarioProperty,
      config_id: { type: 'string', minLength: 1, description: 'Id of a configuration.' },
    },
  },
  outputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['config', 'runtime', 'version'],
    properties: {
      config: deploymentSchema,
      runtime: {
        type: 'object',
        additionalProperties: false,
        required: [
          'batch_size',
          'max_num_batched_tokens',
          'max_num_seqs',
          'max_model_len',
          'block_size',
          'kv_cache_tokens',
        ],
        properties: {
          batch_size: { ...count, description: 'Most requests that ran in one step of the window.' },
          max_num_batched_tokens: count,
          max_num_seqs: count,
          max_model_len: count,
          block_size: { ...count, description: 'Tokens per KV cache block.' },
          kv_cache_tokens: {
            ...count,
            description: 'Tokens that the KV cache holds; 0 when the engine did not start.',
          },
        },
      },
      version: { type: 'string', description: 'Version of vLLM.' },
    },
  },
  annotations: pureAnnotations,
  execute: (input) => {
    const scenario = find(input.scenario, input.config_id)
    const { settings, memory, load } = simulate(scenario)
    return {
      config: scenario.deployment,
      runtime: {
        batch_size: load.runningMax,
        max_num_batched_tokens: settings.maxNumBatchedTokens,
        max_num_seqs: settings.maxNumSeqs,
        max_model_len: settings.maxModelLen,
        block_size: settings.blockSize,
        kv_cache_tokens: memory?.kvTokens ?? 0,
      },
      version: scenario.deployment.vllm_version,
    }
  },
})

function find(id: string | undefined, configId: string | undefined): Scenario {
  if (id === undefined && configId === undefined) throw new MismatchError('scenario: give it, or config_id.')
  const scenarios = id === undefined ? listScenarios().map(loadScenario) : [loadScenario(id)]
  const scenario = scenarios.find(({ deployment }) => configId === undefined || deployment.config_id === configId)
  if (scenario !== undefined) return scenario
  throw new UnknownConfigError(
    `config_id ${JSON.stringify(configId)} is unknown. Known: ${scenarios.map(({ deployment }) => deployment.config_id).join(', ')}. ` +
      'A configuration changed by a fix is carried in updated_config.',
  )
}
