/** Arguments of commands that name an incident: a built-in scenario, or a folder of the user's own files. */
import { stat } from 'node:fs/promises'
import {
  InvalidScenarioError,
  listScenarios,
  UnknownScenarioError,
  validateScenario,
} from '../../fixtures/load-scenario.ts'
import { IncidentFolderError } from '../../tools/incident-folder/incident-document.ts'
import { type FolderIncident, openIncident } from '../../tools/incident-folder/open-incident.ts'
import { type ScenarioSource, scenarioSource } from '../../tools/scenario-source.ts'
import { UsageError } from './command-io.ts'

/** An incident that an argument names. */
export interface NamedIncident {
  /** Id of the incident. */
  readonly scenario: string
  /** The source of an incident folder; absent for a built-in scenario. */
  readonly scenarios?: ScenarioSource
}

/** The id of a built-in scenario, or the incident of a folder. @throws {UsageError} if the name is neither. */
export async function incidentOf(name: string): Promise<NamedIncident> {
  const isFolder =
    !listScenarios().includes(name) &&
    (/[\\/]/.test(name) ||
      (await stat(name).then(
        (found) => found.isDirectory(),
        () => false,
      )))
  if (!isFolder) {
    checkScenario(name)
    return { scenario: name }
  }
  const incident = await openFolder(name)
  return { scenario: incident.observation.id, scenarios: scenarioSource([incident]) }
}

/** Opens an incident folder. @throws {UsageError} that says what is wrong with it. */
export async function openFolder(folder: string): Promise<FolderIncident> {
  try {
    return await openIncident(folder)
  } catch (error) {
    throw error instanceof IncidentFolderError ? new UsageError(error.message) : error
  }
}

/** @throws {UsageError} with the list of scenarios if this one does not exist, or with what is wrong with its file. */
function checkScenario(scenario: string): void {
  if (!listScenarios().includes(scenario)) throw new UsageError(new UnknownScenarioError(scenario).message)
  try {
    validateScenario(scenario)
  } catch (error) {
    throw error instanceof InvalidScenarioError ? new UsageError(error.message) : error
  }
}
