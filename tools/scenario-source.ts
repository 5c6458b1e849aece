import type { DeploymentConfig } from '../fixtures/deployment.ts'
import { listScenarios, loadScenario, readLog, readMetrics, UnknownScenarioError } from '../fixtures/load-scenario.ts'
import { type LogSource, logSources, type Scenario } from '../fixtures/scenario.ts'
import { InvalidOptionError, TenroundsError } from '../router/errors.ts'
import { isObject } from '../router/json/json.ts'
import { MismatchError } from './errors.ts'
import type { ObservedGpu } from './incident-folder/gpu-statistics.ts'
import type { Inference } from './inference/infer-scenario.ts'
import type { Telemetry } from './types.ts'

// Where the tools find incidents: the built-in scenarios, or any other source. The tools hold no incident themselves.

/** A metrics page of an incident, with the time of its scrape. */
export interface IncidentPage {
  /** Time of the scrape, in Unix milliseconds. */
  readonly timeMs: number
  /** The text of the page. */
  readonly text: string
}

/** Topics of notes: a log, metrics, the configuration, GPUs or the observed time. `other` is for the report only. */
export const noteTopics = [...logSources, 'metrics', 'config', 'gpus', 'window', 'other'] as const

/** Something about an incident that nobody looked at, that no file states, or that was assumed. */
export interface IncidentNote {
  /** The topic, by which the tools find their notes. */
  readonly about: (typeof noteTopics)[number]
  /** One sentence, or a few. */
  readonly text: string
}

/** The files of an incident. Nothing of it changes while the tools use it. */
interface IncidentFiles {
  /**
   * The lines of one log, without line ends; `undefined` if that log was not collected. Each call returns the same array,
   * so that its lines are classified once.
   */
  readonly log: (source: LogSource) => readonly string[] | undefined
  /** The last metrics page as scraped; `undefined` if none was kept. */
  readonly metricsPage: () => string | undefined
  /** All metrics pages that were kept, in order of time; the last one is {@link metricsPage}. Absent: not more than that. */
  readonly pages?: readonly IncidentPage[]
  /** Parts of files that were left out, facts that no file states, and assumptions. Absent: none. */
  readonly notes?: readonly IncidentNote[]
}

/** An incident that can be simulated. A page that was not kept is written by the simulation. */
export interface SimulatedIncident extends IncidentFiles {
  /** Deployment, load and impairments for the simulation. `scenario.id` is the id of the incident. */
  readonly scenario: Scenario
}

/** Facts about an incident that its files state. */
export interface Observation {
  /** Id of the incident. */
  readonly id: string
  /** The observed time. */
  readonly window: Scenario['window']
  /** The deployment. A text that no file states is `unknown`. */
  readonly deployment: DeploymentConfig
  /** Arguments of the HTTP server, such as its port, by their name in Python. Absent: no file states one. */
  readonly server?: DeploymentConfig['engine_args']
  /** Paths of the members of `deployment` that no file states. */
  readonly notStated: readonly string[]
  /** GPUs as nvidia-smi showed them; empty without its output. */
  readonly gpus: readonly ObservedGpu[]
  /** Telemetry of the window, with what is missing. */
  readonly telemetry: Telemetry
}

/** Text of a deployment that no file states. */
export const unknown = 'unknown'

/**
 * An incident of which only its files are known. The tools report what the files state, and simulate changes of the
 * scenario that was inferred from its metrics pages.
 */
export interface ObservedIncident extends IncidentFiles {
  /** Facts that the files state. */
  readonly observation: Observation
  /** The scenario, or why it cannot be inferred. The first call takes a second or two; later ones return the same object. */
  readonly inference: () => Inference
}

/** One incident with its files. */
export type Incident = SimulatedIncident | ObservedIncident

