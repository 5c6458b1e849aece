import { redactDeep } from '../../../router/text/redact.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { renderMarkdown } from './markdown.ts'
import type { Report, ReportDocument } from './report.ts'

export interface ReportInput {
  readonly scenario: string
  readonly pre_telemetry: Telemetry
  readonly result: AgentResult
  /** Stands at the head of the report. */
  readonly notice?: string
}

/** The report as a document and as Markdown: pure, secrets masked, every figure out of the input. */
export function generateReport({ scenario, pre_telemetry, result, notice }: ReportInput): Report {
  const json: ReportDocument = redactDeep({
    report_version: 1 as const,
    scenario,
    notice: notice ?? null,
    ...result,
    pre_telemetry,
  })
  return { json, markdown: renderMarkdown(json) }
}
