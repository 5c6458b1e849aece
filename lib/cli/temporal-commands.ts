/**
 * The commands that need Temporal. A workflow runs on the server, so the command that starts it, the worker that executes it
 * and the commands that watch it are independent processes:
 *
 * ```
 * tenrounds start   ──starts──▶  Temporal server  ◀──polls──  tenrounds worker  ──▶  model
 * tenrounds watch   ──reads───▶  (state, heartbeats)
 * ```
 *
 * Temporal's packages are optional. Nothing here imports them statically, except for types.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { Client, WorkflowHandle } from '@temporalio/client'
import type { LogEntry } from '@temporalio/worker'
import type { Command } from 'commander'
import { isObject } from '../../router/json/json.ts'
import { builtInScenarios, type Incident, type ScenarioSource, scenarioSource } from '../../tools/scenario-source.ts'
import { connectClient, type IncidentView, startIncident, viewIncident } from '../../workflows/client.ts'
import { TemporalConnectionError, temporalSettings } from '../../workflows/connection.ts'
import type { LatencyWorkflowResult } from '../../workflows/latency-workflow.ts'
import { withTemporal } from '../../workflows/temporal-packages.ts'
import { runWorker } from '../../workflows/worker.ts'
import { type CommandIo, exitCode, hint, stoppedCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { openEndpoint, terminalNotice } from './endpoint.ts'
import { incidentOf, openFolder } from './incident-argument.ts'
import { Progress } from './progress.ts'
import { checkReports } from './run-command.ts'
import { writeVerdict } from './verdict.ts'

/** Exit code of commands that watch a server. */
const unreachable = [
  [exitCode.unreachable, 'the Temporal server did not answer for minutes; workflows may still be running'],
] as const

/** Registers the commands for Temporal. */
export function registerTemporalCommands(program: Command, context: CommandContext): void {
  program.commandsGroup('With Temporal:')
  addCommand(program, 'worker', 'run a worker for the incident workflow, until Ctrl-C or SIGTERM', {
    examples: [
      ['worker --live', 'work with a real model only'],
      ['worker --incident ./incident-4711', 'also serve workflows for this folder'],
    ],
    ok: 'the worker was stopped; its runs continue in another one',
    others: unreachable,
  })
    .option('--live', 'require a real model: fail if no token is set, instead of using the mock server')
    .option('--reports <folder>', 'folder for the reports', 'reports')
    .option('--incident <folder>', 'incident folder that the worker can analyse, too')
    .action((options: WorkerCommandOptions) => context.run((io) => workerCommand(io, options)))
  addCommand(program, 'start <scenario|folder>', 'start a workflow and print its id', {
    examples: [
      ['start kv_cache_pressure --wait', 'start a workflow and watch it'],
      ['start ./incident-4711 --send', 'the same for a folder that the worker does not have'],
    ],
    ok: 'the workflow was started; with --wait: it ended with an accepted answer',
    failed: 'with --wait: the workflow ended without an accepted answer',
    others: unreachable,
  })
    .option('--wait', 'watch the workflow until it ends')
    .option('--send', 'send what was read from the folder with the workflow')
    .action((scenario: string, options: Omit<StartCommandOptions, 'scenario'>) =>
      context.run((io) => startCommand(io, { ...options, scenario })),
    )
  addCommand(program, 'watch <workflow-id>', 'show the rounds of a workflow as they happen, then the verdict', {
    examples: [['watch latency-kv_cache_pressure-1', 'Ctrl-C ends the watching, not the workflow']],
    ok: 'the workflow ended with an accepted answer',
    failed: 'the workflow ended without an accepted answer',
    others: unreachable,
  }).action((id: string) => context.run((io) => watchCommand(io, id)))
}

interface WorkerCommandOptions {
  /** Refuse to work without a real model. @defaultValue false */
  readonly live?: boolean
  /** Folder for the reports; each run gets a folder of its own in it. */
  readonly reports: string
  /** Incident folder that the worker can analyse besides the built-in scenarios. @defaultValue none */
  readonly incident?: string
}

/**
 * `tenrounds worker`: runs a worker for the incident workflow until SIGTERM or Ctrl-C. Its runs then continue in another
 * worker, from their last checkpoints.
 */
