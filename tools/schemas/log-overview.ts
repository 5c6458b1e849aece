/** Lines of a log that were chosen for an overview, each once; repeats are counted. */
const rowsSchema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['part', 'line', 'count'],
    properties: {
      part: {
        enum: ['startup', 'around_cause', 'rare', 'last_of_process', 'stats', 'match'],
        description: 'Why the line was chosen. "match": the query asked for it.',
      },
      line: { type: 'string', description: 'The first of these lines, unchanged.' },
      count: { type: 'integer', minimum: 1, description: 'Number of lines with this message.' },
      time: { type: 'string', description: 'Time of the first of these lines, ISO 8601.' },
      last_time: { type: 'string', description: 'Time of the last of these lines; absent if there is one.' },
    },
  },
} as const

/** Output property of the log tools: the lines that a reader needs first, and what was left out. */
export const logOverviewSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['incident_start', 'total', 'in_window', 'matching', 'rows', 'routine'],
  properties: {
    incident_start: { type: 'string', description: 'Start of the incident, ISO 8601.' },
    total: { type: 'integer', minimum: 0, description: 'Number of lines of the logs.' },
    first_time: {
      type: 'string',
      description: 'Time of the first line of the logs, ISO 8601; absent if none states one.',
    },
    last_time: { type: 'string', description: 'Time of the last line of the logs.' },
    in_window: { type: 'integer', minimum: 0, description: 'Number of lines in the window.' },
    matching: { type: 'integer', minimum: 0, description: 'Number of lines in the window with the level and topics.' },
    lines_from: { type: 'string', description: 'Time of the first of `lines`.' },
    rows: rowsSchema,
    routine: {
      type: 'array',
      description: 'Frequent messages of normal operation that `rows` leaves out, most frequent first.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['message', 'count'],
        properties: { message: { type: 'string' }, count: { type: 'integer', minimum: 1 } },
      },
    },
  },
} as const
