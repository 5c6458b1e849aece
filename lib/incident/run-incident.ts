import type { ScenarioSource } from '../../tools/scenario-source.ts'
import { telemetryOf } from '../../tools/simulation/collect-telemetry.ts'
import type { Telemetry } from '../../tools/types.ts'
import type { AgentResult } from './agent/agent-result.ts'
import { type IncidentAgentOptions, runIncidentAgent } from './agent/run-incident-agent.ts'
import { generateReport, type Report } from './report/report.ts'

/**
 * Collects the telemetry of an incident's window, before any fix.
 *
 * @param scenario id of the incident in its source.
 * @param scenarios the source. @defaultValue the built-in scenarios, which `listScenarios()` returns
 * @throws {UnknownScenarioError} whose message lists the ids.
 */
export async function collectTelemetry(scenario: string, scenarios?: ScenarioSource): Promise<Telemetry> {
  return telemetryOf(scenario, scenarios)
}

/** Options of the agent, and of the report. */
export interface IncidentOptions extends IncidentAgentOptions {
  /** A sentence at the top of the report, for example that no model was used. */
  readonly notice?: string
}

/** Result of {@link runIncident}. */
export interface IncidentOutcome {
  /** The agent's result. */
  readonly result: AgentResult
  /** The same result as a report, with secrets masked. */
  readonly report: Report
}

/**
 * Runs an incident in this process: collects telemetry, runs the agent and makes the report. `latencyWorkflow` does the
 * same three steps as Temporal activities.
 *
 * @param scenario id of the incident in `options.scenarios`, by default of a built-in scenario.
 *
 * @throws {UnknownScenarioError} whose message lists the ids.
 * @throws {ModelError} `configuration` if no model is given and the environment has no token.
 */
export async function runIncident(scenario: string, options: IncidentOptions = {}): Promise<IncidentOutcome> {
  const { notice, ...agentOptions } = options
  const pre_telemetry = await collectTelemetry(scenario, options.scenarios)
  const result = await runIncidentAgent({ scenario, pre_telemetry }, agentOptions)
  const { scenarios } = options
  const report = generateReport({
    scenario,
    pre_telemetry,
    result,
    ...(scenarios === undefined ? {} : { scenarios }),
    ...(notice === undefined ? {} : { notice }),
  })
  return { result, report }
}