export async function workerCommand(
  io: CommandIo,
  { live = false, reports, incident }: WorkerCommandOptions,
): Promise<number> {
  const { DefaultLogger, Runtime } = await withTemporal(() => import('@temporalio/worker'))
  await checkReports(reports)
  // Opened once, before any work, so that all steps of a workflow see the same incident.
  const source = incident === undefined ? {} : { scenarios: withBuiltIn(await openFolder(incident)) }
  // The runtime also listens for SIGTERM and SIGINT and shuts the worker down, so io.signal is not used here.
  // Failures in this log can quote a model or a server, so it passes the same filter as all other output.
  Runtime.install({ logger: new DefaultLogger('WARN', (entry) => io.stderr.write(logLine(entry))) })
  const endpoint = await openEndpoint(live, io.env)
  let wasReady = false
  try {
    const notice = terminalNotice(endpoint)
    if (notice !== undefined) hint(io, notice)
    await runWorker({
      env: io.env,
      ...source,
      model: endpoint.model,
      reportDirectory: reports,
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
      onReady: ({ address, namespace, taskQueue }) => {
        wasReady = true
        const where = `Temporal ${address}, namespace ${namespace}, task queue ${taskQueue}`
        if (io.json) {
          const place = { address, namespace, task_queue: taskQueue }
          io.stdout.json({ ...place, model_url: endpoint.model.url, report_directory: reports })
          return
        }
        io.stdout.write(`worker ready: ${where}; model endpoint ${endpoint.model.url}; reports in ${reports}\n`)
      },
    })
    if (!io.json) io.stdout.write('worker stopped\n')
    return exitCode.ok
  } catch (error) {
    if (!wasReady || !(error instanceof TemporalConnectionError)) return asUsageError(error)
    io.stderr.write(`tenrounds: ${error.message}\n`)
    return exitCode.unreachable
  } finally {
    await endpoint.close()
  }
}

/** The built-in scenarios and one more incident. */
function withBuiltIn(incident: Incident): ScenarioSource {
  return scenarioSource([...builtInScenarios.list().map(builtInScenarios.load), incident])
}

/** A line of Temporal's log, in the form of its own logger without colours. */
function logLine({ level, timestampNanos, message, meta }: LogEntry): string {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString()
  return `${time} [${level}] ${message}${meta === undefined ? '' : ` ${inspect(meta)}`}\n`
}

interface StartCommandOptions {
  /** Id of a built-in scenario, or path of an incident folder. */
  readonly scenario: string
  /** Send the incident of the folder with the workflow. Otherwise the worker must have the folder. @defaultValue false */
  readonly send?: boolean
  /** Watch the workflow until it ends. @defaultValue false */
  readonly wait?: boolean
}

/** `tenrounds start`: starts the incident workflow and prints its id. A worker must be running for it to proceed. */
export async function startCommand(
  io: CommandIo,
  { scenario: named, send = false, wait = false }: StartCommandOptions,
): Promise<number> {
  const { scenario, scenarios } = await incidentOf(named)
  if (send && scenarios === undefined)
    throw new UsageError(`--send needs an incident folder, not the scenario ${named}.`)
  const incident = send && scenarios !== undefined ? scenarios.load(scenario) : scenario
  return withClient(io, async (client) => {
    const { taskQueue } = await temporalSettings({ env: io.env })
    const { handle } = await startIncident(incident, { client, taskQueue }).catch(asUsageError)
    // With --wait the document of the result has the id.
    if (!io.json) io.stdout.write(`${handle.workflowId}\n`)
    else if (!wait) io.stdout.json({ workflow_id: handle.workflowId, scenario })
    // The id is on stdout, so scripts can read it; all else is on stderr.
    if (wait) return watch(io, handle)
    hint(io, `Started. Watch it with: tenrounds watch ${handle.workflowId}`)
    return exitCode.ok
  })
}

/** Settings of {@link watchCommand} for tests. */
interface WatchOptions {
  /** Longest time without an answer of the server, in milliseconds. @defaultValue 600000 */
  readonly outageLimitMs?: number
}

/** `tenrounds watch`: shows the rounds of a workflow as they happen, then its verdict. It works after the end, too. */
export function watchCommand(io: CommandIo, workflowId: string, options: WatchOptions = {}): Promise<number> {
  return withClient(io, (client) => watch(io, client.workflow.getHandle(workflowId), options))
}

