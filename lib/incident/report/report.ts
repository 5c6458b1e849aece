import { redactDeep } from '../../../router/text/redact.ts'
import { renderMarkdown } from './markdown.ts'
import { type ReportInput, reportFacts } from './report-facts.ts'
import type { ReportDocument } from './report-schema.ts'

/** The report of one incident in two forms. The third one, `report.html`, is rendered from the first. */
export interface Report {
  /** Content of `report.json`. */
  readonly json: ReportDocument
  /** Content of `report.md`. */
  readonly markdown: string
}

/**
 * Makes the report, as a JSON document and as Markdown.
 *
 * It is a pure function. Secrets are masked, and every figure comes from the input or from the incident.
 */
export function generateReport(input: ReportInput): Report {
  const json: ReportDocument = redactDeep({ ...reportFacts(input), ...input.result })
  return { json, markdown: renderMarkdown(json) }
}
