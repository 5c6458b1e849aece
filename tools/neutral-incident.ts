import { createHash } from 'node:crypto'
import type { DeploymentConfig } from '../fixtures/deployment.ts'
import { UnknownScenarioError } from '../fixtures/load-scenario.ts'
import type { Scenario } from '../fixtures/scenario.ts'
import { type Incident, incidentId, type ScenarioSource } from './scenario-source.ts'
import type { Telemetry } from './types.ts'

// The id of an incident often names its cause: `kv_cache_pressure`, or a folder `xid-79-node-4`. A model must not read the
// answer there, so the agent works on a copy of the incident under an id without meaning, and people get the name back.

/** An incident under an id without meaning. */
export interface NeutralIncident {
  /** The neutral id. It depends on the incident's id only, so a resumed run has the same one. */
  readonly id: string
  /** A source of this incident alone, which calls without an id mean too. It also accepts the incident's own id. */
  readonly source: ScenarioSource
  /** Telemetry of the incident with the neutral id. */
  readonly hideName: (telemetry: Telemetry) => Telemetry
  /** The JSON document with the incident's own id in all its strings. */
  readonly showName: <Value extends object>(document: Value) => Value
}

/**
 * Hides the name of an incident from the model: in the id, the deployment, the configuration ids and the telemetry. Text of
 * the incident's files is not changed, because it is evidence.
 *
 * @throws {UnknownScenarioError} whose message lists the ids of `scenarios`.
 */
export function neutralIncident(scenarios: ScenarioSource, id: string): NeutralIncident {
  const incident = renamed(scenarios.load(id))
  const neutral = neutralId(id)
  return {
    id: neutral,
    source: {
      list: () => [neutral],
      load: (other) => {
        if (other === neutral || other === id) return incident
        throw new UnknownScenarioError(other, [neutral])
      },
      defaultId: neutral,
    },
    hideName: (telemetry) => withId(telemetry, id, neutral),
    showName: (document) => {
      const json = JSON.stringify(document)
      if (!json.includes(neutral)) return document
      // A function, because a text such as `$&` has a meaning in a replacement.
      const named: typeof document = JSON.parse(json.replaceAll(neutral, () => JSON.stringify(id).slice(1, -1)))
      return named
    },
  }
}

/** Six hexadecimal digits are enough: a run has one incident. */
function neutralId(id: string): string {
  return `inc-${createHash('sha256').update(id).digest('hex').slice(0, 6)}`
}

// The tools keep what they computed of an incident by its object, so each has one renamed copy.
const copies = new WeakMap<Incident, Incident>()

function renamed(incident: Incident): Incident {
  let copy = copies.get(incident)
  if (copy === undefined) {
    copy = copyOf(incident)
    copies.set(incident, copy)
  }
  return copy
}

function copyOf(incident: Incident): Incident {
  const id = incidentId(incident)
  const neutral = neutralId(id)
  if ('scenario' in incident) return { ...incident, scenario: scenarioWithId(incident.scenario, id, neutral) }
  const { observation, inference } = incident
  let inferred: ReturnType<typeof inference> | undefined
  return {
    ...incident,
    observation: {
      ...observation,
      id: neutral,
      deployment: withId(observation.deployment, id, neutral),
      telemetry: withId(observation.telemetry, id, neutral),
    },
    // The first call takes a second or two.
    inference: () => {
      if (inferred === undefined) {
        const found = inference()
        inferred =
          found.kind === 'refused' ? found : { ...found, scenario: scenarioWithId(found.scenario, id, neutral) }
      }
      return inferred
    },
  }
}

function scenarioWithId(scenario: Scenario, id: string, neutral: string): Scenario {
  return { ...scenario, id: neutral, deployment: withId(scenario.deployment, id, neutral) }
}

/** A document with the neutral id. A configuration id has the incident's id as its first part. */
function withId<Named extends DeploymentConfig | Telemetry>(document: Named, id: string, neutral: string): Named {
  return { ...document, scenario: neutral, config_id: document.config_id.replaceAll(id, neutral) }
}
