import { sloSchema } from '../../fixtures/scenario.ts'
import { InvalidOptionError } from '../../router/errors.ts'
import { describeValidationErrors } from '../../router/feedback.ts'
import { isObject } from '../../router/json/json.ts'
import { compileSchema } from '../../router/validation.ts'
import { PagesError } from '../errors.ts'
import { rounded } from '../simulation/distribution.ts'
import type { LatencyStatistics, MetricSample, Telemetry } from '../types.ts'
import { unobservedFigures } from '../unobserved.ts'
import { type Histogram, histogramOf, meanOf, partQuantileOf, quantileRange } from './metric-samples.ts'
import {
  finishedRequests,
  isoTime,
  kvCapacityTokens,
  labelValues,
  mean,
  ofEngine,
  total,
  waitingRequests,
} from './metric-values.ts'
import { type PageSeries, readPages, type TimedPage } from './page-series.ts'

/** Options of {@link telemetryFromPages}. */
export interface TelemetryFromPagesOptions {
  /** The objectives that the window is judged by. A page does not state them. */
  readonly slo: Telemetry['slo']
  /** Part of the time to look at, in RFC 3339. Default: from the first to the last page. */
  readonly window?: { readonly start: string; readonly end: string }
  /** Id of the incident. Default `incident`. */
  readonly scenario?: string
  /** Id of the configuration. Default: the scenario, followed by `/initial`. */
  readonly config_id?: string
  /** Label of one engine of a data-parallel server, e.g. `0`. Default: all engines together. */
  readonly engine?: string
}

/**
 * The telemetry that metrics pages of one vLLM server show.
 *
 * Two pages or more give the time from the first to the last one; one page gives the time since the start of its
 * process. `window` of the result is the time that is covered. What pages do not show is `null`:
 *
 * - Queue, batch and KV cache usage are gauges: a mean and a maximum need two pages, and are those of the scrapes.
 * - Quantiles are estimates from buckets, within what sums and the time of whole requests allow; one above the last limit is
 *   `null`. `notes` has the range of a wide bucket.
 * - Workers are on no page. Whether an engine stalled needs two.
 * - Without the counter of finished requests, or without the gauges, `requests` is in `missing`.
 *
 * Requests of the window include those that were in the engine at its start. `notes` says what is not covered.
 *
 * @throws {PagesError} if a page is unreadable, if the pages do not belong together, or if they lack `engine`.
 * @throws {InvalidOptionError} without `slo`, or for objectives that are not complete.
 */
export function telemetryFromPages(pages: readonly TimedPage[], options: TelemetryFromPagesOptions): Telemetry {
  checkSlo(options)
  const { slo, scenario = 'incident', config_id = `${scenario}/initial`, engine } = options
  const series = readPages(pages, options.window)
  const engines = labelValues(series.changes, 'engine')
  if (engine !== undefined && engines !== '' && !engines.split(', ').includes(engine)) {
    throw new PagesError('no_metrics', `engine is "${engine}", but the pages have the engines ${engines}.`)
  }
  const scrapes = series.scrapes.map(({ samples }) => ofEngine(samples, engine))
  const changes = ofEngine(series.changes, engine)
  const seconds = series.endS - series.startS
  const rate = (amount: number | null) => (amount === null ? null : rounded(amount / seconds))
  const requests = requestsOf(changes)
  const latency = latencyOf(changes)
  const lacking = lackingFamilies(changes)
  const together =
    engine === undefined && engines.includes(', ')
      ? [`The figures are those of the engines ${engines} together. Give the option engine for one of them.`]
      : []
  const notes = [...series.notes, ...together, ...lacking.notes, ...gaugeNotes(scrapes), ...quantileNotes(changes)]
  const unknownLatency = Object.values(latency).every(({ mean }) => mean === null)
  const hasLatency = Object.values(latencyFamilies).some((name) => histogramOf(changes, name) !== undefined)
  const missing: NonNullable<Telemetry['missing']> = [
    ...lacking.missing,
    ...(unknownLatency && (!hasLatency || requests.served !== 0) ? (['latency'] as const) : []),
  ]
  return {
    ...(missing.length === 0 ? {} : { missing }),
    scenario,
    phase: 'pre',
    config_id,
    window: { start: isoTime(series.startS), end: isoTime(series.endS), duration_s: durationOf(series) },
    slo,
    requests,
    latency,
    throughput: {
      requests_per_s: rate(requests.served),
      prompt_tokens_per_s: rate(total(changes, 'vllm:prompt_tokens_total')),
      generation_tokens_per_s: rate(total(changes, 'vllm:generation_tokens_total')),
    },
    queue: {
      waiting_mean: overScrapes(scrapes, waitingRequests, meanOfNumbers),
      waiting_max: overScrapes(scrapes, waitingRequests, largest),
      running_mean: overScrapes(scrapes, runningRequests, meanOfNumbers),
      running_max: overScrapes(scrapes, runningRequests, largest),
    },
    kv_cache: {
      capacity_tokens: kvCapacityTokens(changes),
      usage_mean: overScrapes(scrapes, cacheUsage, meanOfNumbers),
      usage_max: overScrapes(scrapes, cacheUsage, largest),
    },
    // The server that answers with a page is up.
    health: { engine_up: true, healthy_workers: null, stuck_workers: null, ...eventsOf(series, scrapes, changes) },
    ...(notes.length === 0 ? {} : { notes }),
  }
}

