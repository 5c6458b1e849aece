import { setTimeout as delay } from 'node:timers/promises'
import { type Client, WorkflowFailedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { listScenarios, UnknownScenarioError } from '../../fixtures/load-scenario.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { TemporalConnectionError } from '../../workflows/connection.ts'
import { type IncidentView, viewIncident } from '../../workflows/incident-view.ts'
import type { LatencyWorkflowResult } from '../../workflows/latency-workflow.ts'
import { runWorker } from '../../workflows/worker.ts'
import { openEndpoint } from './endpoint.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { interruption } from './interrupt.ts'
import { Progress, verdict } from './progress.ts'
import { checkReports } from './run-command.ts'

export interface WorkerCommandOptions {
  /** Refuse to work without a real model. */
  readonly live: boolean
  /** Where the folders of the runs are made. */
  readonly reports: string
}

/**
 * `tenrounds worker`: works for the incident workflow until SIGTERM or Ctrl-C, which end it in order: what it was at goes on in
 * another worker, from the last checkpoint.
 */
export async function workerCommand({ live, reports }: WorkerCommandOptions): Promise<number> {
  // It also shuts the worker down on SIGTERM and SIGINT.
  Runtime.install({ logger: new DefaultLogger('WARN') })
  await checkReports(reports)
  const endpoint = await openEndpoint(live, process.env, { retries: 0 })
  try {
    if (endpoint.notice !== undefined) process.stderr.write(`${endpoint.notice}\n`)
    await runWorker({
      model: endpoint.model,
      reportDirectory: reports,
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
      onReady: ({ address, namespace, taskQueue }) => {
        const where = `Temporal ${address}, namespace ${namespace}, task queue ${taskQueue}`
        process.stdout.write(`worker ready: ${where}; model endpoint ${endpoint.model.url}; reports in ${reports}\n`)
      },
    })
    process.stdout.write('worker stopped\n')
    return exitCode.ok
  } catch (error) {
    if (error instanceof TemporalConnectionError) throw new UsageError(error.message)
    throw error
  } finally {
    await endpoint.close()
  }
}

export interface StartCommandOptions {
  readonly scenario: string
  /** Follow the workflow to its end. */
  readonly wait: boolean
}

/** `tenrounds start`: starts the incident workflow; a worker does the work. */
export function startCommand({ scenario, wait }: StartCommandOptions): Promise<number> {
  if (!listScenarios().includes(scenario)) throw new UsageError(new UnknownScenarioError(scenario).message)
  return withClient(async (client) => {
    const { handle } = await startIncident(scenario, { client })
    process.stdout.write(`${handle.workflowId}\n`)
    if (wait) return follow(handle)
    process.stderr.write(`started; see it with: tenrounds watch ${handle.workflowId}\n`)
    return exitCode.ok
  })
}

/** `tenrounds watch`: shows the rounds of a running workflow, then its verdict. It may be called at any time and any number of times. */
export function watchCommand(workflowId: string): Promise<number> {
  return withClient((client) => follow(client.workflow.getHandle(workflowId)))
}

const pollMs = 300
/** After so long without a sign of life somebody should be told that a worker is needed. */
const patienceMs = 5_000

/** Shows a workflow's rounds on stderr until it ends, then its verdict on stdout. Ctrl-C ends the watching, not the workflow. */
export async function follow(handle: WorkflowHandle): Promise<number> {
  const interrupted = interruption()
  const progress = new Progress(process.stderr, () => performance.now())
  const begunAt = performance.now()
  let shown = ''
  let isAwaited = true
  try {
    for (;;) {
      const view = await viewIncident(handle)
      const line = lineOf(view)
      if (line !== '' && line !== shown) progress.line(line)
      shown = line || shown
      if (view.status !== 'RUNNING') return await outcome(handle, view)
      isAwaited &&= isUntouched(view)
      if (isAwaited && performance.now() - begunAt > patienceMs) {
        isAwaited = false
        progress.line(
          `nobody works on task queue ${view.taskQueue} yet: start a worker with "tenrounds worker"`,
          'yellow',
        )
      }
      await delay(pollMs, undefined, { signal: interrupted.signal }).catch(() => {})
      if (interrupted.signal.aborted) {
        progress.line('no longer watching; the workflow goes on')
        return exitCode.interrupted
      }
    }
  } finally {
    progress.close()
    interrupted.release()
  }
}

function isUntouched({ activity }: IncidentView): boolean {
  return activity === undefined || (activity.state === 'SCHEDULED' && activity.attempt === 1)
}

function lineOf({ activity, status }: IncidentView): string {
  if (status !== 'RUNNING') return `workflow ${status.toLowerCase()}`
  if (activity === undefined) return ''
  const { name, state, attempt, progress, lastFailure } = activity
  const after = lastFailure === undefined ? '' : `, attempt ${attempt} after: ${lastFailure}`
  if (state === 'SCHEDULED') return `${name}: waiting${after}`
  if (state === 'CANCEL_REQUESTED') return `${name}: being cancelled`
  if (progress === undefined || progress.round === 0) return `${name}${after}`
  const resumed = progress.resumed_rounds > 0 ? `, went on after round ${progress.resumed_rounds}` : ''
  return `${name} round ${progress.round}/${progress.max_rounds}: ${progress.doing}${resumed}${after}`
}

async function outcome(handle: WorkflowHandle, { status }: IncidentView): Promise<number> {
  try {
    const result: unknown = await handle.result()
    if (!isIncidentResult(result)) {
      process.stdout.write(`${JSON.stringify(result)}\n`)
      return exitCode.ok
    }
    process.stdout.write(`\n${verdict(result.report.json)}\n`)
    if (result.report_directory !== undefined) {
      process.stdout.write(
        `\nReport      ${result.report_directory}/report.md, report.json (on the worker's machine)\n`,
      )
    }
    return result.stop_reason === 'answered' ? exitCode.ok : exitCode.failed
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error
    const why =
      status === 'CANCELLED'
        ? 'Cancelled without a result: no attempt was running that could have handed in what it had.'
        : `Failed: ${innermost(error).message || status}`
    process.stderr.write(`\n${why}\n`)
    return exitCode.failed
  }
}

/** Workflows of other kinds can be followed, too. */
function isIncidentResult(result: unknown): result is LatencyWorkflowResult {
  return typeof result === 'object' && result !== null && 'report' in result && 'stop_reason' in result
}

/** A workflow's failure wraps the activity's, which wraps the error itself. */
function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error
}

/** @throws {UsageError} where there is no server, no such namespace or no such workflow. */
export async function withClient(work: (client: Client) => Promise<number>): Promise<number> {
  const client = await connectClient().catch((error: unknown) => {
    throw error instanceof TemporalConnectionError ? new UsageError(error.message) : error
  })
  try {
    return await work(client)
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error
    const { namespace } = client.options
    throw new UsageError(`There is no workflow "${error.workflowId}" in the namespace "${namespace}".`)
  } finally {
    await client.connection.close()
  }
}
