/** How `tenrounds watch` and `tenrounds start --wait` follow a workflow. */
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import { isObject } from '../../router/json/json.ts'
import { type IncidentView, viewIncident } from '../../workflows/client.ts'
import type { LatencyWorkflowResult } from '../../workflows/latency-workflow.ts'
import { type CommandIo, exitCode, stoppedCode } from './command-io.ts'
import { Progress } from './progress.ts'
import { writeVerdict } from './verdict.ts'

/** Settings of {@link watch} for tests. */
export interface WatchOptions {
  /** Longest time without an answer of the server, in milliseconds. @defaultValue 600000 */
  readonly outageLimitMs?: number
}

/** Pause between two looks at a workflow. Rounds take seconds, so nothing is missed that matters. */
const pollMs = 300
/** A workflow that no worker has touched for this long probably waits for one, so the command says so. */
const noWorkerHintMs = 5_000
/** Longest time for one look at a workflow. */
const lookMs = 5_000

/**
 * Shows the rounds of a workflow as they happen, then its verdict.
 *
 * Ctrl-C ends the watching, not the workflow. While the server does not answer, the watching goes on, for ten minutes: a
 * server that is away for longer has a problem that waiting does not solve.
 */
export async function watch(
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

/** By name, because importing Temporal's classes would require the optional package. */
export function hasName(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name
}
