import { deploymentSchema } from '../../fixtures/deployment.ts'
import { logSources } from '../../fixtures/scenario.ts'
import { logOverviewSchema } from './log-overview.ts'

// Properties and schemas that several tools share. A property is put into the schema of a tool as it is:
//
//     properties: { scenario: scenarioProperty, window: windowProperty, limit: limitProperty }
//
// Descriptions of input properties are sent to the model with every
// request: keep them short. `readOnly` marks a document that the model refers to and never writes: it is advertised
// without its members. `writeOnly` marks one that the model writes: no references are advertised in it.

/** Input property: the id of an incident. It is optional: `incidentOf` of `tools/scenario-source.ts` has the default. */
export const scenarioProperty = { type: 'string', minLength: 1 } as const

/** Input property: a deployment configuration. */
export const configProperty = {
  ...deploymentSchema,
  readOnly: true,
  description: '{"$result":"fetch_config#/config"} or {"$result":"apply_fix_simulation#/updated_config"}.',
} as const

/** Input property of the log tools: the time to look at. `parseWindow` of `tools/logs/log-window.ts` reads it. */
export const windowProperty = {
  type: 'string',
  description: 'How far back from the end, e.g. "10m", or two UTC times: "10:00/10:05:30". Default: everything.',
} as const

/** Input property of the log tools: the largest number of lines. */
export const limitProperty = {
  type: 'integer',
  minimum: 1,
  // More lines than a model can use: a result is clipped long before.
  maximum: 2000,
  description: 'Most lines; the latest are kept. Default 200.',
} as const

/** Input property of the log tools: where to read on. */
export const offsetProperty = {
  type: 'integer',
  minimum: 0,
  description: 'Lines, not the overview; skips so many of the latest.',
} as const

/** Input property of the log tools: words to search for. */
export const topicsProperty = {
  type: 'array',
  // An empty word would match every line.
  items: { type: 'string', minLength: 1 },
  writeOnly: true,
  description: 'Lines with one of these words, not the overview.',
} as const

/** Output property of the log tools: the time that the result covers. */
export const observedWindowSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['start', 'end'],
  properties: { start: { type: 'string', format: 'date-time' }, end: { type: 'string', format: 'date-time' } },
} as const

/** Output property of the log tools: possible failures, lines with the same message grouped, causes first. */
export const logErrorsSchema = {
  type: 'array',
  description:
    'Possible failures among all lines of the window, whatever the topics, level and limit are. A cascade follows from another failure, a request_error concerns one request, unclassified is abnormal but of unknown role, and benign is not a failure.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['message', 'kind', 'class', 'line', 'count'],
    properties: {
      message: { type: 'string', description: 'The line without timestamps, process ids and source positions.' },
      // A candidate is not a diagnosis: the earliest one is usually the cause, and the others follow from it.
      kind: { enum: ['cause_candidate', 'unclassified', 'cascade', 'request_error', 'benign'] },
      class: {
        type: 'string',
        description: 'Class of the failure, e.g. "linux_oom_kill"; "other" for an error that no rule covers.',
      },
      line: { type: 'string', description: 'The first of these lines, unchanged.' },
      last_line: {
        type: 'string',
        description: 'The last of these lines, if its message differs from that of the first.',
      },
      count: { type: 'integer', minimum: 1, description: 'Number of lines of this class and message.' },
      first_time: { type: 'string', description: 'Time of the first of these lines, ISO 8601.' },
      last_time: { type: 'string', description: 'Time of the last of these lines.' },
      detail: {
        type: 'string',
        description: "Meaning of a code, e.g. of an Xid, with the action that NVIDIA's catalogue asks for.",
      },
    },
  },
} as const

/** Output property of the log tools: the messages of the findings, as the product's contract has them. */
const errorMessagesSchema = {
  type: 'array',
  description: 'Messages of the findings that are not benign, in their order.',
  items: { type: 'string' },
} as const

/** Output property of the log tools: logs that were not collected. */
const notCollectedSchema = {
  type: 'array',
  description: 'Logs that were not collected. No lines from them does not mean that nothing happened.',
  items: { enum: logSources },
} as const

/** Output property of the tools that read the files of an incident: what the result does not cover. */
export const notesSchema = {
  type: 'array',
  description: 'Parts of files that were left out, facts that no file states, and assumptions. Absent: none.',
  minItems: 1,
  items: { type: 'string' },
} as const

/** Output properties that both log tools have. */
export const logOutputProperties = {
  window: observedWindowSchema,
  lines: { type: 'array', items: { type: 'string' } },
  findings: logErrorsSchema,
  errors: errorMessagesSchema,
  overview: logOverviewSchema,
  not_collected: notCollectedSchema,
  notes: notesSchema,
} as const

/** Samples of a metrics page, as `fetch_prometheus_metrics` returns and `analyze_metrics` takes them. */
export const samplesSchema = {
  type: 'array',
  readOnly: true,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'labels', 'value'],
    properties: {
      name: { type: 'string', minLength: 1 },
      // Values of labels are strings in the text format, also those of numbers, such as `le="0.5"`.
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      value: {
        type: ['number', 'string'],
        pattern: '^(NaN|[+-]Inf)$',
        description: 'A number, or "NaN", "+Inf" or "-Inf", which JSON cannot express as numbers.',
      },
      timestamp_ms: { type: 'number', description: 'Unix milliseconds; absent if the page states no time.' },
    },
  },
} as const

/** Every incident tool only reads, gives the same output for the same input, and reaches nothing outside the process. */
export const pureAnnotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const
