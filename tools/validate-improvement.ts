import { defineTool } from '../router/define-tool.ts'
import { pureAnnotations } from './schemas/common.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { validationSchema } from './schemas/validation.ts'
import { validate } from './validation/validate.ts'
import { validationView } from './views/validation-view.ts'

/** The tool `validate_improvement`. It fails with `MismatchError` if the two telemetries cannot be compared. */
export const validateImprovement = defineTool({
  name: 'validate_improvement',
  title: 'Validate the improvement',
  description:
    'Compares the telemetry before and after a fix: improved, unchanged, regressed or unknown, by the same requests over ' +
    'several seeds, with the changes of each figure and what they cost. Refusing or dropping work is a regression.',
  inputSchema: {
    type: 'object',
    additionalProperties: false,
    required: ['pre_telemetry', 'post_telemetry'],
    properties: {
      pre_telemetry: { ...telemetrySchema, description: '{"$input":"pre_telemetry"}.' },
      post_telemetry: { ...telemetrySchema, description: '{"$result":"collect_post_telemetry#/post_telemetry"}.' },
    },
  },
  outputSchema: validationSchema,
  annotations: pureAnnotations,
  execute: ({ pre_telemetry, post_telemetry }) => validate(pre_telemetry, post_telemetry),
  toContent: (validation, { post_telemetry }) => validationView(validation, post_telemetry),
})
