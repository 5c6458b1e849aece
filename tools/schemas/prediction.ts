// The prediction for a load that was inferred from metrics pages, in short:
//
//     { "ratios": [{ "figure": "ttft_p95_s", "ratio": 0.04, "band": { "low": 0.02, "high": 0.09 } }, …],
//       "residual": 0.05,
//       "residuals": ["Time to first token p95: simulated 106 s, pages 80 s to 160 s", …] }
//
// It is a member of the result of a fix, of the telemetry after it and of the validation, only if the load was inferred.

const ratio = { type: 'number', minimum: 0 } as const

/** JSON Schema of a change of one figure: the value after the change, divided by the value before it. */
export const predictedRatioSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['figure', 'ratio', 'band'],
  properties: {
    figure: { type: 'string', description: 'Name of the figure with its unit, e.g. "ttft_p95_s".' },
    ratio: { ...ratio, description: 'Median over the steady draws of the load; 0.5 means half.' },
    band: {
      type: 'object',
      description:
        'Lowest and highest ratio over all draws of both arrival models, widened by the residual of the pages. An effect ' +
        'whose band contains 1 is not certain.',
      additionalProperties: false,
      required: ['low', 'high'],
      properties: { low: ratio, high: ratio },
    },
  },
} as const

/** JSON Schema of the predicted effect of a change, with how well the simulation reproduces the pages. */
export const predictionSchema = {
  type: 'object',
  description: 'Only if the load was inferred from metrics pages: the predicted ratios, each with its band.',
  additionalProperties: false,
  required: ['ratios', 'residual', 'residuals'],
  properties: {
    ratios: { type: 'array', items: predictedRatioSchema },
    residual: {
      ...ratio,
      description: 'Largest relative error of the simulated means against those of the pages; 0.1 is 10 %.',
    },
    residuals: {
      type: 'array',
      description: 'Each figure of the pages next to that of the simulation of the same time.',
      items: { type: 'string' },
    },
  },
} as const
