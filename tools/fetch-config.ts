import { defineTool } from '../router/define-tool.ts'
import { findingKinds, readArguments, unknownArguments } from './arguments/read-arguments.ts'
import { UnknownConfigError } from './errors.ts'
import { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
import {
  builtInScenarios,
  deploymentOf,
  type Incident,
  incidentOf,
  notesAbout,
  type ObservedIncident,
  type ScenarioSource,
  unknown,
} from './scenario-source.ts'
import { configProperty, notesSchema, pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { simulate } from './simulation/simulate.ts'
import type { MetricSample } from './types.ts'

/** Arguments of the deployment that the tools do not follow, so that nobody takes their figures for the engine's. */
const argumentFindingsSchema = {
  type: 'array',
  description:
    'Engine arguments of the configuration that the simulation does not follow, or that vLLM does not accept.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['argument', 'kind', 'message'],
    properties: {
      argument: { type: 'string' },
      kind: { enum: findingKinds },
      message: { type: 'string' },
    },
  },
} as const

/** `null` if it is not known. */
const count = { type: ['integer', 'null'], minimum: 0 } as const

/**
 * The tool `fetch_config`: the deployment during the incident.
 *
 * It fails with `UnknownScenarioError` or `UnknownConfigError` for an unknown id, and with `MismatchError` without any id.
 */
export const createFetchConfig = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_config',
    title: 'Fetch the configuration',
    description:
      'Model, image, vLLM version, engine arguments, environment, resources and placement during the incident, and the ' +
      'effective limits of the engine, defaults included; the previous image and valid tags if known.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scenario: scenarioProperty,
        config_id: { type: 'string', minLength: 1, description: 'Id of a configuration.' },
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['config', 'runtime', 'version', 'argument_findings'],
      properties: {
        config: configProperty,
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
            batch_size: { ...count, description: 'Largest number of requests in one step of an engine in the window.' },
            max_num_batched_tokens: count,
            max_num_seqs: count,
            max_model_len: count,
            block_size: { ...count, description: 'Tokens per KV cache block.' },
            kv_cache_tokens: {
              ...count,
              description: 'Capacity of the KV caches of all engines in tokens; 0 if the engine did not start.',
            },
          },
        },
        cache_config: {
          type: 'object',
          description:
            'Engine arguments as the metrics page of the engine states them, defaults included. Absent: no page states them.',
          additionalProperties: { type: ['number', 'string', 'boolean'] },
        },
        version: { type: 'string', description: 'Version of vLLM.' },
        argument_findings: argumentFindingsSchema,
        previous_image: {
          type: ['string', 'null'],
          description: 'The image before the present one; null if it is not known.',
        },
        valid_image_tags: {
          type: ['array', 'null'],
          items: { type: 'string' },
          description: 'Tags that change_image can use; null if they are not known.',
        },
        not_stated: {
          type: 'array',
          description:
            'Members of config that no file of the incident states. A text of these is "unknown", and others are null or absent. ' +
            'Absent: none.',
          items: { type: 'string' },
        },
        notes: notesSchema,
      },
    },
    annotations: pureAnnotations,
    execute: (input) => {
      const incident = findIncident(scenarios, input.scenario, input.config_id)
      if ('observation' in incident) return observedConfig(incident)
      const { scenario } = incident
      // The effective limits include vLLM's defaults, which the configuration does not contain.
      const { settings, memory, engines } = simulate(scenario)
      return {
        config: scenario.deployment,
        runtime: {
          batch_size: Math.max(...engines.map(({ occupancy }) => occupancy.runningMax)),
          max_num_batched_tokens: settings.maxNumBatchedTokens,
          max_num_seqs: settings.maxNumSeqs,
          max_model_len: settings.maxModelLen,
          block_size: settings.blockSize,
          kv_cache_tokens: (memory?.kvTokens ?? 0) * engines.length,
        },
        version: scenario.deployment.vllm_version,
        argument_findings: settings.arguments.findings,
        previous_image: scenario.images?.previous ?? null,
        valid_image_tags: scenario.images?.tags.slice() ?? null,
        ...notesAbout(incident, 'config'),
      }
    },
  })

/** {@link createFetchConfig} for the built-in scenarios. */
export const fetchConfig = createFetchConfig(builtInScenarios)

/** The incident with an id, a configuration id, or both. Only configurations of scenarios have an id that can be found. */
function findIncident(source: ScenarioSource, id: string | undefined, configId: string | undefined): Incident {
  if (configId === undefined) return incidentOf(source, id)
  const incidents = (id === undefined ? source.list() : [id]).map(source.load)
  const incident = incidents.find((one) => deploymentOf(one).config_id === configId)
  if (incident !== undefined) return incident
  throw new UnknownConfigError(
    `Unknown config_id ${JSON.stringify(configId)}. Known: ${incidents.map((one) => deploymentOf(one).config_id).join(', ')}. ` +
      'A configuration that a fix changed is not stored: use updated_config of apply_fix_simulation.',
  )
}

/** The configuration that the files of an incident state. Limits that they do not state are null. */
function observedConfig(incident: ObservedIncident) {
  const { deployment, notStated, telemetry } = incident.observation
  const { vllm_version: version } = deployment
  const read = version === unknown ? undefined : readArguments(deployment)
  const limit = (name: string) => {
    const value = read?.values.get(name) ?? deployment.engine_args[name]
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
  }
  return {
    config: deployment,
    runtime: {
      batch_size: telemetry.queue.running_max,
      max_num_batched_tokens: limit('max_num_batched_tokens'),
      max_num_seqs: limit('max_num_seqs'),
      max_model_len: limit('max_model_len'),
      block_size: limit('block_size'),
      kv_cache_tokens: telemetry.kv_cache.capacity_tokens,
    },
    ...cacheConfig(incident),
    version,
    argument_findings: [...(read?.findings ?? unknownArguments(deployment))],
    previous_image: null,
    valid_image_tags: null,
    not_stated: [...notStated],
    ...notesAbout(incident, 'config'),
  }
}

/** Labels of `vllm:cache_config_info` that are engine arguments; `cache_dtype` is the value of `kv_cache_dtype`. */
const statedArguments = {
  gpu_memory_utilization: 'gpu_memory_utilization',
  block_size: 'block_size',
  num_gpu_blocks_override: 'num_gpu_blocks_override',
  enable_prefix_caching: 'enable_prefix_caching',
  cache_dtype: 'kv_cache_dtype',
} as const

/** The arguments that the last page states, as the member that the result has only then. */
function cacheConfig({ metricsPage }: ObservedIncident): {
  cache_config?: { [name: string]: number | string | boolean }
} {
  const labels = labelsOfPage(metricsPage())
  const entries = Object.entries(statedArguments).flatMap(([label, name]) => {
    const text = labels[label]
    return text === undefined || text === 'None' ? [] : [[name, pythonValue(text)] as const]
  })
  return entries.length === 0 ? {} : { cache_config: Object.fromEntries(entries) }
}

function labelsOfPage(page: string | undefined): MetricSample['labels'] {
  if (page === undefined) return {}
  return parseMetricsPage(page).samples.find(({ name }) => name === 'vllm:cache_config_info')?.labels ?? {}
}

/** A value as Python prints it. */
function pythonValue(text: string): number | string | boolean {
  if (text === 'True' || text === 'False') return text === 'True'
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}
