import { meanOf, scrapeDelta, secondsBetween } from '../prometheus/metric-samples.ts'
import { observedSamples, ofEngine, total, waitingRequests } from '../prometheus/metric-values.ts'
import { progressUnknown } from '../prometheus/telemetry-from-pages.ts'
import { rounded } from '../simulation/distribution.ts'
import type { MetricSample, MetricsAnalysis, Telemetry } from '../types.ts'
import { withoutMissingFigures } from '../unobserved.ts'
import { contradictionsOf } from './contradictions.ts'
import { enginesHotspot } from './engines.ts'
import { estimatesOf } from './estimates.ts'
import { figuresOf } from './figures.ts'
import { findHotspot, laterOutage } from './hotspot.ts'
import { deriveMetrics, type HistogramReader, histogramReader, scaled } from './page-figures.ts'

/**
 * Analyses a metrics page: latency by phase, derived metrics, and the hotspot.
 *
 * Counters are cumulative. Without an earlier scrape the results cover the life of the process, and rates are computed
 * over the telemetry's window. With an earlier scrape they cover the time between the two, and rates are computed over
 * the difference of their timestamps, or over the telemetry's window if they have none.
 *
 *     time_to_first_token_seconds, inter_token_latency_seconds     quantiles of latency
 *     request_{queue,prefill,decode}_time_seconds, e2e_…           breakdown of the time of a request
 *     num_requests_{running,waiting}, kv_cache_usage_perc          state at the moment of the scrape
 *     num_preemptions_total, {prompt,generation}_tokens_total      work
 *     request_success_total, prefix_cache_{queries,hits}_total     outcome and cache
 *
 * Metrics that the page does not contain are `null`. They are never filled in from the telemetry. The hotspot is judged
 * by the page, and by the telemetry where the page has no figure. A telemetry that contradicts the page is not used; the
 * result names both figures. The engines of a data-parallel server are judged one by one. A page of a time before an
 * outage is judged by itself, and the outage is noted.
 *
 * @param samples the page, in the names of vLLM V1 or V0.
 * @param earlier an earlier page of the same engine.
 */
export function analyzeSamples(
  given: Telemetry,
  samples: readonly MetricSample[],
  earlier?: readonly MetricSample[],
): MetricsAnalysis {
  // All names below are those of V1.
  const now = observedSamples(samples)
  const pageMs = samples.find(({ timestamp_ms }) => timestamp_ms !== undefined)?.timestamp_ms
  const outage = requestsIn(now) === null ? undefined : laterOutage(given, pageMs)
  const telemetry = withoutMissingFigures(outage === undefined ? given : beforeOutage(given))
  const before = earlier === undefined ? undefined : observedSamples(earlier)
  const page = before === undefined ? now : scrapeDelta(before, now)
  const histogram = histogramReader(page)
  const isChange = earlier !== undefined
  const between = earlier && secondsBetween(earlier, samples)
  const first = deriveMetrics(page, histogram, between ?? telemetry.window.duration_s)
  const contradictions = contradictionsOf({ telemetry, page, metrics: first, histogram, isChange })
  const isUsed = contradictions.length === 0
  // The window of a telemetry that is not used says nothing about the time that the counters cover.
  const derived_metrics = isUsed || between !== undefined ? first : deriveMetrics(page, histogram, undefined)
  const whole = findHotspot(
    telemetry,
    // The window of the telemetry contains the outage, and the page does not.
    figuresOf(histogram, derived_metrics, isUsed && outage === undefined ? telemetry : undefined, requestsIn(before)),
  )
  const seconds = between ?? (isUsed ? telemetry.window.duration_s : undefined)
  const names = engineNames(page)
  const engines =
    names.length < 2 ? [] : names.map((engine) => analyzeEngine({ telemetry, page, before, engine, seconds }))
  const hotspot = enginesHotspot(whole, engines)
  const refused = contradictions
    .slice(0, 1)
    .map((text) => `pre_telemetry is not used, because it contradicts the page: ${text}`)
  const isProgressKnown =
    earlier !== undefined || telemetry.health.stuck_workers !== null || !telemetry.health.engine_up
  const isStalled = hotspot.kind === 'engine_stalled' || (requestsIn(page) ?? 0) === 0
  const limits = isProgressKnown || isStalled ? [] : [progressUnknown]
  const estimates = estimatesOf(derived_metrics, histogram, isUsed ? telemetry : undefined)
  return {
    latency_breakdown: breakdown(histogram),
    derived_metrics,
    hotspot: {
      kind: hotspot.kind,
      because: [...hotspot.because, ...limits, ...refused, ...(outage === undefined ? [] : [outage])],
    },
    ...(estimates.length === 0 ? {} : { estimates }),
    ...(engines.length === 0 ? {} : { engines }),
    ...(isUsed ? {} : { contradictions }),
  }
}

