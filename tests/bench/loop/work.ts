/** Every loop makes nine calls of one tool, one per round, and then answers. */
export const toolRounds = 9

export const modelName = 'MiniMax-M3'
export const instructions = 'You read logs and name the cause of an incident.'
export const prompt = 'Why is the service slow?'
export const answer = 'The KV cache is full: requests wait for blocks.'
export const toolName = 'read_log'
export const toolDescription = 'Reads one page of a log.'

/** Input schemas of the tool: two scalars, or arrays and objects besides, as incident tools have. */
export const toolSchemas = {
  scalars: {
    type: 'object',
    properties: { page: { type: 'integer', minimum: 0 }, topic: { type: 'string' } },
    required: ['page', 'topic'],
    additionalProperties: false,
  },
  arrays: {
    type: 'object',
    properties: {
      page: { type: 'integer', minimum: 0 },
      topic: { type: 'string' },
      sources: { type: 'array', items: { enum: ['dmesg', 'journal'] } },
      filters: {
        type: 'array',
        items: {
          type: 'object',
          properties: { field: { type: 'string' }, values: { type: 'array', items: { type: 'string' } } },
          required: ['field', 'values'],
          additionalProperties: false,
        },
      },
    },
    required: ['page', 'topic', 'sources', 'filters'],
    additionalProperties: false,
  },
} as const

export type SchemaName = keyof typeof toolSchemas

/** The input that the model sends for a page; it fits the schema. */
export function inputOf(schema: SchemaName, page: number): object {
  const scalars = { page, topic: 'scheduler' }
  if (schema === 'scalars') return scalars
  const filters = [
    { field: 'level', values: ['ERROR', 'WARNING'] },
    { field: 'process', values: ['EngineCore_DP0', 'APIServer'] },
  ]
  return { ...scalars, sources: ['dmesg', 'journal'], filters }
}

export interface LogPage {
  readonly page: number
  readonly lines: readonly string[]
}

/** Pages of log lines with quotes in them. They are made once, before the measurement. */
export function logPages(bytes: number): readonly LogPage[] {
  return Array.from({ length: toolRounds }, (_, page) => {
    const line = (index: number) =>
      `INFO 11-22 10:${String(index % 60).padStart(2, '0')}:07 [loggers.py:123] Engine "000": Running: 256 reqs, page ${page}`
    const lines: string[] = []
    while (JSON.stringify({ page, lines }).length < bytes) lines.push(line(lines.length))
    return { page, lines }
  })
}

/** A loop under measurement. `run` does one run and returns the model's answer. */
export interface Contender {
  readonly name: string
  readonly run: () => Promise<string>
  readonly close?: () => Promise<void>
}

/** Everything that a contender needs to set itself up. */
export interface Course {
  /** Base URL of the server, ending in `/v1`. */
  readonly baseUrl: string
  readonly schema: SchemaName
  readonly readLog: (input: { readonly page: number }) => LogPage
}
