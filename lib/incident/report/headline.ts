import type { Telemetry } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { missedObjectives, objectivesOf } from '../../../tools/validation/objectives.ts'
import { medianOf } from '../../../tools/validation/pairs.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { isNoChange, unmetObjectives } from '../agent/plan-check.ts'
import { clockTime } from './located-lines.ts'
import type { IncidentLogs } from './log-events.ts'
import type { MetricEvent } from './metric-events.ts'
import { engineDied, engineFailure, isHealthy, isObserved } from './onset.ts'
import type { ReportFacts } from './report-schema.ts'

type State = ReportFacts['headline']['state']

/** State of the service before the fix, its impact, and the state of the fix. */
export function headlineOf(
  before: Telemetry,
  logs: IncidentLogs | undefined,
  result: AgentResult,
  metrics: readonly MetricEvent[] = [],
): ReportFacts['headline'] {
  const state = stateOf(before, logs)
  return { state, text: `${impactOf(before, state)}${courseText(state, metrics)} ${fixText(before, result)}` }
}

/** Whether degraded service lasted until the end of the window. The text of an outage says what the engine did then. */
function courseText(state: State, metrics: readonly MetricEvent[]): string {
  const symptoms = metrics.filter(({ kind }) => kind === 'symptom')
  if (state !== 'degraded' || symptoms.length === 0) return ''
  return symptoms.some(({ isOngoing }) => isOngoing)
    ? ' It was still so when the window ended.'
    : ' At the end of the window the symptoms were over.'
}

function stateOf(before: Telemetry, logs: IncidentLogs | undefined): State {
  if (isObserved(before) ? engineFailure(before) : logs !== undefined && engineDied(logs)) return 'outage'
  const states = objectivesOf(before).map(({ state }) => state)
  if (states.includes('missed')) return 'degraded'
  return isHealthy(before) ? 'healthy' : 'unknown'
}

/** The state, the requests without a complete answer, and the missed objectives. */
function impactOf(before: Telemetry, state: State): string {
  const span = spanOf(before.window)
  const figures = [lostRequests(before), missedFigures(before)].filter((text) => text !== undefined)
  const sentence = figures.length === 0 ? '.' : `: ${figures.join('; ')}.`
  if (state === 'outage') return `Outage, ${outageText(before)} (${span})${sentence}`
  if (state === 'degraded') return `Degraded service (${span})${sentence}`
  if (state === 'healthy') return `Healthy service, every objective is met (${span})${sentence}`
  const missing = before.missing ?? []
  const isMet = objectivesOf(before).some((one) => one.state === 'met') ? 'the observed objectives are met, ' : ''
  const why = missing.length === 0 ? 'not all objectives were observed' : `${isMet}not observed: ${missing.join(', ')}`
  return `State of the service unknown (${span}), ${why}${sentence}`
}

function spanOf({ start, end }: Telemetry['window']): string {
  const [day, lastDay] = [start, end].map((time) => time.slice(0, 10))
  const last = day === lastDay ? '' : `${lastDay} `
  return `${day} ${start.slice(11, 19)} to ${last}${clockTime(Date.parse(end))}`
}

function outageText(before: Telemetry): string {
  if (!isObserved(before)) return 'the log shows that the engine died or did not start'
  const { health, requests } = before
  if (!health.engine_up && (health.stuck_workers ?? 0) > 0) return 'the engine did not finish its start'
  if (!health.engine_up) return 'the engine was down at the end of the window'
  if ((health.stuck_workers ?? 0) > 0) return 'the engine was alive at the end of the window but made no progress'
  if (health.no_progress_s !== undefined) return 'the engine generated no token'
  return requests.served === 0 ? 'no request was served' : 'the engine failed'
}

/** Requests that failed are lost. Those that were still in the service when the window ended can still be served. */
function lostRequests({ requests: { arrived, served, failed, unfinished } }: Telemetry): string | undefined {
  if (arrived === null || served === null) return undefined
  if (arrived === 0) return 'no request arrived'
  const of = (count: number) => `${count} of ${arrived} requests (${formatFigure(count / arrived, 'share')})`
  if (failed === null || unfinished === null) return `${of(arrived - served)} had no complete answer`
  const lost = `${failed === 0 ? `none of ${arrived} requests` : of(failed)} failed`
  return `${lost}, and ${unfinished === 0 ? 'none was' : `${unfinished} were`} unfinished when the window ended`
}

function missedFigures(before: Telemetry): string | undefined {
  const missed = objectivesOf(before).filter(({ state }) => state === 'missed')
  if (missed.length === 0) return undefined
  const figures = missed.map(
    ({ name, unit, value, limit }) => `${name} ${formatFigure(value, unit)} (limit ${formatFigure(limit, unit)})`,
  )
  return `${missed.length === 1 ? 'objective' : 'objectives'} missed: ${figures.join(', ')}`
}

/** The state of the fix: a simulation is the most that the agent has. */
function fixText(before: Telemetry, { run, fix_plan, validation, post_telemetry }: AgentResult): string {
  if (run.stop_reason !== 'answered') {
    const why = [run.stop_reason, ...(run.limit === undefined ? [] : [run.limit])].join(', ')
    return `Nothing is confirmed: the run ended without an accepted answer (${why}).`
  }
  if (fix_plan === null || isNoChange(fix_plan)) {
    if (isHealthy(before)) return 'No change is needed.'
    const isSeen = unmetObjectives(before).length > 0
    return isSeen ? 'No change is proposed, so the incident is not fixed.' : 'No change is proposed.'
  }
  switch (validation.status) {
    case 'improved': {
      const missed = post_telemetry === null ? [] : missedObjectives(post_telemetry)
      const after =
        missed.length === 0 ? 'every objective is met' : `these objectives are still missed: ${missed.join(', ')}`
      return `The fix is validated in a simulation, and not applied: with it, ${after}${stallsLeft(post_telemetry)}.`
    }
    case 'regressed':
      return 'Do not apply the proposed fix: in the simulation it makes the service worse.'
    case 'unchanged':
      return 'The proposed fix changes nothing in the simulation.'
    case 'unknown':
      return 'The proposed fix is not validated.'
  }
}

/** Share of streams from which pauses are worth a word. */
const notedShare = 0.05

/** Pauses that a p99 of all tokens hides: a stream has hundreds of tokens, so many streams can pause once. */
function stallsLeft(after: Telemetry | null): string {
  const pairs = after?.paired
  const share = pairs === undefined ? null : medianOf(pairs.after.stalled_share)
  if (after === null || share === null || share < notedShare) return ''
  const limit = formatFigure(after.slo.inter_token_p99_s, 's')
  return `, but ${formatFigure(share, 'share')} of the streams still pause longer than ${limit} at least once`
}
