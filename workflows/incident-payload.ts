import type { DeploymentConfig } from '../fixtures/deployment.ts'
import { deploymentSchema } from '../fixtures/deployment.ts'
import { type LogSource, logSources, type Scenario, scenarioSchema } from '../fixtures/scenario.ts'
import { isPacked, maxUnpackedBytes, type PackedJson, packJson, unpackJson } from '../lib/temporal/checkpoint-codec.ts'
import { jsonBytes } from '../lib/temporal/payload.ts'
import { errorMessage, TenroundsError } from '../router/errors.ts'
import { describeValidationErrors } from '../router/feedback.ts'
import { redactDeep } from '../router/text/redact.ts'
import { compileSchema } from '../router/validation.ts'
import { type ObservedGpu, observedGpuSchema } from '../tools/incident-folder/gpu-statistics.ts'
import { lazyInference } from '../tools/inference/infer-incident.ts'
import { latestTime } from '../tools/prometheus/metric-values.ts'
import { type Incident, type IncidentNote, incidentId, noteTopics } from '../tools/scenario-source.ts'
import { telemetrySchema } from '../tools/schemas/telemetry.ts'
import type { Telemetry } from '../tools/types.ts'

// An incident that travels in the input of a workflow, for workers that cannot read its folder.

/**
 * Largest packed incident, in bytes. It is in the input of the workflow and in that of `agent_step`, beside the telemetry.
 * Temporal's server refuses 2 MiB and more, and a payload codec can make a payload longer.
 */
export const incidentLimitBytes = 1_000_000

/**
 * An incident cannot travel as a payload. `incident_too_large`: its size is above the limit. `invalid_incident_payload`: what
 * arrived is not an incident, or is of another release.
 */
export class IncidentPayloadError extends TenroundsError {
  constructor(code: 'incident_too_large' | 'invalid_incident_payload', message: string) {
    super(code, message)
  }
}

/** An incident as a JSON document. It has a scenario or an observation. */
interface IncidentDocument {
  readonly format: typeof format
  readonly scenario?: Scenario
  readonly observation?: {
    readonly id: string
    readonly window: Scenario['window']
    readonly deployment: DeploymentConfig
    readonly server?: DeploymentConfig['engine_args']
    readonly not_stated: readonly string[]
    readonly gpus: readonly ObservedGpu[]
    readonly telemetry: Telemetry
  }
  readonly logs: { readonly [source in LogSource]?: readonly string[] }
  /** Absent with `pages`, of which the last one is it. */
  readonly metrics_page?: string
  readonly pages?: readonly { readonly time_ms: number; readonly text: string }[]
  readonly notes?: readonly IncidentNote[]
}

/** Increases when a member changes its meaning. */
const format = 1 as const

/**
 * Packs an incident for the input of a workflow. Secrets in its texts and configuration are masked, because everyone who can
 * see the workflow can read its input.
 *
 * @throws {IncidentPayloadError} `incident_too_large`, with the size and the limit.
 */
export function packIncident(incident: Incident): PackedJson {
  const document = documentOf(incident)
  const bytes = jsonBytes(document)
  const packed = bytes > maxUnpackedBytes ? undefined : packJson(redactDeep(document))
  if (packed !== undefined && packed.data.length <= incidentLimitBytes) return packed
  const [size, limit] =
    packed === undefined
      ? [`${bytes} bytes`, maxUnpackedBytes]
      : [`${packed.data.length} bytes after compression`, incidentLimitBytes]
  throw new IncidentPayloadError(
    'incident_too_large',
    `The incident ${incidentId(incident)} has ${size}, more than the limit of ${limit} for a payload of Temporal. Let the ` +
      'worker read the folder ("tenrounds worker --incident <folder>", or the option scenarios of createWorker) and start ' +
      'the workflow with the id only, or remove files from the folder.',
  )
}

/**
 * Reads a packed incident. It comes from another process and can be anything.
 *
 * @throws {IncidentPayloadError} `invalid_incident_payload`, with the problem.
 */