/** Pause between two looks at a workflow. Rounds take seconds, so nothing is missed that matters. */
const pollMs = 300
/** A workflow that no worker has touched for this long probably waits for one, so the command says so. */
const noWorkerHintMs = 5_000
/** Longest time for one look at a workflow. */
const lookMs = 5_000

/**
 * Ctrl-C ends the watching, not the workflow. While the server does not answer, the watching goes on, for ten minutes: a
 * server that is away for longer has a problem that waiting does not solve.
 */
async function watch(
  io: CommandIo,
  handle: WorkflowHandle,
  { outageLimitMs = 600_000 }: WatchOptions = {},
): Promise<number> {
  const { signal } = io
  const progress = new Progress(io.stderr, () => performance.now(), io.quiet)
  const startedAt = performance.now()
  let lastLine = ''
  let mayHaveNoWorker = true
  let awaySince: number | undefined
  try {
    for (;;) {
      const seen = await handle.client.withDeadline(Date.now() + lookMs, () => lookAt(handle)).catch(asOutage)
      if (seen === undefined) {
        if (awaySince === undefined) progress.line('the Temporal server does not answer; trying again', 'yellow')
        awaySince ??= performance.now()
        if (performance.now() - awaySince > outageLimitMs) {
          const problem = `the Temporal server has not answered for ${outageLimitMs / 1_000} s`
          const message = `${problem}; no longer watching; the workflow may still be running`
          if (io.quiet) io.stderr.write(`tenrounds: ${message}\n`)
          else progress.line(message, 'yellow')
          return exitCode.unreachable
        }
        if (await pause()) return stoppedCode(signal)
        continue
      }
      if (awaySince !== undefined) progress.line('the Temporal server answers again')
      awaySince = undefined
      const { view, outcome } = seen
      const line = progressLine(view)
      if (line !== '' && line !== lastLine) progress.line(line)
      lastLine = line || lastLine
      if (outcome !== undefined) return showOutcome(io, outcome, view, handle.workflowId)
      mayHaveNoWorker &&= isUntouched(view)
      if (mayHaveNoWorker && performance.now() - startedAt > noWorkerHintMs) {
        mayHaveNoWorker = false
        progress.line(`no worker polls task queue ${view.taskQueue} yet; start one with: tenrounds worker`, 'yellow')
      }
      if (await pause()) return stoppedCode(signal)
    }
  } finally {
    progress.close()
  }

  /** @returns whether the watching was interrupted. */
  async function pause(): Promise<boolean> {
    await delay(pollMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) progress.line('no longer watching; the workflow continues')
    return signal.aborted
  }
}

/** The result of a workflow that has ended, or the reason of its failure and the folder of its report if it is known. */
type Outcome = { readonly result: unknown } | { readonly failure: Error; readonly folder?: string }

/** The state of a workflow, and its outcome if it has ended. */
async function lookAt(handle: WorkflowHandle): Promise<{ readonly view: IncidentView; readonly outcome?: Outcome }> {
  const view = await viewIncident(handle)
  if (view.status === 'RUNNING') return { view }
  try {
    return { view, outcome: { result: await handle.result() } }
  } catch (error) {
    if (!hasName(error, 'WorkflowFailedError')) throw error
    const folder = await folderOfReport(handle)
    return { view, outcome: { failure: error, ...(folder === undefined ? {} : { folder }) } }
  }
}

/** Longest time for a question to a workflow that has ended. */
const questionMs = 2_000

/** A failed workflow has no result, but a worker can ask it. @returns `undefined` without a worker or a report. */
async function folderOfReport(handle: WorkflowHandle): Promise<string | undefined> {
  try {
    const ask = () => handle.query<unknown, []>('status')
    const status = await handle.client.withDeadline(Date.now() + questionMs, ask)
    const folder = isObject(status) ? status['report_directory'] : undefined
    return typeof folder === 'string' ? folder : undefined
  } catch {
    return undefined
  }
}

/**
 * gRPC's codes for a server that cannot be reached or is being stopped: deadline exceeded, resource exhausted, aborted,
 * internal (a stream that was reset), and unavailable.
 */
const outageCodes: readonly unknown[] = [4, 8, 10, 13, 14]

/** @returns `undefined` for the error of a server that cannot be reached. Any other error is thrown. */
function asOutage(error: unknown): undefined {
  // The client wraps gRPC's error, once or twice.
  for (let cause = error; isObject(cause); cause = cause['cause']) {
    if (outageCodes.includes(cause['code'])) return undefined
  }
  throw error
}

