import { InvalidOptionError } from '../router/errors.ts'
import { analyzeMetrics } from './analyze-metrics.ts'
import { applyFixSimulation, createApplyFixSimulation } from './apply-fix-simulation.ts'
import { collectPostTelemetry, createCollectPostTelemetry } from './collect-post-telemetry.ts'
import { createFetchConfig, fetchConfig } from './fetch-config.ts'
import { createFetchGpuStats, fetchGpuStats } from './fetch-gpu-stats.ts'
import { createFetchPrometheusMetrics, fetchPrometheusMetrics } from './fetch-prometheus-metrics.ts'
import { createFetchRuntimeState, fetchRuntimeState } from './fetch-runtime-state.ts'
import { createFetchSystemLogs, fetchSystemLogs } from './fetch-system-logs.ts'
import { createFetchVllmLogs, fetchVllmLogs } from './fetch-vllm-logs.ts'
import { builtInScenarios, type ScenarioSource } from './scenario-source.ts'
import { validateImprovement } from './validate-improvement.ts'

/** Options of {@link createIncidentTools}. */
export interface IncidentToolsOptions {
  /** The incidents that the tools work on. @defaultValue the built-in scenarios */
  readonly scenarios?: ScenarioSource
}

/**
 * Makes the ten incident tools, in the order in which an incident is usually worked on: collect, analyse, fix, validate.
 *
 * They read the incidents of a source and run the simulation. They hold no state and change nothing outside their results,
 * so a result depends only on the incident and the input.
 *
 * @throws {InvalidOptionError} for an unknown option, or `scenarios` without the functions `list` and `load`.
 */
export function createIncidentTools(options: IncidentToolsOptions = {}) {
  const other = Object.keys(options).find((name) => name !== 'scenarios')
  if (other !== undefined)
    throw new InvalidOptionError(`createIncidentTools has no option "${other}". Its option is scenarios.`)
  const { scenarios = builtInScenarios } = options
  if (typeof scenarios?.load !== 'function' || typeof scenarios.list !== 'function')
    throw new InvalidOptionError('scenarios must have the functions list and load. Use scenarioSource([incident]).')
  return [
    createFetchVllmLogs(scenarios),
    createFetchSystemLogs(scenarios),
    createFetchPrometheusMetrics(scenarios),
    createFetchConfig(scenarios),
    createFetchRuntimeState(scenarios),
    createFetchGpuStats(scenarios),
    analyzeMetrics,
    createApplyFixSimulation(scenarios),
    createCollectPostTelemetry(scenarios),
    validateImprovement,
  ] as const
}

/**
 * The ten incident tools for the built-in scenarios. Each can be used alone, without a model:
 *
 * ```ts
 * const result = await runTool(fetchConfig, { scenario: 'kv_cache_pressure' })
 * ```
 */
export const incidentTools = [
  fetchVllmLogs,
  fetchSystemLogs,
  fetchPrometheusMetrics,
  fetchConfig,
  fetchRuntimeState,
  fetchGpuStats,
  analyzeMetrics,
  applyFixSimulation,
  collectPostTelemetry,
  validateImprovement,
] as const

// The input of calibrateStepTime.
export type { Load, Scenario } from '../fixtures/scenario.ts'
export { ConfigError, type ConfigErrorCode, MetricsPageError, PagesError, type PagesErrorReason } from './errors.ts'
export { type Inference, type InferenceOptions, inferScenario } from './inference/infer-scenario.ts'
export { type Prediction, predict } from './inference/predict.ts'
export type { Residual } from './inference/residuals.ts'
export { type ClassifiedLine, classifyLogLines } from './logs/classify-log-lines.ts'
export { groupLogLines } from './logs/group-log-lines.ts'
// The parsers are useful on their own, for the user's own logs and metrics pages.
export type { MetricFamily, MetricsPage } from './prometheus/metrics-page.ts'
export type { TimedPage } from './prometheus/page-series.ts'
export { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
export { type TelemetryFromPagesOptions, telemetryFromPages } from './prometheus/telemetry-from-pages.ts'
// Incidents of the caller's own.
export {
  builtInScenarios,
  type Incident,
  NotSimulatedError,
  type Observation,
  type ObservedIncident,
  type ScenarioSource,
  type SimulatedIncident,
  scenarioSource,
} from './scenario-source.ts'
export {
  calibrateStepTime,
  type LoadObservation,
  type StepTimeCalibration,
} from './simulation/calibrate-step-time.ts'
export { architectureFromConfig } from './simulation/model-config.ts'
export {
  activeParameterCount,
  kvBytesPerToken,
  type LatentAttention,
  type MixtureOfExperts,
  type ModelArchitecture,
  type ModelWeights,
  parameterCount,
  type SlidingWindow,
  type VisionEncoder,
  type WeightGroup,
  weightBytes,
} from './simulation/models.ts'
export type { Calibration } from './simulation/step-time.ts'
export type { PredictedEffect, PredictedRatio } from './types.ts'
export {
  analyzeMetrics,
  applyFixSimulation,
  collectPostTelemetry,
  fetchConfig,
  fetchGpuStats,
  fetchPrometheusMetrics,
  fetchRuntimeState,
  fetchSystemLogs,
  fetchVllmLogs,
  validateImprovement,
}