/** Shortest time without a token that shows a stall, in seconds: the prefill of a long prompt gives no token either. */
const shortestStallS = 10

/** Restarts, and a time without progress, as the members of the health that exist only then. */
function eventsOf(
  { restarts, startS, endS }: PageSeries,
  scrapes: readonly (readonly MetricSample[])[],
  changes: readonly MetricSample[],
): Pick<Telemetry['health'], 'restarts' | 'no_progress_s'> {
  const isBusy = scrapes.every((samples) => (runningRequests(samples) ?? 0) + (waitingRequests(samples) ?? 0) > 0)
  const produced = total(changes, 'vllm:generation_tokens_total')
  const isStalled = scrapes.length > 1 && isBusy && produced === 0 && endS - startS >= shortestStallS
  return {
    ...(restarts > 0 ? { restarts } : {}),
    ...(isStalled ? { no_progress_s: rounded(endS - startS) } : {}),
  }
}

/** Times have milliseconds, and the duration must agree with them. */
function durationOf({ startS, endS }: PageSeries): number {
  return (Math.round(endS * 1000) - Math.round(startS * 1000)) / 1000
}

/** Requests by their outcome; `null` if the pages do not show it. */
function requestsOf(changes: readonly MetricSample[]): Telemetry['requests'] {
  const finished = finishedRequests(changes)
  const running = runningRequests(changes)
  const waiting = waitingRequests(changes)
  if (finished === null || running === null || waiting === null) {
    return unobservedFigures().requests
  }
  const rejected = total(changes, 'vllm:admission_rejections_total') ?? 0
  const failed = finished.abort + Math.max(finished.error + rejected, failedCalls(changes))
  const unfinished = running + waiting
  return {
    arrived: finished.served + failed + unfinished,
    served: finished.served,
    failed,
    unfinished,
    preemptions: total(changes, 'vllm:num_preemptions_total'),
  }
}

/** Members of a telemetry that the pages do not show, with the families that they lack. */
function lackingFamilies(changes: readonly MetricSample[]): {
  readonly missing: readonly ('requests' | 'queue')[]
  readonly notes: readonly string[]
} {
  const lacks = (name: string) => total(changes, `vllm:${name}`) === null
  const gauges = ['num_requests_running', 'num_requests_waiting'].filter(lacks)
  const lacking = [...(finishedRequests(changes) === null ? ['request_success_total'] : []), ...gauges]
  if (lacking.length === 0) return { missing: [], notes: [] }
  return {
    missing: ['requests', ...(gauges.length > 0 ? (['queue'] as const) : [])],
    notes: [`The pages have no ${lacking.join(', ')}, so the requests of the window are not known.`],
  }
}

/** HTTP calls of the API that failed. A refused request reaches no counter of the engine. */
function failedCalls(changes: readonly MetricSample[]): number {
  const failures = changes.filter(
    ({ name, labels }) =>
      name === 'http_requests_total' &&
      labels['handler']?.startsWith('/v1/') &&
      labels['method'] === 'POST' &&
      /^[45]/.test(labels['status'] ?? ''),
  )
  return total(failures, 'http_requests_total') ?? 0
}

/** Histograms of latencies, by member of a telemetry. */
export const latencyFamilies = {
  ttft_s: 'vllm:time_to_first_token_seconds',
  inter_token_s: 'vllm:inter_token_latency_seconds',
  e2e_s: 'vllm:e2e_request_latency_seconds',
  queue_s: 'vllm:request_queue_time_seconds',
  prefill_s: 'vllm:request_prefill_time_seconds',
  decode_s: 'vllm:request_decode_time_seconds',
} as const

