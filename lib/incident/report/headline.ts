import type { Telemetry } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { missedObjectives, objectivesOf } from '../../../tools/validation/objectives.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { isNoChange } from '../agent/plan-check.ts'
import { clockTime } from './located-lines.ts'
import type { IncidentLogs } from './log-events.ts'
import { engineDied, engineFailure, isObserved } from './onset.ts'
import type { ReportFacts } from './report-schema.ts'

type State = ReportFacts['headline']['state']

/** State of the service before the fix, its impact, and the state of the fix. */
export function headlineOf(
  before: Telemetry,
  logs: IncidentLogs | undefined,
  result: AgentResult,
): ReportFacts['headline'] {
  const state = stateOf(before, logs)
  return { state, text: `${impactOf(before, state)} ${fixText(before, result)}` }
}

function stateOf(before: Telemetry, logs: IncidentLogs | undefined): State {
  if (isObserved(before) ? engineFailure(before) : logs !== undefined && engineDied(logs)) return 'outage'
  const states = objectivesOf(before).map(({ state }) => state)
  if (states.includes('missed')) return 'degraded'
  return states.every((one) => one === 'met') ? 'healthy' : 'unknown'
}

/** The state, the requests without a complete answer, and the missed objectives. */
function impactOf(before: Telemetry, state: State): string {
  const { start, end } = before.window
  const span = `${start.slice(0, 10)} ${start.slice(11, 19)} to ${clockTime(Date.parse(end))}`
  const figures = [lostRequests(before), ...missedFigures(before)].filter((text) => text !== undefined)
  const sentence = figures.length === 0 ? '' : `: ${figures.join('; ')}`
  if (state === 'outage') return `Outage, ${outageText(before)} (${span})${sentence}.`
  if (state === 'degraded') return `Degraded service (${span})${sentence}.`
  if (state === 'healthy') return `Healthy service (${span})${sentence}; every objective is met.`
  const missing = before.missing ?? []
  const why = missing.length === 0 ? 'not all objectives were observed' : `not observed: ${missing.join(', ')}`
  return `State of the service unknown (${span}), ${why}${sentence}.`
}

function outageText({ health, requests }: Telemetry): string {
  if (!health.engine_up && (health.stuck_workers ?? 0) > 0) return 'the engine did not finish its start'
  if (!health.engine_up) return 'the engine was down at the end of the window'
  if ((health.stuck_workers ?? 0) > 0) return 'the engine was alive at the end of the window but made no progress'
  if (health.no_progress_s !== undefined) return 'the engine generated no token'
  return requests.served === 0 ? 'no request was served' : 'the engine failed'
}

function lostRequests({ requests: { arrived, served } }: Telemetry): string | undefined {
  if (arrived === null || served === null) return undefined
  if (arrived === 0) return 'no request arrived'
  const lost = arrived - served
  return `${lost} of ${arrived} requests (${formatFigure(lost / arrived, 'share')}) had no complete answer`
}

function missedFigures(before: Telemetry): readonly string[] {
  return objectivesOf(before).flatMap(({ name, unit, value, limit, state }) => {
    const side = unit === 's' ? 'at most' : 'at least'
    return state === 'missed'
      ? [`${name} ${formatFigure(value, unit)}, ${side} ${formatFigure(limit, unit)} allowed`]
      : []
  })
}

/** The state of the fix: a simulation is the most that the agent has. */
function fixText(before: Telemetry, { run, fix_plan, validation, post_telemetry }: AgentResult): string {
  if (run.stop_reason !== 'answered') {
    const why = [run.stop_reason, ...(run.limit === undefined ? [] : [run.limit])].join(', ')
    return `Nothing is confirmed: the run ended without an accepted answer (${why}).`
  }
  if (fix_plan === null || isNoChange(fix_plan)) {
    const isHealthy = objectivesOf(before).every(({ state }) => state === 'met') && !engineFailure(before)
    return isHealthy ? 'No change is needed.' : 'No change is proposed, so the incident is not fixed.'
  }
  switch (validation.status) {
    case 'improved': {
      const missed = post_telemetry === null ? [] : missedObjectives(post_telemetry)
      const after = missed.length === 0 ? 'every objective is met' : `still missed: ${missed.join(', ')}`
      return `The proposed fix was validated in a simulation (${after}); it is not applied.`
    }
    case 'regressed':
      return 'Do not apply the proposed fix: in the simulation it makes the service worse.'
    case 'unchanged':
      return 'The proposed fix changes nothing in the simulation.'
    case 'unknown':
      return 'The proposed fix is not validated.'
  }
}
