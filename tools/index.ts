import { analyzeMetrics } from './analyze-metrics.ts'
import { applyFixSimulation } from './apply-fix-simulation.ts'
import { collectPostTelemetry } from './collect-post-telemetry.ts'
import { fetchConfig } from './fetch-config.ts'
import { fetchGpuStats } from './fetch-gpu-stats.ts'
import { fetchPrometheusMetrics } from './fetch-prometheus-metrics.ts'
import { fetchRuntimeState } from './fetch-runtime-state.ts'
import { fetchSystemLogs } from './fetch-system-logs.ts'
import { fetchVllmLogs } from './fetch-vllm-logs.ts'
import { validateImprovement } from './validate-improvement.ts'

/**
 * The ten incident tools, in the order in which an incident is usually worked on: collect, analyse, fix, validate.
 *
 * They read fixtures and run the simulation. They hold no state and change nothing outside their results, so a result
 * depends only on the input. Each tool can be used alone, without a model:
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
export { type ClassifiedLine, classifyLogLines } from './logs/classify-log-lines.ts'
// The parsers are useful on their own, for the user's own logs and metrics pages.
export type { MetricFamily, MetricsPage } from './prometheus/metrics-page.ts'
export type { TimedPage } from './prometheus/page-series.ts'
export { parseMetricsPage } from './prometheus/parse-metrics-page.ts'
export { type TelemetryFromPagesOptions, telemetryFromPages } from './prometheus/telemetry-from-pages.ts'
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
