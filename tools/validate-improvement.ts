import { defineTool } from '../router/define-tool.ts'
import { canonicalJson } from '../router/json/json.ts'
import { pureAnnotations } from './schemas/common.ts'
import { telemetrySchema } from './schemas/telemetry.ts'
import { validationSchema } from './schemas/validation.ts'
import type { Telemetry } from './types.ts'
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
  execute: ({ pre_telemetry, post_telemetry }) => {
    const validation = validate(pre_telemetry, post_telemetry)
    if (canonicalJson(pre_telemetry) !== canonicalJson(post_telemetry)) return validation
    return { ...validation, summary: `${sameTelemetry(pre_telemetry)} ${validation.summary}` }
  },
  toContent: (validation, { post_telemetry }) => validationView(validation, post_telemetry),
})

/** A telemetry is always unchanged from itself, which says nothing about a fix. */
function sameTelemetry({ phase }: Telemetry): string {
  const next =
    phase === 'pre'
      ? 'Pass {"$result":"collect_post_telemetry#/post_telemetry"} as post_telemetry.'
      : 'Pass {"$input":"pre_telemetry"} as pre_telemetry.'
  return `pre_telemetry and post_telemetry are the same telemetry, so this compares nothing. ${next}`
}
