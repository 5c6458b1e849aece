/** Input of the tool. A peer that does not validate can pass anything. */
export interface WorkInput {
  readonly run: string
  readonly step: number
  readonly bytes: number
}

/** Schema of {@link WorkInput}. */
export const workSchema = {
  type: 'object',
  properties: { run: { type: 'string' }, step: { type: 'integer' }, bytes: { type: 'integer' } },
  required: ['run', 'step', 'bytes'],
  additionalProperties: false,
} as const

export const workDescription = 'Reads one page of a log.'

/** The tool, which is the same function for all contenders. */
export type Work = (input: WorkInput) => Promise<string>
