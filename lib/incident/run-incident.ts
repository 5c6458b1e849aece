import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { Telemetry } from '../../tools/types.ts'
import type { AgentResult } from './agent/agent-result.ts'
import { type IncidentAgentOptions, runIncidentAgent } from './agent/run-incident-agent.ts'
import { generateReport } from './report/generate-report.ts'
import type { Report } from './report/report.ts'

/** Telemetry of the incident's own window. @throws {UnknownScenarioError} that lists the ids. */
export async function collectTelemetry(scenario: string): Promise<Telemetry> {
  return telemetryOf(scenario)
}

export interface IncidentOptions extends IncidentAgentOptions {
  /** Stands at the head of the report. */
  readonly notice?: string
}

export interface IncidentOutcome {
  readonly result: AgentResult
  readonly report: Report
}

/**
 * collect_telemetry → agent_step → generate_report in one process.
 *
 * @throws {UnknownScenarioError} that lists the ids.
 * @throws {ModelError} `configuration` when no model is given and the environment holds no token.
 */
export async function runIncident(scenario: string, options: IncidentOptions = {}): Promise<IncidentOutcome> {
  const { notice, ...agentOptions } = options
  const pre_telemetry = await collectTelemetry(scenario)
  const result = await runIncidentAgent({ scenario, pre_telemetry }, agentOptions)
  return {
    result,
    report: generateReport({ scenario, pre_telemetry, result, ...(notice === undefined ? {} : { notice }) }),
  }
}
