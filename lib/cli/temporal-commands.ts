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
import { inspect } from 'node:util'
import type { Client } from '@temporalio/client'
import type { LogEntry } from '@temporalio/worker'
import type { Command } from 'commander'
import { builtInScenarios, type Incident, type ScenarioSource, scenarioSource } from '../../tools/scenario-source.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { TemporalConnectionError, temporalSettings } from '../../workflows/connection.ts'
import { withTemporal } from '../../workflows/temporal-packages.ts'
import { runWorker } from '../../workflows/worker.ts'
import { type CommandIo, exitCode, hint, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { openEndpoint, terminalNotice } from './endpoint.ts'
import { incidentOf, openFolder } from './incident-argument.ts'
import { checkReports } from './run-command.ts'
import { hasName, type WatchOptions, watch } from './watch-workflow.ts'

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

/** `tenrounds watch`: shows the rounds of a workflow as they happen, then its verdict. It works after the end, too. */
export function watchCommand(io: CommandIo, workflowId: string, options: WatchOptions = {}): Promise<number> {
  return withClient(io, (client) => watch(io, client.workflow.getHandle(workflowId), options))
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
