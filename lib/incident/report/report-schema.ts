import type { Infer, Returnable } from '../../../router/schema.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import { type AgentResult, agentResultSchema } from '../agent/agent-result.ts'

/** The members that a report adds to the agent's result. */
const addedSchema = {
  type: 'object',
  required: ['report_version', 'scenario', 'notice', 'pre_telemetry', 'not_looked_at'],
  properties: {
    report_version: { const: 1, description: 'Incremented when the meaning of a member changes.' },
    scenario: { type: 'string', minLength: 1, description: 'Id of the incident.' },
    notice: {
      type: ['string', 'null'],
      description: 'A sentence that the reader must see first, for example that no model was used.',
    },
    pre_telemetry: { ...telemetrySchema, description: "Telemetry of the incident's window, before any fix." },
    not_looked_at: {
      type: 'array',
      description: 'Parts of files that were left out, facts that no file states, and assumptions.',
      items: { type: 'string' },
    },
  },
} as const

/** Schema of a {@link ReportDocument}, as `report.json` contains it. */
export const reportSchema = {
  ...agentResultSchema,
  required: [...addedSchema.required, ...agentResultSchema.required],
  properties: { ...addedSchema.properties, ...agentResultSchema.properties },
} as const

/** The report of one incident as a JSON document: the agent's result and what it is about. */
export type ReportDocument = AgentResult & Returnable<Infer<typeof addedSchema>>
