import { redactDeep } from '../../../router/text/redact.ts'
import type { IncidentNote } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { renderMarkdown } from './markdown.ts'
import type { ReportDocument } from './report-schema.ts'

/** The report in its two forms. */
export interface Report {
  /** Content of `report.json`. */
  readonly json: ReportDocument
  /** Content of `report.md`. */
  readonly markdown: string
}

/** Everything that a report is made from. */
export interface ReportInput {
  /** Id of the incident. */
  readonly scenario: string
  /** Telemetry of the incident's window, before any fix. */
  readonly pre_telemetry: Telemetry
  /** The agent's result. */
  readonly result: AgentResult
  /** A sentence at the top of the report, for example that no model was used. */
  readonly notice?: string
  /** Notes of the incident, for what was not looked at. */
  readonly notes?: readonly IncidentNote[]
}

/**
 * Makes the report, as a JSON document and as Markdown.
 *
 * It is a pure function. Secrets are masked, and every figure comes from the input.
 */
export function generateReport({ scenario, pre_telemetry, result, notice, notes = [] }: ReportInput): Report {
  const json: ReportDocument = redactDeep({
    report_version: 1 as const,
    scenario,
    notice: notice ?? null,
    ...result,
    pre_telemetry,
    not_looked_at: notes.map(({ text }) => text),
  })
  return { json, markdown: renderMarkdown(json) }
}
