import { randomUUID } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import type { Command } from 'commander'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { onOneLine } from '../../router/text/on-one-line.ts'
import { systemProblem } from '../../router/text/system-error.ts'
import { formatFigure } from '../../tools/validation/deltas.ts'
import type { AgentResult } from '../incident/agent/agent-result.ts'
import type { Report } from '../incident/report/report.ts'
import { createReportFolder, reportFolder, reportFolderName, writeReport } from '../incident/report/report-files.ts'
import { runIncident } from '../incident/run-incident.ts'
import type { LoopEvent } from '../loop/events.ts'
import { type CommandIo, exitCode, hint, stoppedCode, UsageError, writeLine } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { type Endpoint, openEndpoint, terminalNotice } from './endpoint.ts'
import { incidentOf, type NamedIncident } from './incident-argument.ts'
import { Progress } from './progress.ts'
import { isSuccess, type RunSummary, summaryLine, writeSummaries } from './run-summary.ts'
import { StatusLine } from './status-line.ts'
import { writeVerdict } from './verdict.ts'

/** Options of `run`. */
interface RunOptions {
  /** Run all built-in scenarios. @defaultValue false */
  readonly all?: boolean
  /** Refuse to run without a real model. @defaultValue false */
  readonly live?: boolean
  /** Folder for the reports; each run gets a folder of its own in it. */
  readonly reports: string
}

/** Registers `run`. */
export function registerRun(program: Command, context: CommandContext): void {
  addCommand(program, 'run [scenario|folder...]', 'analyse, fix and validate incidents, one after the other', {
    examples: [
      ['run', 'the incident kv_cache_pressure'],
      ['run nvidia_xid healthy_control', 'two incidents, with a table at the end'],
      ['run --all --quiet', 'all built-in incidents, one line each'],
      ['run ./incident-4711', 'a folder of your own logs and metrics pages'],
      ['run --json', 'a document for scripts'],
    ],
    notes: [
      'With --json, stdout is { "runs": [...], "not_run": [...] }. Each run has scenario, status, stop_reason,',
      'headline, root_cause, rounds, duration_ms, report_directory and error. The folder has report.json.',
    ],
    ok: 'every run ended with an accepted answer',
    failed: 'at least one ended without an answer, and its report says why; or a report could not be written',
  })
    .option('--all', 'run all built-in incidents')
    .option('--live', 'require a real model: fail if no token is set, instead of using the mock server')
    .option('--reports <folder>', 'folder for the reports; each run gets a folder in it', 'reports')
    .action((names: readonly string[], options: RunOptions) => context.run((io) => runCommand(io, names, options)))
}

/** Incidents in this process. Progress goes to stderr, verdicts to stdout, reports into files. */
async function runCommand(io: CommandIo, names: readonly string[], options: RunOptions): Promise<number> {
  const { all = false, live = false, reports } = options
  if (all && names.length > 0)
    throw new UsageError('--all runs every built-in incident. Leave out the names, or --all.')
  const chosen = all ? listScenarios() : names.length === 0 ? ['kv_cache_pressure'] : names
  // All of them are checked before the first one costs time or money.
  const incidents: NamedIncident[] = []
  for (const name of chosen) incidents.push(await incidentOf(name))
  const [first, ...others] = incidents
  const isSingle = first !== undefined && others.length === 0
  const endpoint = await openEndpoint(live, io.env, isSingle && io.stderr.isTTY && !io.quiet)
  try {
    await checkReports(reports)
    // From here on Ctrl-C stops the run in an orderly way, and the report is still written.
    const { signal } = io
    return await (isSingle ? runOne : runSeveral)({ io, incidents, endpoint, reports, signal })
  } finally {
    await endpoint.close()
  }
}

/** Ending a model call and writing the report can take a moment. */
const stopping = 'Stopping. The report is still written.'

/** Everything that the runs of one command share. */
interface Runs {
  /** Streams and output options of the command. */
  readonly io: CommandIo
  /** At least one. */
  readonly incidents: readonly NamedIncident[]
  /** The model. It stays open for all runs. */
  readonly endpoint: Endpoint
  /** Folder of all reports. */
  readonly reports: string
  /** Aborted by Ctrl-C or SIGTERM: the current run ends, and no other one starts. */
  readonly signal: AbortSignal
}

/** One incident, with every step and the verdict. */
async function runOne(runs: Runs): Promise<number> {
  const { io, incidents, endpoint, signal } = runs
  const progress = new Progress(io.stderr, () => performance.now(), io.quiet)
  const summaries: RunSummary[] = []
  try {
    for (const incident of incidents) {
      signal.addEventListener('abort', () => progress.line(stopping, 'yellow'), { once: true })
      progress.line(`incident ${incident.scenario}, endpoint ${endpoint.model.url}`)
      const notice = terminalNotice(endpoint)
      if (notice !== undefined) progress.line(notice)
      const showVerdict = ({ json }: Report) => {
        progress.close()
        // Printed before the files are written: if writing fails, the result of a paid run is not lost.
        if (!io.json && !io.quiet) writeVerdict(io.stdout, json)
      }
      summaries.push(await runAndReport(runs, incident, progress.onEvent, showVerdict))
    }
  } finally {
    progress.close()
  }
  const [summary] = summaries
  if (io.json) io.stdout.json({ runs: summaries, not_run: [] })
  else if (io.quiet) for (const each of summaries) io.stdout.write(`${summaryLine(each)}\n`)
  else if (summary?.report_directory) {
    io.stdout.write(`\nReport      ${summary.report_directory}/report.html, report.md, report.json\n`)
  }
  if (summary?.error) writeLine(io.stderr, `${io.quiet ? '' : '\n'}${summary.error}`)
  return codeOf(summaries, signal)
}

