import { access, constants, mkdir } from 'node:fs/promises'
import { listScenarios, UnknownScenarioError } from '../../fixtures/load-scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { reportFolder, writeReport } from '../incident/report/report.ts'
import { runIncident } from '../incident/run-incident.ts'
import { openEndpoint } from './endpoint.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { interruption } from './interrupt.ts'
import { Progress, verdict } from './progress.ts'

interface RunCommandOptions {
  readonly scenario: string
  /** Refuse to run without a real model. */
  readonly live: boolean
  /** Where the folder of the run is made. */
  readonly reports: string
}

/** `tenrounds run`: one incident in this process, progress on stderr, the verdict on stdout, the report in files. */
export async function runCommand({ scenario, live, reports }: RunCommandOptions): Promise<number> {
  if (!listScenarios().includes(scenario)) throw new UsageError(new UnknownScenarioError(scenario).message)
  const endpoint = await openEndpoint(live, process.env)
  const runId = runIdOf(scenario, new Date())
  const interrupted = interruption()
  const progress = new Progress(process.stderr, () => performance.now())
  try {
    const folder = await reportFolder(reports, runId).catch((error: unknown) => {
      throw unwritableReports(reports, error)
    })
    progress.line(`incident ${scenario}, endpoint ${endpoint.model.url}`)
    if (endpoint.notice !== undefined) progress.line(endpoint.notice)
    const { result, report } = await runIncident(scenario, {
      model: endpoint.model,
      signal: interrupted.signal,
      onEvent: progress.onEvent,
      runId,
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
    })
    progress.close()
    process.stdout.write(`\n${verdict(report.json)}\n`)
    await writeReport(report, folder)
    process.stdout.write(`\nReport      ${folder}/report.md, report.json\n`)
    if (result.agent_trace.error !== undefined) process.stderr.write(`\nFailed: ${result.agent_trace.error.message}\n`)
    if (interrupted.signal.aborted) return exitCode.interrupted
    return result.agent_trace.stop_reason === 'answered' ? exitCode.ok : exitCode.failed
  } finally {
    progress.close()
    interrupted.release()
    await endpoint.close()
  }
}

/** Names the folder of the report, so it sorts by time. */
function runIdOf(scenario: string, at: Date): string {
  return `${scenario}-${at.toISOString().replace(/[-:]/g, '').replace('.', '')}`
}

/** Makes the folder of all reports, before any run is paid for. @throws {UsageError} where none could be written into it. */
export async function checkReports(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (error) {
    throw unwritableReports(folder, error)
  }
}

function unwritableReports(folder: string, error: unknown): UsageError {
  const why = errorMessage(error)
  return new UsageError(`Reports cannot be written to ${folder}: ${why}. Give another folder with --reports.`)
}
