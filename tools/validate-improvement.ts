import { defineTool } from '../router/tool.ts'
import { pureAnnotations } from './schemas/common.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { validate } from './validation/validate.ts'

const figure = { type: ['number', 'null'] } as const

/** Compares two telemetries of one incident; it throws `MismatchError` for two that cannot be compared. */
export const validateImprovement = defineTool({
  name: 'validate_improvement',
  title: 'Validate the improvement',
  description:
    'Compares the telemetry from before and after a fix. Status is improved, unchanged, regressed or unknown, judged by ' +
    'the service level objective and by the requests served: dropping traffic is a regression. Returns every figure with its change.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['pre_telemetry', 'post_telemetry'],
    properties: { pre_telemetry: telemetrySchema, post_telemetry: telemetrySchema },
  },
  outputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['status', 'deltas', 'summary'],
    properties: {
      status: { enum: ['improved', 'unchanged', 'regressed', 'unknown'] },
      deltas: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['metric', 'unit', 'before', 'after', 'relative', 'verdict'],
          properties: {
            metric: { type: 'string' },
            unit: { type: 'string' },
            before: figure,
            after: figure,
            relative: {
              ...figure,
              description: '(after - before) / before; null where one is missing or before is 0.',
            },
            verdict: { enum: ['better', 'worse', 'same', 'unknown'] },
          },
        },
      },
      summary: { type: 'string' },
    },
  },
  annotations: pureAnnotations,
  execute: ({ pre_telemetry, post_telemetry }) => validate(pre_telemetry, post_telemetry),
})
