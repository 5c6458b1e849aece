import { z } from 'zod'

/** A call as models make it: five properties of the usual types, one of them optional. */
export const sampleInput = {
  host: 'gpu-node-17.cluster.local',
  gpu: 3,
  utilisation: 0.87,
  level: 'warning',
  labels: ['vllm', 'prefill'],
} as const

export const sampleArguments = JSON.stringify(sampleInput)

export const sampleDescription = 'Records one sample of a GPU.'

export const sampleSchema = {
  type: 'object',
  properties: {
    host: { type: 'string', minLength: 1 },
    gpu: { type: 'integer', minimum: 0 },
    utilisation: { type: 'number', minimum: 0, maximum: 1 },
    level: { enum: ['info', 'warning', 'error'] },
    labels: { type: 'array', items: { type: 'string' } },
  },
  required: ['host', 'gpu', 'utilisation', 'level'],
  additionalProperties: false,
} as const

/** The same shape, as strict as the schema above. */
export const sampleZodSchema = z.strictObject({
  host: z.string().min(1),
  gpu: z.int().min(0),
  utilisation: z.number().min(0).max(1),
  level: z.enum(['info', 'warning', 'error']),
  labels: z.array(z.string()).optional(),
})

/** The tool's function. It does as little as possible, and its result depends on its input. */
export function recordSample({ host, gpu }: { readonly host: string; readonly gpu: number }) {
  return { recorded: `${host}/${gpu}` }
}
