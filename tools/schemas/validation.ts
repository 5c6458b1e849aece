// The result of `validate_improvement`, in short:
//
//     { "status": "improved",
//       "deltas": [{ "metric": "latency.ttft_s.p95", "unit": "s", "before": 74.9, "after": 2.1, "relative": -0.972,
//                    "verdict": "better" }, …],
//       "summary": "Many more requests were served. With the change, the objective is met. Served 1900 → 2690 of 2700; …" }

import { predictionSchema } from './prediction.ts'

/** `null` if the metric was not observed. */
const metric = { type: ['number', 'null'] } as const

/** JSON Schema of the comparison of two telemetries: the result of `validate_improvement`. */
export const validationSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['status', 'deltas', 'summary'],
  properties: {
    // The rules are documented at `validate` in `tools/validation/validate.ts`.
    status: { enum: ['improved', 'unchanged', 'regressed', 'unknown'] },
    deltas: {
      type: 'array',
      description: 'Every metric of the telemetry, before and after.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['metric', 'unit', 'before', 'after', 'relative', 'verdict'],
        properties: {
          metric: { type: 'string', description: 'Path of the metric in the telemetry, e.g. "latency.ttft_s.p95".' },
          // Reports show a unit as it is, so it must be one of these.
          unit: { enum: ['s', 'share', '1/s', 'requests', 'preemptions', 'tokens', 'workers'] },
          before: metric,
          after: metric,
          relative: {
            ...metric,
            description: '(after - before) / before; null if one of them is null or before is 0.',
          },
          // `unknown` also for metrics of which neither direction is better.
          verdict: { enum: ['better', 'worse', 'same', 'unknown'] },
          comparable: {
            const: false,
            description: 'The values are of other requests or another time of service. Absent: comparable.',
          },
          reason: {
            type: 'string',
            description: 'Why the values are not comparable, or the objective that a larger value is within.',
          },
        },
      },
    },
    costs: {
      type: 'array',
      description: 'What the change costs that the figures do not contain, e.g. a restart. Absent: nothing is known.',
      minItems: 1,
      items: { type: 'string' },
    },
    limits: {
      type: 'array',
      description: 'What the verdict does not cover. Absent: nothing is known.',
      minItems: 1,
      items: { type: 'string' },
    },
    prediction: predictionSchema,
    summary: { type: 'string', description: 'The reason for the status, and the main metrics, in a few sentences.' },
  },
} as const
