import { errorMessage, TenroundsError } from '../../../router/errors.ts'
import { describeValidationErrors } from '../../../router/feedback.ts'
import { isObject, parseJson, unparsable } from '../../../router/json/json.ts'
import { describeOption } from '../../../router/text/shown-value.ts'
import { compileSchema } from '../../../router/validation.ts'
import { type ReportDocument, reportSchema, reportVersion } from './report-schema.ts'

/**
 * Code of a {@link ReportError}.
 *
 * - `report_version`: another release wrote the report. Make it again, or use that release.
 * - `invalid_report`: it is not a report, or it is damaged. The message has the path of each problem.
 */
export type ReportErrorCode = 'report_version' | 'invalid_report'

/** A `report.json` cannot be used. The message says why, and what to do. */
export class ReportError extends TenroundsError {
  override readonly name = 'ReportError' as const
  /** Stable identifier of the problem. */
  declare readonly code: ReportErrorCode

  constructor(code: ReportErrorCode, message: string) {
    super(code, message)
  }
}

const nextStep = `Pass a report.json that this release wrote, or run the incident again.`

/**
 * Reads a report that was written before, and checks it against {@link reportSchema}. Of the entries of `agent_trace` only
 * the members `type` and `elapsed_ms` are checked.
 *
 * @param json content of a `report.json`: its text, or the parsed value.
 * @throws {ReportError} `report_version` for a report of another version; `invalid_report` for anything else that is not a
 *   report.
 *
 * @example
 * const markdown = renderMarkdown(readReport(await readFile('report.json', 'utf8')))
 */
export function readReport(json: unknown): ReportDocument {
  const value = typeof json === 'string' ? parseJson(json.replace(/^\ufeff/, '')) : json
  if (value === unparsable) throw new ReportError('invalid_report', `${whyNotJson(String(json))} ${nextStep}`)
  if (!isObject(value) || !isVersion(value['report_version']))
    throw new ReportError('invalid_report', notAReport(value))
  const { report_version: version } = value
  if (version !== reportVersion) {
    throw new ReportError(
      'report_version',
      `The report has version ${version}, and this release reads version ${reportVersion}. Run the incident again, or use the release of tenrounds that wrote the report.`,
    )
  }
  assertReport(value)
  return value
}

function whyNotJson(text: string): string {
  if (text.trim() === '') return 'The report is empty.'
  // The parser's message says whether the text ends too early.
  try {
    JSON.parse(text)
  } catch (error) {
    if (/end of JSON|[Uu]nterminated/.test(errorMessage(error))) return 'The report is cut off: its JSON has no end.'
  }
  return 'The report is not JSON.'
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value)
}

function notAReport(value: unknown): string {
  const found =
    isObject(value) && value['report_version'] !== undefined
      ? `report_version is ${describeOption(value['report_version'])}`
      : isObject(value)
        ? 'it has no report_version'
        : `it is ${describeOption(value)}`
  return `This is not a report of tenrounds: ${found}. ${nextStep}`
}

function assertReport(value: unknown): asserts value is ReportDocument {
  const errors = compileSchema(reportSchema)(value)
  if (errors.length === 0) return
  throw new ReportError(
    'invalid_report',
    `The report is damaged. ${nextStep}\n${describeValidationErrors(errors, reportSchema)}`,
  )
}