/** The incidents that a set of tools works on. */
export interface ScenarioSource {
  /** Ids of all incidents, sorted. */
  readonly list: () => readonly string[]
  /** Returns the same object for the same id. @throws {UnknownScenarioError} whose message lists the ids. */
  readonly load: (id: string) => Incident
  /** Id of the incident that a call without an id means. Absent: each call must name its incident. */
  readonly defaultId?: string
}

/** A changed configuration cannot be simulated (`not_simulated`). The message says why, and what would help. */
export class NotSimulatedError extends TenroundsError {
  constructor(message: string) {
    super('not_simulated', message)
  }
}

/**
 * The incident that a call names, or the one that a call without an id means.
 *
 * @throws {MismatchError} if the call names none and the source has no default.
 */
export function incidentOf({ list, load, defaultId }: ScenarioSource, id: string | undefined): Incident {
  const chosen = id ?? defaultId
  if (chosen !== undefined) return load(chosen)
  throw new MismatchError(`scenario: missing. Pass the id of an incident: ${list().join(', ')}.`)
}

/** The id of an incident. */
export function incidentId(incident: Incident): string {
  return 'scenario' in incident ? incident.scenario.id : incident.observation.id
}

/** The notes of an incident that concern a tool, as the member that its output has only if there are any. */
export function notesAbout({ notes = [] }: Incident, ...topics: IncidentNote['about'][]): { notes?: string[] } {
  const texts = notes.filter(({ about }) => topics.includes(about)).map(({ text }) => text)
  return texts.length === 0 ? {} : { notes: texts }
}

/** The scenario for the simulation. @throws {NotSimulatedError} if it cannot be inferred from the pages of the incident. */
export function simulatedScenario(incident: Incident): Scenario {
  if ('scenario' in incident) return incident.scenario
  const inference = incident.inference()
  if (inference.kind === 'inferred') return inference.scenario
  throw new NotSimulatedError(
    `${incident.observation.id} is not simulated: ${inference.reasons.join(' ')} No effect of a fix is predicted.`,
  )
}

/** The deployment during the incident. */
export function deploymentOf(incident: Incident): DeploymentConfig {
  return 'scenario' in incident ? incident.scenario.deployment : incident.observation.deployment
}

/** The observed time, which ends with the incident. */
export function windowOf(incident: Incident): Scenario['window'] {
  return 'scenario' in incident ? incident.scenario.window : incident.observation.window
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
 * A source of the given incidents. If it has only one, calls without an id mean that one.
 *
 * ```ts
 * const tools = createIncidentTools({ scenarios: scenarioSource([incident]) })
 * ```
 *
 * @throws {InvalidOptionError} for a value that is not an incident, and for two incidents of one id.
 */
export function scenarioSource(incidents: readonly Incident[]): ScenarioSource {
  if (!Array.isArray(incidents)) throw new InvalidOptionError('incidents must be a list of incidents.')
  const byId = new Map<string, Incident>()
  for (const [index, incident] of incidents.entries()) {
    if (!isIncident(incident))
      throw new InvalidOptionError(`incidents[${index}] is not an incident. Pass the awaited result of openIncident.`)
    const id = incidentId(incident)
    if (byId.has(id)) {
      throw new InvalidOptionError(
        `incidents[${index}] has the id "${id}" of an earlier incident. Give one of them another id in its incident.yaml.`,
      )
    }
    byId.set(id, incident)
  }
  const ids = [...byId.keys()].sort()
  return {
    list: () => ids,
    ...(ids.length === 1 && ids[0] !== undefined ? { defaultId: ids[0] } : {}),
    load: (id) => {
      const incident = byId.get(id)
      if (incident === undefined) throw new UnknownScenarioError(id, ids)
      return incident
    },
  }
}

function isIncident(value: unknown): boolean {
  if (!isObject(value)) return false
  const { scenario, observation } = value
  const holder = scenario ?? observation
  return isObject(holder) && typeof holder['id'] === 'string' && typeof value['log'] === 'function'
}
