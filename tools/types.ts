import type { Document } from '../fixtures/deployment.ts'
import type { logErrorsSchema, samplesSchema } from './schemas/common.ts'
import type { fixPlanSchema, fixResultSchema } from './schemas/fix-plan.ts'
import type { logOverviewSchema } from './schemas/log-overview.ts'
import type { metricsAnalysisSchema } from './schemas/metrics-analysis.ts'
import type { predictedRatioSchema, predictionSchema } from './schemas/prediction.ts'
import type { latencyStatisticsSchema, pairedSeedsSchema, telemetrySchema } from './schemas/telemetry.ts'
import type { validationSchema } from './schemas/validation.ts'

// Types of the documents that the incident tools exchange. Each is inferred from its schema, which describes the
// members. Names of members carry their units: `_s` seconds, `_ms` milliseconds, `_gb` GiB.

/** Everything that a fix can change; see `deploymentSchema`. */
export type { DeploymentConfig } from '../fixtures/deployment.ts'

/** A plan of changes to a deployment, applied in order. */
export type FixPlan = Document<typeof fixPlanSchema>

/** One step of a fix plan, distinguished by `action`. */
export type FixAction = FixPlan['actions'][number]

/** Result of `apply_fix_simulation`: the changed configuration and the differences. */
export type FixResult = Document<typeof fixResultSchema>

/** One difference between two configurations, in the style of JSON Patch (RFC 6902). */
export type ConfigChange = FixResult['diff'][number]

/** Summary of one observed window of serving, before or after a fix. */
export type Telemetry = Document<typeof telemetrySchema>

/**
 * A change of one figure: the value with the changed configuration, divided by the value with the one of the pages, with
 * the band of all draws.
 */
export type PredictedRatio = Document<typeof predictedRatioSchema>

/** The predicted effect of a change on a load that was inferred from pages. */
export type PredictedEffect = Document<typeof predictionSchema>

/** The same requests with two configurations, for several seeds of the load. */
export type PairedSeeds = Document<typeof pairedSeedsSchema>

/** Statistics of one latency, in seconds; `null` if nothing was observed. */
export type LatencyStatistics = Document<typeof latencyStatisticsSchema>

/** One sample of a metrics page. Values that JSON cannot express are the strings `NaN`, `+Inf` and `-Inf`. */
export type MetricSample = Document<typeof samplesSchema>[number]

/** Result of `analyze_metrics`: latency by phase, derived metrics and the hotspot. */
export type MetricsAnalysis = Document<typeof metricsAnalysisSchema>

/** A group of log lines with the same message that look like a failure. */
export type LogError = Document<typeof logErrorsSchema>[number]

/** The lines of a log that a reader needs first, and what was left out. */
export type LogOverview = Document<typeof logOverviewSchema>

/** One line of an overview, with the number of its repeats. */
export type LogRow = LogOverview['rows'][number]

/**
 * Role of a log line in a failure: `cause_candidate` may be the cause, `unclassified` is abnormal but its role is not
 * certain, `cascade` follows from another failure, `request_error` concerns a single request, and `benign` looks like a
 * failure but is not one.
 */
export type LogErrorKind = LogError['kind']

/** Result of `validate_improvement`: the comparison of two telemetries. */
export type Validation = Document<typeof validationSchema>

/** Verdict on a fix. */
export type ValidationStatus = Validation['status']

/** One metric before and after a fix. */
export type MetricDelta = Validation['deltas'][number]
