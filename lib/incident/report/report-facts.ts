import { builtInScenarios, type Incident, type ScenarioSource } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { objectivesOf } from '../../../tools/validation/objectives.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { chartsOf } from './charts.ts'
import { environmentOf } from './environment.ts'
import { evidencePlaces } from './evidence-places.ts'
import { headlineOf } from './headline.ts'
import { eventFacts } from './incident-events.ts'
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
  const after = result.post_telemetry === null ? undefined : objectivesOf(result.post_telemetry)
  const evidence = evidencePlaces(incident, result)
  const quoted = evidence.flatMap(({ line }) => line ?? [])
  const { notes, logs, ...events } = eventFacts(incident, pre_telemetry, result, quoted)
  return {
    report_version: reportVersion,
    scenario,
    notice: notice ?? null,
    headline: headlineOf(pre_telemetry, logs, result),
    environment: environmentOf(incident),
    pre_telemetry,
    objectives: objectivesOf(pre_telemetry).map(({ name, unit, limit, value, state }, index) => ({
      name,
      unit,
      limit,
      before: value,
      after: after?.[index]?.value ?? null,
      state_before: state,
      state_after: after?.[index]?.state ?? 'unknown',
    })),
    ...events,
    evidence: evidence.map(({ place }) => place),
    fix_steps: [],
    rollback_steps: [],
    costs: [...(result.validation.costs ?? [])],
    tradeoffs: [],
    next_actions: [],
    collect_next: [],
    not_looked_at: [...(incident?.notes ?? []).map(({ text }) => text), ...notes],
    course: {
      rounds: [],
      tool_calls: [],
      retries: 0,
      repairs: 0,
      rejected_answers: [],
      limits: [],
      resumed: 0,
      warnings: [],
    },
    charts: chartsOf(incident, result, events.onset),
  }
}
