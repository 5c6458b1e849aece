import { setTimeout as delay } from 'node:timers/promises'
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client'
import { type IncidentView, viewIncident } from '../../workflows/incident-view.ts'
import type { LatencyWorkflowResult } from '../../workflows/latency-workflow.ts'
import { exitCode } from './exit-code.ts'
import { interruption } from './interrupt.ts'
import { Progress } from './progress.ts'
import { verdict } from './verdict.ts'

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
