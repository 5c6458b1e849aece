import type { Telemetry } from '../../tools/documents.ts'
import type { AgentResult } from '../incident/agent-result.ts'

/** The report of one incident as a document; `report_version` changes when a field changes its meaning. */
export interface ReportDocument extends AgentResult {
  readonly report_version: 1
  readonly scenario: string
  /** What a reader has to know before anything else, e.g. that no model was involved. */
  readonly notice: string | null
  readonly pre_telemetry: Telemetry
}

export interface Report {
  readonly json: ReportDocument
  readonly markdown: string
}
