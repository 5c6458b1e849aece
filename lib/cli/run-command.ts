import { randomUUID } from 'node:crypto'
import { access, constants, stat } from 'node:fs/promises'
import {
  InvalidScenarioError,
  listScenarios,
  UnknownScenarioError,
  validateScenario,
} from '../../fixtures/load-scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { onOneLine } from '../../router/text/on-one-line.ts'
import { type ScenarioSource, scenarioSource } from '../../tools/scenario-source.ts'
import { formatFigure } from '../../tools/validation/deltas.ts'
import type { AgentResult } from '../incident/agent/agent-result.ts'
import { createReportFolder, reportFolder, reportFolderName, writeReport } from '../incident/report/report-files.ts'
import { runIncident } from '../incident/run-incident.ts'
import { type CommandIo, exitCode, stoppedCode, UsageError } from './command-io.ts'
import { openEndpoint } from './endpoint.ts'
import { openFolder } from './folder-commands.ts'
import { Progress, verdict } from './progress.ts'

interface RunCommandOptions {
  /** Id of a built-in scenario, or path of an incident folder. */
  readonly scenario: string
  /** Refuse to run without a real model. */
  readonly live: boolean
  /** Folder for the reports; each run gets a folder of its own in it. */
  readonly reports: string
}

/** `tenrounds run`: one incident in this process. Progress goes to stderr, the verdict to stdout, the report into files. */
export async function runCommand(
  io: CommandIo,
  { scenario: named, live, reports }: RunCommandOptions,
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
    io.stdout.write(`\nReport      ${folder}/report.md, report.json\n`)
    const failure = failureOf(result)
    if (failure !== undefined) io.stderr.write(`\n${failure}\n`)
    if (signal.aborted) return stoppedCode(signal)
    return result.run.stop_reason === 'answered' ? exitCode.ok : exitCode.failed
  } finally {
    progress.close()
    await endpoint.close()
  }
}

/** The id of a built-in scenario, or the incident of a folder. @throws {UsageError} if the name is neither. */
export async function incidentOf(
  name: string,
): Promise<{ readonly scenario: string; readonly scenarios?: ScenarioSource }> {
  const isFolder =
    !listScenarios().includes(name) &&
    (/[\\/]/.test(name) ||
      (await stat(name).then(
        (found) => found.isDirectory(),
        () => false,
      )))
  if (!isFolder) {
    checkScenario(name)
    return { scenario: name }
  }
  const incident = await openFolder(name)
  return { scenario: incident.observation.id, scenarios: scenarioSource([incident]) }
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

/** @throws {UsageError} with the list of scenarios if this one does not exist, or with what is wrong with its file. */
function checkScenario(scenario: string): void {
  if (!listScenarios().includes(scenario)) throw new UsageError(new UnknownScenarioError(scenario).message)
  try {
    validateScenario(scenario)
  } catch (error) {
    throw error instanceof InvalidScenarioError ? new UsageError(error.message) : error
  }
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
