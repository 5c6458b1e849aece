import type { ReportDocument } from '../incident/report/report-schema.ts'
import type { TerminalOutput } from './terminal-output.ts'
import { longest, table } from './text-layout.ts'

/** The outcome of one incident of a `run` command: an item of `runs` in its JSON document. */
export interface RunSummary {
  /** Id of the incident. */
  readonly scenario: string
  /** Verdict of the simulation about the fix; `null` if the run ended with an unexpected error. */
  readonly status: ReportDocument['validation']['status'] | null
  /** Why the run ended; `null` as for `status`. */
  readonly stop_reason: ReportDocument['run']['stop_reason'] | null
  /** State and impact in one or two sentences; `null` as for `status`. */
  readonly headline: string | null
  /** The cause that the model found; `null` as for `status`. */
  readonly root_cause: string | null
  /** Number of rounds. */
  readonly rounds: number
  /** Duration of the whole incident in milliseconds, the report included. */
  readonly duration_ms: number
  /** Folder with report.json, report.md and report.html; `null` if they could not be written. */
  readonly report_directory: string | null
  /** Why there is no accepted answer or no report; `null` without a failure. */
  readonly error: string | null
}

/** Whether the incident has an accepted answer and a report. */
export function isSuccess({ stop_reason, error }: RunSummary): boolean {
  return stop_reason === 'answered' && error === null
}

/** One line about a finished incident. */
export function summaryLine(summary: RunSummary): string {
  const { scenario, rounds, report_directory: folder } = summary
  const parts = [verdictOf(summary), `${rounds} rounds`, seconds(summary), ...(folder === null ? [] : [folder])]
  return `${scenario}: ${parts.join(', ')}`
}

/**
 * Prints a table with a row per incident. A narrow terminal gets it without the folders, which begin with the ids.
 *
 * @param reports folder of all reports.
 */
export function writeSummaries(output: TerminalOutput, summaries: readonly RunSummary[], reports: string): void {
  const rows = summaries.map((summary) => [
    summary.scenario,
    verdictOf(summary),
    `${summary.rounds} rounds`,
    seconds(summary),
    summary.report_directory ?? '',
  ])
  const all = [['scenario', 'verdict', '', 'time', 'report'], ...rows]
  const whole = table(all, Number.POSITIVE_INFINITY)
  const isTooWide = output.isTTY && longest(whole) > output.columns
  const lines = isTooWide
    ? [
        ...table(
          all.map((row) => row.slice(0, -1)),
          output.columns,
        ),
        '',
        `Reports are in ${reports}.`,
      ]
    : whole
  output.write(`\n${lines.join('\n')}\n`)
}

/** The verdict, or the reason why the run has no answer. */
function verdictOf({ status, stop_reason, error }: RunSummary): string {
  if (status === null) return `error: ${error}`
  return stop_reason === 'answered' ? status : `${status} (${stop_reason})`
}

function seconds({ duration_ms }: RunSummary): string {
  return `${(duration_ms / 1000).toFixed(1)} s`
}
