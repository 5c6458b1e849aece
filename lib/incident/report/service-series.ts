import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { PagesError } from '../../../tools/errors.ts'
import { histogramOf, quantileOf, scrapeDelta } from '../../../tools/prometheus/metric-samples.ts'
import { finishedRequests, mean, total, waitingRequests } from '../../../tools/prometheus/metric-values.ts'
import { readRuns, type TimedScrape } from '../../../tools/prometheus/page-series.ts'
import { latencyFamilies } from '../../../tools/prometheus/telemetry-from-pages.ts'
import { type Incident, windowOf } from '../../../tools/scenario-source.ts'
import { Distribution } from '../../../tools/simulation/distribution.ts'
import { generateRequests } from '../../../tools/simulation/requests.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { intervalSeconds, type SimulatedWindow } from '../../../tools/simulation/window.ts'
import type { MetricSample } from '../../../tools/types.ts'

/** The service in one interval. `null`: not known. */
export interface ServicePoint {
  /** Start of the interval, in seconds since the start of the window. */
  readonly startS: number
  /** End of the interval. */
  readonly endS: number
  /** Requests that arrived in it. */
  readonly arrivals: number | null
  /** Preemptions in it. */
  readonly preemptions: number | null
  /** Output tokens in it. */
  readonly tokens: number | null
  /** Waiting requests at its end, without those that wait for KV blocks of another engine. */
  readonly waiting: number | null
  /** Running requests at its end. */
  readonly running: number | null
  /** Share of KV blocks in use at its end. */
  readonly kvUsage: number | null
  /** Requests that were served in it. */
  readonly served: number | null
  /** p95 of the time to first token in seconds: of the {@link latencySeconds} to its end, or between two pages. */
  readonly ttftP95: number | null
  /** p99 of the time between tokens in seconds, of the same time. */
  readonly interTokenP99: number | null
}

/** A quantile of a simulated window over time is that of so many seconds: an interval alone has few requests. */
export const latencySeconds = 60

/**
 * The service over the window of an incident, from its metrics: one point per interval of the simulation, or per metrics
 * page. Empty if no metrics were collected.
 */
export function observedSeries(incident: Incident): readonly ServicePoint[] {
  if (!('scenario' in incident)) return seriesOfPages(incident)
  const { scenario } = incident
  return simulate(scenario).notObserved.has('engine') ? [] : simulatedSeries(scenario, scenario.deployment)
}

/** The service over the window of a scenario with a configuration. */
export function simulatedSeries(scenario: Scenario, config: DeploymentConfig): readonly ServicePoint[] {
  const window = simulate(scenario, config)
  const { timeline, endS, finished } = window
  const { arrival } = generateRequests(scenario.load, endS)
  let [startS, next, nextFinished] = [0, 0, 0]
  return timeline.map((interval, index) => {
    const [first, firstFinished] = [next, nextFinished]
    while (next < arrival.length && (arrival[next] ?? 0) < interval.endS) next++
    while ((finished[nextFinished]?.atS ?? Number.POSITIVE_INFINITY) <= interval.endS) nextFinished++
    const { preemptions, waiting, running, kvUsage, generationTokens: tokens } = interval
    const point = { startS, endS: interval.endS, arrivals: next - first, preemptions, tokens, running, kvUsage }
    startS = interval.endS
    return {
      ...point,
      waiting,
      served: nextFinished - firstFinished,
      ttftP95: latestOf(window, 'ttft', index).quantile(0.95),
      interTokenP99: latestOf(window, 'interToken', index).quantile(0.99),
    }
  })
}

/** The latencies of all engines in the {@link latencySeconds} to the end of an interval. */
function latestOf({ engines }: SimulatedWindow, name: 'ttft' | 'interToken', index: number): Distribution {
  const all = new Distribution()
  for (const { timeline, observed } of engines) {
    const from = timeline[index - latencySeconds / intervalSeconds]?.observed?.[name] ?? 0
    all.addAll(observed[name].part(from, timeline[index]?.observed?.[name] ?? 0))
  }
  return all
}

/** The pages since the last restart of the server, in order of time; none if they cannot be read. */
function scrapesOf(incident: Incident): readonly TimedScrape[] {
  const { pages = [] } = incident
  try {
    return readRuns(pages.map(({ text, timeMs }) => ({ text, time: new Date(timeMs).toISOString() }))).at(-1) ?? []
  } catch (error) {
    if (error instanceof PagesError) return []
    throw error
  }
}

/** One point per page: its gauges, and the changes since the page before it. */
function seriesOfPages(incident: Incident): readonly ServicePoint[] {
  const startOfWindow = Date.parse(windowOf(incident).start) / 1000
  const scrapes = scrapesOf(incident)
  return scrapes.map(({ samples, atS }, index) => {
    const before = scrapes[index - 1]
    const endS = atS - startOfWindow
    const state = {
      waiting: waitingRequests(samples),
      running: total(samples, 'vllm:num_requests_running'),
      kvUsage: mean(samples, 'vllm:kv_cache_usage_perc'),
    }
    if (before === undefined) return { startS: endS, endS, ...noChanges, ...state }
    const changes = scrapeDelta(before.samples, samples)
    return {
      startS: before.atS - startOfWindow,
      endS,
      arrivals: arrivalsBetween(before.samples, samples, changes),
      preemptions: total(changes, 'vllm:num_preemptions_total'),
      tokens: total(changes, 'vllm:generation_tokens_total'),
      served: finishedRequests(changes)?.served ?? null,
      ttftP95: quantileBetween(changes, latencyFamilies.ttft_s, 0.95),
      interTokenP99: quantileBetween(changes, latencyFamilies.inter_token_s, 0.99),
      ...state,
    }
  })
}

/** The first page has nothing before it. */
const noChanges = {
  ...{ arrivals: null, preemptions: null, tokens: null, served: null },
  ...{ ttftP95: null, interTokenP99: null },
} as const

/** A quantile between two pages; null without an observation, and above the last bucket. */
function quantileBetween(changes: readonly MetricSample[], name: string, share: number): number | null {
  const value = quantileOf(histogramOf(changes, name), share)
  return typeof value === 'number' ? value : null
}

/** Requests that finished, and those that more are in the engine than before. */
function arrivalsBetween(
  before: readonly MetricSample[],
  after: readonly MetricSample[],
  changes: readonly MetricSample[],
): number | null {
  const finished = finishedRequests(changes)
  const [earlier, later] = [before, after].map((samples) => {
    const waiting = waitingRequests(samples)
    const running = total(samples, 'vllm:num_requests_running')
    return waiting === null || running === null ? null : waiting + running
  })
  if (finished === null || earlier == null || later == null) return null
  return Math.max(0, finished.served + finished.abort + finished.error + later - earlier)
}