export function unpackIncident(packed: PackedJson): Incident {
  const document = checkedDocument(packed)
  const { scenario, observation, logs, metrics_page, pages, notes } = document
  const files = {
    log: (source: LogSource) => logs[source],
    metricsPage: () => metrics_page ?? pages?.at(-1)?.text,
    ...(pages && { pages: pages.map(({ time_ms, text }) => ({ timeMs: time_ms, text })) }),
    ...(notes && { notes }),
  }
  if (scenario !== undefined) return { ...files, scenario }
  if (observation === undefined) throw invalid('it has neither a scenario nor an observation')
  const { not_stated: notStated, ...facts } = observation
  const stated = { ...facts, notStated }
  // The pages travel, and the same pages give the same scenario.
  return { ...files, observation: stated, inference: lazyInference(stated, files.pages ?? []) }
}

function documentOf(incident: Incident): IncidentDocument {
  const logs: { [source in LogSource]?: readonly string[] } = {}
  for (const source of logSources) {
    const lines = incident.log(source)
    if (lines !== undefined) logs[source] = lines
  }
  // The last of several pages need not travel twice.
  const metrics_page = incident.pages?.length ? undefined : incident.metricsPage()
  const files = {
    format,
    logs,
    ...(metrics_page !== undefined && { metrics_page }),
    ...(incident.pages && { pages: incident.pages.map(({ timeMs, text }) => ({ time_ms: timeMs, text })) }),
    ...(incident.notes && { notes: incident.notes }),
  }
  if ('scenario' in incident) return { ...files, scenario: incident.scenario }
  const { notStated, ...facts } = incident.observation
  const stated = { ...facts, not_stated: notStated }
  return { ...files, observation: stated }
}

const strings = { type: 'array', items: { type: 'string' } } as const
const { $schema: _, $defs, ...ownScenarioSchema } = scenarioSchema

const documentSchema = {
  type: 'object',
  required: ['format', 'logs'],
  properties: {
    format: { const: format },
    scenario: ownScenarioSchema,
    observation: {
      type: 'object',
      required: ['id', 'window', 'deployment', 'not_stated', 'gpus', 'telemetry'],
      properties: {
        id: { type: 'string' },
        window: scenarioSchema.properties.window,
        deployment: deploymentSchema,
        server: deploymentSchema.properties.engine_args,
        not_stated: strings,
        gpus: { type: 'array', items: observedGpuSchema },
        telemetry: telemetrySchema,
      },
    },
    logs: { type: 'object', properties: Object.fromEntries(logSources.map((source) => [source, strings])) },
    metrics_page: { type: 'string' },
    pages: {
      type: 'array',
      items: {
        type: 'object',
        required: ['time_ms', 'text'],
        properties: { time_ms: { type: 'number', minimum: 0, maximum: latestTime * 1000 }, text: { type: 'string' } },
      },
    },
    notes: {
      type: 'array',
      items: {
        type: 'object',
        required: ['about', 'text'],
        properties: { about: { enum: noteTopics }, text: { type: 'string' } },
      },
    },
  },
  $defs,
} as const

function checkedDocument(packed: PackedJson): IncidentDocument {
  if (!isPacked(packed)) throw invalid('it is not { encoding: "gzip+base64", data }')
  let document: unknown
  try {
    document = unpackJson(packed)
  } catch (error) {
    throw invalid(errorMessage(error))
  }
  if (isDocument(document)) return document
  const errors = compileSchema(documentSchema)(document)
  throw invalid(describeValidationErrors(errors, documentSchema, 'it does not match its schema:'))
}

function isDocument(value: unknown): value is IncidentDocument {
  return compileSchema(documentSchema)(value).length === 0
}

function invalid(problem: string): IncidentPayloadError {
  return new IncidentPayloadError(
    'invalid_incident_payload',
    `The incident in the workflow's input cannot be read: ${problem}. Start the workflow with startIncident(incident).`,
  )
}