function latencyOf(changes: readonly MetricSample[]): Telemetry['latency'] {
  const of = (name: keyof typeof latencyFamilies) => statisticsOf(changes, latencyFamilies[name])
  return {
    ttft_s: of('ttft_s'),
    inter_token_s: of('inter_token_s'),
    e2e_s: of('e2e_s'),
    queue_s: of('queue_s'),
    prefill_s: of('prefill_s'),
    decode_s: of('decode_s'),
  }
}

function statisticsOf(changes: readonly MetricSample[], name: string): LatencyStatistics {
  const histogram = histogramOf(changes, name)
  const whole = wholeOf(changes, name)
  const quantile = (share: number) => {
    const value = partQuantileOf(histogram, whole, share)
    return typeof value === 'number' ? rounded(value) : null
  }
  const mean = meanOf(histogram)
  const count = histogram !== undefined && Number.isFinite(histogram.count) ? histogram.count : null
  // Without a number of observations, statistics would contradict it.
  if (count === null || count === 0) return { count, mean: null, p50: null, p95: null, p99: null }
  return {
    count,
    mean: mean === null ? null : rounded(mean),
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  }
}

/** Time of a whole request, of which the other latencies but that between tokens are parts. */
function wholeOf(changes: readonly MetricSample[], name: string): Histogram | undefined {
  return name === latencyFamilies.inter_token_s ? undefined : histogramOf(changes, latencyFamilies.e2e_s)
}

/** A wider range of a quantile, as the ratio of its ends, is noted. */
const wideRange = 1.5

/** Quantiles that lie above the last limit of their histogram, and those of which the buckets only show a wide range. */
function quantileNotes(changes: readonly MetricSample[]): string[] {
  const above: string[] = []
  const wide: string[] = []
  for (const [member, name] of Object.entries(latencyFamilies)) {
    const histogram = histogramOf(changes, name)
    const whole = wholeOf(changes, name)
    const value = partQuantileOf(histogram, whole, 0.95)
    const range = quantileRange(histogram, 0.95)
    if (typeof value === 'string') above.push(`latency.${member}.p95 is ${value} s, above the last bucket.`)
    else if (value !== null && range !== undefined) {
      const limit = whole?.count === histogram?.count ? quantileRange(whole, 0.95)?.upper : undefined
      const upper = Math.max(value, Math.min(range.upper, limit ?? range.upper))
      const lower = Math.min(value, range.lower)
      if (upper > wideRange * lower) wide.push(`${member} between ${rounded(lower)} and ${rounded(upper)} s`)
    }
  }
  if (wide.length > 0) above.push(`Quantiles are estimates, because buckets are wide. p95 lies for ${wide.join(', ')}.`)
  return above
}

function gaugeNotes(scrapes: readonly (readonly MetricSample[])[]): string[] {
  const [only] = scrapes
  if (scrapes.length > 1 || only === undefined) {
    return [
      `Queue and KV cache are those of ${scrapes.length} scrapes; between them they may have been higher or lower.`,
    ]
  }
  const moment = 'One page shows queue and KV cache at one moment: their means and maxima are not known.'
  const busy = (runningRequests(only) ?? 0) + (waitingRequests(only) ?? 0) > 0
  return busy ? [moment, progressUnknown] : [moment]
}

/** The note on one page of a busy engine. */
export const progressUnknown =
  'One page does not show whether the engine still generates tokens: an engine that stalled needs a second page.'

/** A gauge over several scrapes; `null` for one scrape, or if a page lacks it. */
function overScrapes(
  scrapes: readonly (readonly MetricSample[])[],
  read: (samples: readonly MetricSample[]) => number | null,
  combine: (values: readonly number[]) => number,
): number | null {
  const values = scrapes.flatMap((samples) => read(samples) ?? [])
  return scrapes.length > 1 && values.length === scrapes.length ? rounded(combine(values)) : null
}

function meanOfNumbers(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function largest(values: readonly number[]): number {
  return Math.max(...values)
}

function runningRequests(samples: readonly MetricSample[]): number | null {
  return total(samples, 'vllm:num_requests_running')
}

function cacheUsage(samples: readonly MetricSample[]): number | null {
  return mean(samples, 'vllm:kv_cache_usage_perc')
}

let validateSlo: ReturnType<typeof compileSchema> | undefined

/** Checks the option `slo`. @throws {InvalidOptionError} that names the objective. */
export function checkSlo(options: unknown): void {
  const slo = isObject(options) ? options['slo'] : undefined
  if (slo === undefined)
    throw new InvalidOptionError('slo is missing. Pass the objectives: { slo: { ttft_p95_s, … } }.')
  validateSlo ??= compileSchema(sloSchema)
  const errors = validateSlo(slo)
  if (errors.length > 0) throw new InvalidOptionError(describeValidationErrors(errors, sloSchema, 'slo is wrong:'))
}
