import { randomUUID } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import type { Command } from 'commander'
import { errorMessage } from '../../router/errors.ts'
import { onOneLine } from '../../router/text/on-one-line.ts'
import { formatFigure } from '../../tools/validation/deltas.ts'
import type { AgentResult } from '../incident/agent/agent-result.ts'
import { createReportFolder, reportFolder, reportFolderName, writeReport } from '../incident/report/report-files.ts'
import { runIncident } from '../incident/run-incident.ts'
import { type CommandIo, exitCode, stoppedCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { openEndpoint } from './endpoint.ts'
import { incidentOf } from './incident-argument.ts'
import { Progress, verdict } from './progress.ts'

/** Registers `run`. */
export function registerRun(program: Command, context: CommandContext): void {
  addCommand(program, 'run [scenario|folder]', 'analyse, fix and validate one incident', {
    examples: [
      ['run', 'the incident kv_cache_pressure'],
      ['run ./incident-4711', 'a folder of your own logs and metrics pages'],
    ],
    ok: 'the run ended with an accepted answer',
    failed: 'it ended without one, and the report says why',
  })
    .option('--live', 'require a real model: fail if no token is set, instead of using the mock server')
    .option('--reports <folder>', 'folder for the reports; each run gets a folder in it', 'reports')
    .action((scenario: string = 'kv_cache_pressure', options: Omit<RunCommandOptions, 'scenario'>) =>
      context.run((io) => runCommand(io, { ...options, scenario })),
    )
}

interface RunCommandOptions {
  /** Id of a built-in scenario, or path of an incident folder. */
  readonly scenario: string
  /** Refuse to run without a real model. @defaultValue false */
  readonly live?: boolean
  /** Folder for the reports; each run gets a folder of its own in it. */
  readonly reports: string
}

/** `tenrounds run`: one incident in this process. Progress goes to stderr, the verdict to stdout, the report into files. */
export async function runCommand(
  io: CommandIo,
  { scenario: named, live = false, reports }: RunCommandOptions,
): Promise<number> {
  const { scenario, ...source } = await incidentOf(named)
  const endpoint = await openEndpoint(live, io.env, io.stderr.isTTY)
  // From here on Ctrl-C stops the run in an orderly way, and the report is still written.
  const { signal } = io
  const runId = reportFolderName({ scenario, startedAt: new Date(), id: randomUUID() })
  const progress = new Progress(io.stderr, () => performance.now())
  try {
    const folder = await reportFolder(reports, runId).catch((error: unknown) => {
      throw reportsNotWritable(reports, error)
    })
    progress.line(`incident ${scenario}, endpoint ${endpoint.model.url}`)
    if (endpoint.notice !== undefined) progress.line(endpoint.notice)
    const { result, report } = await runIncident(scenario, {
      model: endpoint.model,
      signal,
      onEvent: progress.onEvent,
      runId,
      ...source,
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
    })
    progress.close()
    // Printed before the files are written: if writing fails, the result of a paid run is not lost.
    io.stdout.write(`\n${verdict(report.json)}\n`)
    await writeReport(report, folder)
    io.stdout.write(`\nReport      ${folder}/report.html, report.md, report.json\n`)
    const failure = failureOf(result)
    if (failure !== undefined) io.stderr.write(`\n${failure}\n`)
    if (signal.aborted) return stoppedCode(signal)
    return result.run.stop_reason === 'answered' ? exitCode.ok : exitCode.failed
  } finally {
    progress.close()
    await endpoint.close()
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
    `Reports cannot be written to ${folder}: ${errorMessage(error)}. Choose another folder with --reports.`,
  )
}
