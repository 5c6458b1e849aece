/** What every loop does here: nine calls of one tool, each with a result of so many bytes, then an answer. */
export const toolRounds = 9

export const modelName = 'MiniMax-M3'
export const instructions = 'You read logs and name the cause of an incident.'
export const prompt = 'Why is the service slow?'
export const answer = 'The KV cache is full: requests wait for blocks.'
export const toolName = 'read_log'
export const toolDescription = 'Reads one page of a log.'

export const toolSchema = {
  type: 'object',
  properties: { page: { type: 'integer', minimum: 0 }, topic: { type: 'string' } },
  required: ['page', 'topic'],
  additionalProperties: false,
} as const

export interface LogPage {
  readonly page: number
  readonly lines: readonly string[]
}

/** Pages of log lines with quotes in them, made once: making them is no part of the work that is measured. */
export function logPages(bytes: number): readonly LogPage[] {
  return Array.from({ length: toolRounds }, (_, page) => {
    const line = (index: number) =>
      `INFO 11-22 10:${String(index % 60).padStart(2, '0')}:07 [loggers.py:123] Engine "000": Running: 256 reqs, page ${page}`
    const lines: string[] = []
    while (JSON.stringify({ page, lines }).length < bytes) lines.push(line(lines.length))
    return { page, lines }
  })
}

/** A loop under measurement: runs once and gives the model's answer. */
export interface Contender {
  readonly name: string
  readonly run: () => Promise<string>
  readonly close?: () => Promise<void>
}

/** What a contender is given. */
export interface Course {
  /** Base URL of the server, ending in `/v1`. */
  readonly baseUrl: string
  readonly readLog: (input: { readonly page: number }) => LogPage
}
