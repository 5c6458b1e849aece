/** The entry `tenrounds/worker`: workers and clients of the incident workflow. It imports Temporal's packages late. */
export type { ActivityOptions } from './activities.ts'
export {
  connectClient,
  type IncidentView,
  type StartedIncident,
  type StartOptions,
  startIncident,
  viewIncident,
} from './client.ts'
export { TemporalConnectionError, type TemporalConnectionErrorCode, type TemporalOptions } from './connection.ts'
export type { IncidentPayloadError } from './incident-payload.ts'
export type { AgentStepTimeouts } from './retries-and-timeouts.ts'
export { MissingPackageError } from './temporal-packages.ts'
export { createWorker, type RunWorkerOptions, runWorker, type WorkerLocation, type WorkerSettings } from './worker.ts'