/** No worker has begun anything: no activity is scheduled, or the first one waits for its first attempt. */
function isUntouched({ activity }: IncidentView): boolean {
  return activity === undefined || (activity.state === 'SCHEDULED' && activity.attempt === 1)
}

/** One line for the current state; empty if there is nothing to show yet. It is printed only when it changes. */
function progressLine({ activity, status }: IncidentView): string {
  if (status !== 'RUNNING') return `workflow ${status.toLowerCase()}`
  if (activity === undefined) return ''
  const { name, state, attempt, progress, lastFailure } = activity
  const after = lastFailure === undefined ? '' : `, attempt ${attempt} after: ${lastFailure}`
  if (state === 'SCHEDULED') return `${name}: waiting${after}`
  if (state === 'CANCEL_REQUESTED') return `${name}: being cancelled`
  if (progress === undefined || progress.round === 0) return `${name}${after}`
  const resumed = progress.resumed_rounds > 0 ? `, resumed after round ${progress.resumed_rounds}` : ''
  return `${name} round ${progress.round}/${progress.max_rounds}: ${progress.doing}${resumed}${after}`
}

/** Prints the verdict, or the reason of a failure, of a workflow that has ended. @returns the exit code. */
function showOutcome(io: CommandIo, outcome: Outcome, { status }: IncidentView, id: string): number {
  if ('failure' in outcome) {
    const reason =
      status === 'CANCELLED'
        ? 'Cancelled without a result: no attempt was running that could have returned one.'
        : `Failed: ${innermost(outcome.failure).message || status}`
    if (io.json)
      io.stdout.json({
        workflow_id: id,
        status: status.toLowerCase(),
        result: null,
        error: reason,
        report_directory: outcome.folder ?? null,
      })
    io.stderr.write(`\n${reason}\n`)
    if (outcome.folder !== undefined) io.stderr.write(`\n${whereReportIs(outcome.folder)}\n`)
    return exitCode.failed
  }
  const { result } = outcome
  if (io.json) io.stdout.json({ workflow_id: id, status: status.toLowerCase(), result, error: null })
  if (io.json) return isIncidentResult(result) && result.stop_reason !== 'answered' ? exitCode.failed : exitCode.ok
  if (!isIncidentResult(result)) {
    io.stdout.write(`${JSON.stringify(result)}\n`)
    return exitCode.ok
  }
  if (result.report !== undefined) writeVerdict(io.stdout, result.report.json)
  else io.stdout.write(`\n${result.stop_reason}, validation ${result.status}\n`)
  if (result.report_error !== undefined) io.stderr.write(`\nThe report is incomplete: ${result.report_error}\n`)
  if (result.report_directory !== undefined) {
    io.stdout.write(`\n${whereReportIs(result.report_directory)}\n`)
  }
  return result.stop_reason === 'answered' ? exitCode.ok : exitCode.failed
}

/** The worker that ended the workflow has written the report. Its folder need not be on this machine. */
function whereReportIs(folder: string): string {
  return `Report      ${folder}/report.html, report.md, report.json (on the worker's machine)`
}

/** `watch` also accepts workflows of other types. */
function isIncidentResult(result: unknown): result is LatencyWorkflowResult {
  return isObject(result) && 'run_id' in result && 'stop_reason' in result
}

/** A workflow's failure wraps the activity's failure, which wraps the error itself. */
function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error
}

/** @throws {UsageError} if the server, the namespace or the workflow does not exist. */
async function withClient(io: CommandIo, work: (client: Client) => Promise<number>): Promise<number> {
  const client = await connectClient({ env: io.env }).catch(asUsageError)
  try {
    return await work(client)
  } catch (error) {
    if (!hasName(error, 'WorkflowNotFoundError') || !('workflowId' in error)) throw error
    const { namespace } = client.options
    throw new UsageError(`Workflow "${error.workflowId}" does not exist in namespace "${namespace}".`)
  } finally {
    await client.connection.close()
  }
}

/** A wrong address or namespace, or a folder that is too large, is a mistake of the caller, so only the message is printed. */
function asUsageError(error: unknown): never {
  const isMistake = error instanceof TemporalConnectionError || hasName(error, 'IncidentPayloadError')
  throw isMistake ? new UsageError(error.message) : error
}

/** By name, because importing Temporal's classes would require the optional package. */
function hasName(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
