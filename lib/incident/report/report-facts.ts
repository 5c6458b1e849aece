import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import { TenroundsError } from '../../../router/errors.ts'
import { loggedStartSeconds } from '../../../tools/logs/engine-start.ts'
import {
  builtInScenarios,
  type Incident,
  type ScenarioSource,
  simulatedScenario,
} from '../../../tools/scenario-source.ts'
import { type RestartCost, restartCost } from '../../../tools/simulation/change-costs.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { objectivesOf } from '../../../tools/validation/objectives.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { chartsOf } from './charts.ts'
import { collectNextOf } from './collect-next.ts'
import { courseOf } from './course.ts'
import { environmentOf } from './environment.ts'
import { evidencePlaces } from './evidence-places.ts'
import { costsOf, tradeoffsOf } from './figures.ts'
import { fixAndRollback } from './fix-steps.ts'
import { headlineOf } from './headline.ts'
import { eventFacts } from './incident-events.ts'
import { nextActionsOf } from './next-actions.ts'
import { type ReportFacts, reportVersion } from './report-schema.ts'

/** Everything that a report is made from. */
export interface ReportInput {
  /** Id of the incident. */
  readonly scenario: string
  /**
   * The source of the incident: its logs, pages and deployment are read for the timeline and the plots.
   * @defaultValue the built-in scenarios
   */
  readonly scenarios?: ScenarioSource
  /** Telemetry of the incident's window, before any fix. */
  readonly pre_telemetry: Telemetry
  /** The agent's result. */
  readonly result: AgentResult
  /** A sentence at the top of the report, for example that no model was used. */
  readonly notice?: string
}

/** Computes everything that a report says besides the agent's result. It is a pure function. */
export function reportFacts(input: ReportInput): ReportFacts {
  const { scenario, scenarios = builtInScenarios, pre_telemetry, result, notice } = input
  const incident: Incident | undefined = scenarios.list().includes(scenario) ? scenarios.load(scenario) : undefined
  const evidence = evidencePlaces(incident, result)
  const quoted = evidence.flatMap(({ line }) => line ?? [])
  const { notes, logs, metrics, ...events } = eventFacts(incident, pre_telemetry, result, quoted)
  const headline = headlineOf(pre_telemetry, logs, result, metrics)
  const isBroken = headline.state === 'outage'
  const judged = {
    scenario,
    headline,
    objectives: objectivesBeforeAndAfter(pre_telemetry, result),
    ...events,
    evidence: evidence.map(({ place }) => place),
    tradeoffs: tradeoffsOf(result.validation),
    collect_next: collectNextOf(incident, pre_telemetry, result, isBroken),
  }
  return {
    report_version: reportVersion,
    notice: notice ?? null,
    environment: environmentOf(incident),
    pre_telemetry,
    ...judged,
    ...fixAndRollback(incident, result, isBroken),
    costs: costsOf(result.validation),
    next_actions: nextActionsOf(result, pre_telemetry, { ...judged, restart: restartOf(incident, result) }),
    not_looked_at: [...(incident?.notes ?? []).map(({ text }) => text), ...notes],
    course: courseOf(result),
    charts: chartsOf(incident, pre_telemetry, result, events.onset),
  }
}

/** The cost of the restart of a fix that was simulated. */
function restartOf(
  incident: Incident | undefined,
  { fix_result, post_telemetry }: AgentResult,
): RestartCost | undefined {
  if (incident === undefined || fix_result === null || post_telemetry === null) return undefined
  try {
    const config: DeploymentConfig = JSON.parse(JSON.stringify(fix_result.updated_config))
    return restartCost(simulatedScenario(incident), config, loggedStartSeconds(incident))
  } catch (error) {
    // A configuration that a model wrote can be one that nobody can simulate.
    if (error instanceof TenroundsError) return undefined
    throw error
  }
}

function objectivesBeforeAndAfter(before: Telemetry, { post_telemetry }: AgentResult): ReportFacts['objectives'] {
  const after = post_telemetry === null ? undefined : objectivesOf(post_telemetry)
  return objectivesOf(before).map(({ name, unit, limit, value, state }, index) => ({
    name,
    unit,
    limit,
    before: value,
    after: after?.[index]?.value ?? null,
    state_before: state,
    state_after: after?.[index]?.state ?? 'unknown',
  }))
}