/** A telemetry for a page of a time at which the engine was up: its health is that of a later time. */
function beforeOutage(telemetry: Telemetry): Telemetry {
  return { ...telemetry, health: { engine_up: true, healthy_workers: null, stuck_workers: null } }
}

/** Judges one engine by the page alone: a telemetry is that of all engines. */
function analyzeEngine({ telemetry, page, before, engine, seconds }: EngineInput): EngineAnalysis {
  const samples = ofEngine(page, engine)
  const histogram = histogramReader(samples)
  const derived_metrics = deriveMetrics(samples, histogram, seconds)
  const earlierRequests = requestsIn(before && ofEngine(before, engine))
  const hotspot = findHotspot(telemetry, figuresOf(histogram, derived_metrics, undefined, earlierRequests))
  return { engine, derived_metrics, hotspot }
}

type EngineAnalysis = NonNullable<MetricsAnalysis['engines']>[number]

/** Input of {@link analyzeEngine}. */
interface EngineInput {
  readonly telemetry: Telemetry
  /** The page, or the changes since an earlier one. */
  readonly page: readonly MetricSample[]
  /** The earlier page. */
  readonly before: readonly MetricSample[] | undefined
  /** Label of the engine. */
  readonly engine: string
  /** Time that the counters cover. */
  readonly seconds: number | undefined
}

/** Requests that ran or waited at a page; `null` if it does not show them. */
function requestsIn(page: readonly MetricSample[] | undefined): number | null {
  if (page === undefined) return null
  const [running, waiting] = [total(page, 'vllm:num_requests_running'), waitingRequests(page)]
  return running === null || waiting === null ? null : running + waiting
}

/** Labels of the engines of a page, in the order of the page. */
function engineNames(page: readonly MetricSample[]): string[] {
  const names = page.flatMap(({ name, labels }) =>
    name === 'vllm:num_requests_running' ? (labels['engine'] ?? []) : [],
  )
  return [...new Set(names)]
}

/** End-to-end time starts at the API server. The part that no phase of the engine explains was spent in the frontend. */
function breakdown(histogram: HistogramReader): MetricsAnalysis['latency_breakdown'] {
  const e2e = meanOf(histogram('e2e_request_latency_seconds'))
  const part = (mean_s: number | null) => ({
    mean_s: scaled(mean_s, 1),
    share: mean_s === null || e2e === null || e2e === 0 ? null : rounded(mean_s / e2e),
  })
  const queue = meanOf(histogram('request_queue_time_seconds'))
  const prefill = meanOf(histogram('request_prefill_time_seconds'))
  const decode = meanOf(histogram('request_decode_time_seconds'))
  const known = e2e !== null && queue !== null && prefill !== null && decode !== null
  return {
    queue: part(queue),
    prefill: part(prefill),
    decode: part(decode),
    other: part(known ? Math.max(0, e2e - queue - prefill - decode) : null),
  }
}
