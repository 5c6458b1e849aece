/** Input property that names an incident. */
export const scenarioProperty = {
  type: 'string',
  minLength: 1,
  description: 'Id of the incident, as given in the task, e.g. "kv_cache_pressure".',
} as const

/** Input and output properties of the log tools. */
export const windowProperty = {
  type: 'string',
  description: 'How far back from the end of the incident, e.g. "90s", "10m", "1h30m". Default: everything.',
} as const
export const limitProperty = {
  type: 'integer',
  minimum: 1,
  maximum: 2000,
  description: 'At most so many lines, the latest ones. Default 200.',
} as const
export const topicsProperty = {
  type: 'array',
  items: { type: 'string', minLength: 1 },
  description: 'Keep only lines that contain one of these words, whatever their case.',
} as const
export const observedWindowSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['start', 'end'],
  properties: { start: { type: 'string', format: 'date-time' }, end: { type: 'string', format: 'date-time' } },
} as const
export const logErrorsSchema = {
  type: 'array',
  description:
    'What looks like a failure among all lines of the window and topics, also those beyond the limit. A cascade follows from another failure; benign is none.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['message', 'kind', 'class', 'line', 'count'],
    properties: {
      message: { type: 'string' },
      kind: { enum: ['cause_candidate', 'cascade', 'benign'] },
      class: { type: 'string' },
      line: { type: 'string' },
      count: { type: 'integer', minimum: 1 },
      detail: { type: 'string' },
    },
  },
} as const
export const notCollectedSchema = {
  type: 'array',
  description: 'Logs that nobody collected: that they show nothing means nothing.',
  items: { enum: ['vllm', 'dmesg', 'journal'] },
} as const
export const samplesSchema = {
  type: 'array',
  readOnly: true, // written by tools, not by the model: advertised without its members
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'labels', 'value'],
    properties: {
      name: { type: 'string', minLength: 1 },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      value: {
        type: ['number', 'string'],
        pattern: '^(NaN|[+-]Inf)$',
        description: 'A number, or "NaN", "+Inf", "-Inf".',
      },
      timestamp_ms: { type: 'number' },
    },
  },
} as const

/** All incident tools only read, give the same answer for the same input, and touch nothing outside. */
export const pureAnnotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const
