import { fixPlanSchema } from '../../tools/schemas/fix-plan.ts'

const sentence = { type: 'string', minLength: 1 } as const
const sentences = { type: 'array', items: sentence } as const

/** What the model has to answer with: its diagnosis and its plan. Everything else is taken from tool results. */
export const answerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['diagnosis', 'fix_plan'],
  properties: {
    diagnosis: {
      type: 'object',
      additionalProperties: false,
      required: ['root_cause', 'summary', 'category', 'confidence', 'evidence', 'ruled_out', 'uncertainties'],
      properties: {
        root_cause: { ...sentence, description: 'The cause, not its symptoms, in one sentence.' },
        summary: { ...sentence, description: 'What happened and why, for the engineer on call.' },
        category: { ...sentence, description: 'The class of the cause in a word or two, e.g. "kv_cache".' },
        confidence: { enum: ['high', 'medium', 'low'] },
        evidence: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['tool', 'quote'],
            properties: {
              tool: { ...sentence, description: 'Name of the tool whose result is quoted.' },
              quote: { ...sentence, description: 'Copied from that result without a change.' },
            },
          },
        },
        ruled_out: { ...sentences, description: 'Other causes that were considered, with the reason against each.' },
        uncertainties: { ...sentences, description: 'What the data cannot tell.' },
      },
    },
    fix_plan: fixPlanSchema,
  },
} as const
