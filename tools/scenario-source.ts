import { listScenarios, loadScenario, readLog, readMetrics, UnknownScenarioError } from '../fixtures/load-scenario.ts'
import type { LogSource, Scenario } from '../fixtures/scenario.ts'

// Where the tools find incidents: the built-in scenarios, or any other source. The tools hold no incident themselves.

/** One incident with its files. Nothing of it changes while the tools use it. */
export interface Incident {
  /** Deployment, load and impairments for the simulation. `scenario.id` is the id of the incident. */
  readonly scenario: Scenario
  /**
   * The lines of one log, without line ends; `undefined` if that log was not collected. Each call returns the same array,
   * so that its lines are classified once.
   */
  readonly log: (source: LogSource) => readonly string[] | undefined
  /** The last metrics page as scraped; `undefined` if none was kept, so that the simulation writes it. */
  readonly metricsPage: () => string | undefined
}

/** The incidents that a set of tools works on. */
export interface ScenarioSource {
  /** Ids of all incidents, sorted. */
  readonly list: () => readonly string[]
  /** Returns the same object for the same id. @throws {UnknownScenarioError} whose message lists the ids. */
  readonly load: (id: string) => Incident
}

// Built-in files do not change while the process runs.
const builtIn = new Map<string, Incident>()

/** The built-in scenarios of `listScenarios()`. The named tools use this source. */
export const builtInScenarios: ScenarioSource = {
  list: listScenarios,
  load: (id) => {
    let incident = builtIn.get(id)
    if (incident === undefined) {
      const scenario = loadScenario(id)
      incident = {
        scenario,
        log: (source) => (scenario.logs[source] === undefined ? undefined : readLog(scenario, source)),
        metricsPage: () => readMetrics(scenario),
      }
      builtIn.set(id, incident)
    }
    return incident
  },
}

/**
 * A source of the given incidents.
 *
 * ```ts
 * const tools = createIncidentTools({ scenarios: scenarioSource([incident]) })
 * ```
 */
export function scenarioSource(incidents: readonly Incident[]): ScenarioSource {
  const byId = new Map(incidents.map((incident) => [incident.scenario.id, incident]))
  const ids = [...byId.keys()].sort()
  return {
    list: () => ids,
    load: (id) => {
      const incident = byId.get(id)
      if (incident === undefined) throw new UnknownScenarioError(id, ids)
      return incident
    },
  }
}
