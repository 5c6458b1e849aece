import { builtInScenarios, type Incident, type ScenarioSource } from '../../../tools/scenario-source.ts'
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
  const judged = {
    scenario,
    objectives: objectivesBeforeAndAfter(pre_telemetry, result),
    ...events,
    evidence: evidence.map(({ place }) => place),
    tradeoffs: tradeoffsOf(result.validation),
    collect_next: collectNextOf(incident, pre_telemetry, result),
  }
  return {
    report_version: reportVersion,
    notice: notice ?? null,
    headline: headlineOf(pre_telemetry, logs, result, metrics),
    environment: environmentOf(incident),
    pre_telemetry,
    ...judged,
    ...fixAndRollback(incident, result),
    costs: costsOf(result.validation),
    next_actions: nextActionsOf(result, pre_telemetry, judged),
    not_looked_at: [...(incident?.notes ?? []).map(({ text }) => text), ...notes],
    course: courseOf(result),
    charts: chartsOf(incident, pre_telemetry, result, events.onset),
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