/** Several incidents: one line each while they run, and a table at the end. */
async function runSeveral(runs: Runs): Promise<number> {
  const { io, incidents, endpoint, reports, signal } = runs
  const startedAt = performance.now()
  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s`
  const status = new StatusLine(io.stderr, () => ({ style: 'dim', text: seconds() }))
  const notice = terminalNotice(endpoint)
  if (notice !== undefined) hint(io, notice)
  const say = (text: string) => {
    status.clear()
    hint(io, text)
  }
  signal.addEventListener('abort', () => say(stopping), { once: true })
  const summaries: RunSummary[] = []
  try {
    for (const [index, incident] of incidents.entries()) {
      if (signal.aborted) break
      const title = `${index + 1}/${incidents.length} ${incident.scenario}`
      const show = (text: string) => io.quiet || status.show(`${title}${text}`)
      show('')
      const summary = await runAndReport(runs, incident, (event) => {
        if (event.type === 'round-start') show(`, round ${event.round}: waiting for the model`)
        if (event.type === 'tool-start') show(`, round ${event.round}: ${event.tool}`)
      })
      summaries.push(summary)
      status.clear()
      // The results are in the table at the end.
      if (!io.stderr.isTTY) hint(io, `${title} ended after ${(summary.duration_ms / 1000).toFixed(1)} s`)
      if (io.quiet && !io.json) io.stdout.write(`${summaryLine(summary)}\n`)
    }
  } finally {
    status.clear()
  }
  const notRun = incidents.slice(summaries.length).map(({ scenario }) => scenario)
  if (io.json) io.stdout.json({ runs: summaries, not_run: notRun })
  else if (!io.quiet && summaries.length > 0) writeSummaries(io.stdout, summaries, reports)
  for (const { scenario, error } of summaries) if (error !== null) writeLine(io.stderr, `${scenario}: ${error}`)
  if (notRun.length > 0) writeLine(io.stderr, `Not run: ${notRun.join(', ')}`)
  return codeOf(summaries, signal)
}

/** The exit code: a stopped command, a failure of any incident, or success. */
function codeOf(summaries: readonly RunSummary[], signal: AbortSignal): number {
  if (signal.aborted) return stoppedCode(signal)
  return summaries.every(isSuccess) ? exitCode.ok : exitCode.failed
}

/** Runs an incident and writes its report. It does not reject: an unexpected error is in the summary. */
async function runAndReport(
  { endpoint, reports, signal }: Runs,
  { scenario, scenarios }: NamedIncident,
  onEvent: (event: LoopEvent) => void,
  onReport: (report: Report) => void = () => {},
): Promise<RunSummary> {
  const startedAt = performance.now()
  const runId = reportFolderName({ scenario, startedAt: new Date(), id: randomUUID() })
  const failed = (error: unknown) => ({
    ...{ scenario, status: null, stop_reason: null, headline: null, root_cause: null, rounds: 0 },
    ...{ duration_ms: elapsed(), report_directory: null, error: `Failed: ${errorMessage(error)}` },
  })
  const elapsed = () => Math.round(performance.now() - startedAt)
  try {
    const { result, report } = await runIncident(scenario, {
      model: endpoint.model,
      signal,
      onEvent,
      runId,
      ...(scenarios === undefined ? {} : { scenarios }),
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
    })
    onReport(report)
    const { headline, validation, diagnosis, run } = report.json
    const summary = {
      ...{ scenario, status: validation.status, stop_reason: run.stop_reason, headline: headline.text },
      ...{ root_cause: diagnosis.root_cause, rounds: run.rounds },
    }
    try {
      const folder = await reportFolder(reports, runId)
      await writeReport(report, folder)
      return { ...summary, duration_ms: elapsed(), report_directory: folder, error: failureOf(result) ?? null }
    } catch (error) {
      const { message } = reportsNotWritable(reports, error)
      return { ...summary, duration_ms: elapsed(), report_directory: null, error: message }
    }
  } catch (error) {
    return failed(error)
  }
}

/** Why a run has no accepted answer, as the last line of the command; `undefined` if it has one. */
function failureOf({ run, agent_trace }: AgentResult): string | undefined {
  if (run.stop_reason === 'answered') return undefined
  if (run.error !== undefined) return `${run.stop_reason === 'cancelled' ? '' : 'Failed: '}${run.error.message}`
  const reason = run.stop_reason === 'rounds' ? '' : ` (${run.stop_reason})`
  const rejected = agent_trace.findLast((entry) => entry.type === 'answer-rejected')
  const problem =
    rejected === undefined ? '' : `; last problem: ${onOneLine(rejected.problems.join('; ')).replace(/\.$/, '')}`
  return `Failed: no answer was accepted in ${formatFigure(run.rounds, 'rounds')}${reason}${problem}.`
}

/**
 * Creates the folder for reports, before any model call costs money.
 *
 * @throws {UsageError} if it cannot be created or written to.
 */
export async function checkReports(folder: string): Promise<void> {
  if (folder.trim() === '') throw new UsageError('--reports is empty. Give the path of a folder.')
  try {
    await createReportFolder(folder)
    await access(folder, constants.W_OK)
  } catch (error) {
    throw reportsNotWritable(folder, error)
  }
}

/** Names the folder and the option to change it. */
function reportsNotWritable(folder: string, error: unknown): UsageError {
  return new UsageError(
    `Reports cannot be written to ${folder}: ${systemProblem(error)}. Choose another folder with --reports.`,
  )
}
