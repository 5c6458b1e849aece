import { hangSchema } from '../fixtures/scenario.ts'
import { defineTool } from '../router/define-tool.ts'
import { observedSamples, total, waitingRequests } from './prometheus/metric-values.ts'
import { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
import {
  builtInScenarios,
  incidentOf,
  notesAbout,
  type ObservedIncident,
  type ScenarioSource,
} from './scenario-source.ts'
import { notesSchema, pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { workerHealth } from './simulation/collect-telemetry.ts'
import { rounded } from './simulation/distribution.ts'
import { simulate } from './simulation/simulate.ts'

/** `null` if the engine reported no statistics. */
const observedCount = { type: ['integer', 'null'], minimum: 0 } as const

/** The tool `fetch_runtime_state`: the scheduler's state when the window closes. */
export const createFetchRuntimeState = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_runtime_state',
    title: 'Fetch the runtime state',
    description:
      'State of the engine at the end of the incident: requests running and waiting, age of the oldest waiting one, healthy ' +
      'and stuck workers, and what hung ranks wait in. What was not observed is null.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: { scenario: scenarioProperty },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['queue_depth', 'running', 'waiting', 'scheduler_backlog_ms', 'worker_health'],
      properties: {
        queue_depth: { ...observedCount, description: 'Requests in the engine: running and waiting.' },
        running: observedCount,
        waiting: observedCount,
        scheduler_backlog_ms: {
          type: ['number', 'null'],
          minimum: 0,
          description: 'Age of the oldest waiting request; 0 if no request waits.',
        },
        worker_health: {
          type: 'object',
          additionalProperties: false,
          required: ['healthy', 'stuck'],
          properties: { healthy: observedCount, stuck: observedCount },
        },
        workers: hangSchema,
        notes: notesSchema,
      },
    },
    annotations: pureAnnotations,
    execute: ({ scenario }) => {
      const incident = incidentOf(scenarios, scenario)
      if ('observation' in incident) return observedState(incident)
      const window = simulate(incident.scenario)
      const { end } = window
      const worker_health = workerHealth(window)
      // A debugger on the node shows it, with or without statistics of the engine.
      const { hang } = incident.scenario
      const workers = hang === undefined ? {} : { workers: structuredClone(hang) }
      // Zeros would look like an idle engine. Worker health comes from the node, not from the engine's statistics.
      if (window.notObserved.has('engine')) {
        return {
          queue_depth: null,
          running: null,
          waiting: null,
          scheduler_backlog_ms: null,
          worker_health,
          ...workers,
        }
      }
      return {
        queue_depth: end.running + end.waiting,
        running: end.running,
        waiting: end.waiting,
        scheduler_backlog_ms: rounded(end.oldestWaitingS * 1000),
        worker_health,
        ...workers,
      }
    },
  })

/** {@link createFetchRuntimeState} for the built-in scenarios. */
export const fetchRuntimeState = createFetchRuntimeState(builtInScenarios)

/** The gauges of the last page. A page does not say how long requests have waited, and nothing of workers. */
function observedState(incident: ObservedIncident) {
  const samples = observedSamples(parseMetricsPage(incident.metricsPage() ?? '').samples)
  const running = total(samples, 'vllm:num_requests_running')
  const waiting = waitingRequests(samples)
  return {
    queue_depth: running === null || waiting === null ? null : running + waiting,
    running,
    waiting,
    scheduler_backlog_ms: null,
    worker_health: { healthy: null, stuck: null },
    ...withProgress(incident),
  }
}

/** The notes of the incident, and what its pages show of the engine's progress. */
function withProgress(incident: ObservedIncident): { notes?: string[] } {
  const { no_progress_s: pause, restarts } = incident.observation.telemetry.health
  const notes = [
    ...(pause === undefined
      ? []
      : [
          `No token was generated in the ${pause} s between the pages, although requests are in the engine: it is stalled.`,
        ]),
    ...(restarts === undefined ? [] : ['The engine restarted between the pages.']),
    ...(notesAbout(incident, 'metrics').notes ?? []),
  ]
  return notes.length === 0 ? {} : { notes }
}
