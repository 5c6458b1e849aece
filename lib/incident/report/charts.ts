import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { ConfigError, PagesError } from '../../../tools/errors.ts'
import { histogramOf } from '../../../tools/prometheus/metric-samples.ts'
import { readPages } from '../../../tools/prometheus/page-series.ts'
import { latencyFamilies } from '../../../tools/prometheus/telemetry-from-pages.ts'
import { type Incident, windowOf } from '../../../tools/scenario-source.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import type { SimulatedWindow } from '../../../tools/simulation/window.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { isNoChange } from '../agent/plan-check.ts'
import type { ReportFacts } from './report-schema.ts'
import { latencySeconds, observedSeries, type ServicePoint, simulatedSeries } from './service-series.ts'

type Charts = ReportFacts['charts']
type Points = Charts['series'][number]['before']

/** Data of the plots of an incident, before and after the fix. */
export function chartsOf(
  incident: Incident | undefined,
  telemetry: Telemetry,
  result: AgentResult,
  onset: ReportFacts['onset'],
): Charts {
  if (incident === undefined) return nothing('The files of the incident were not read, so there is nothing to plot.')
  const before = observedSide(incident)
  if (before.points.length === 0) return nothing('No metrics were collected, so there is nothing to plot.')
  const after = fixedSide(incident, result)
  const { start, duration_s } = windowOf(incident)
  const onsetS = onset.time === null ? Number.NaN : (Date.parse(onset.time) - Date.parse(start)) / 1000
  return {
    note: `${before.note} ${typeof after === 'string' ? after : after.note}`,
    start: new Date(start).toISOString(),
    duration_s,
    onset_s: onsetS >= 0 && onsetS <= duration_s ? round(onsetS) : null,
    series: seriesOf(before, typeof after === 'string' ? undefined : after, telemetry),
    distributions: distributionsOf(before, typeof after === 'string' ? undefined : after, telemetry),
  }
}

/** Charts without data, and why. */
function nothing(note: string): Charts {
  return { note, start: null, duration_s: null, onset_s: null, series: [], distributions: [] }
}

/** One side of the plots. */
interface Side {
  /** The service over time. */
  readonly points: readonly ServicePoint[]
  /** Points of a distribution: seconds, and the share of observations up to them. */
  readonly distribution: (name: LatencyName) => Points
  /** Where the data is from, in one sentence. */
  readonly note: string
}

type LatencyName = Charts['distributions'][number]['name']

/** The incident itself: from its pages if there are any, else from the simulation of its scenario. */
function observedSide(incident: Incident): Side {
  const points = observedSeries(incident)
  if (!('scenario' in incident)) {
    const pages = points.length === 1 ? '1 metrics page' : `${points.length} metrics pages`
    return { points, distribution: observedDistributions(incident), note: `Before: observed on ${pages}.` }
  }
  const window = simulate(incident.scenario)
  const note = `Before: the simulated window of the incident. A quantile over time is that of the last ${latencySeconds} s.`
  return { points, distribution: distributionIn(window), note }
}

/** The service with the fix, or why it is not shown. */
function fixedSide(incident: Incident, { fix_plan, fix_result, post_telemetry }: AgentResult): Side | string {
  if (fix_plan !== null && isNoChange(fix_plan)) return 'No change is proposed.'
  if (fix_result === null || post_telemetry === null) return 'After: no fix was validated.'
  const inference = 'scenario' in incident ? undefined : incident.inference()
  if (inference?.kind === 'refused') return `After: nothing is predicted. ${inference.reasons.join(' ')}`
  const scenario = 'scenario' in incident ? incident.scenario : inference?.scenario
  if (scenario === undefined) return 'After: nothing is predicted.'
  // The simulation takes a configuration that may be edited, and a result may not.
  const config: DeploymentConfig = JSON.parse(JSON.stringify(fix_result.updated_config))
  try {
    const window = simulate(scenario, config)
    const note =
      inference === undefined
        ? 'After: the same requests with the fix, simulated.'
        : 'After: predicted. A load that was inferred from the pages is served with the fix, so single points differ.'
    const points = withinWindow(simulatedSeries(scenario, config), scenario, windowOf(incident))
    return { points, distribution: distributionIn(window), note }
  } catch (error) {
    if (error instanceof ConfigError) return `After: the configuration is not simulated. ${error.message}`
    throw error
  }
}

/** The load is inferred from the start of the engine on. The plots show the window of the incident. */
function withinWindow(
  points: readonly ServicePoint[],
  { window }: Scenario,
  shown: Scenario['window'],
): readonly ServicePoint[] {
  const offsetS = (Date.parse(window.start) - Date.parse(shown.start)) / 1000
  return points
    .map((point) => ({ ...point, startS: point.startS + offsetS, endS: point.endS + offsetS }))
    .filter(({ startS, endS }) => startS + endS >= 0 && startS < shown.duration_s)
}

/** Plots have no more points. */
const mostPoints = 100

const series: readonly {
  readonly name: Charts['series'][number]['name']
  readonly title: string
  readonly unit: string
  readonly value: (point: ServicePoint) => number | null
  /** Whether the value is that of an interval, and not of its end. */
  readonly isRate: boolean
  readonly limit?: 'ttft_p95_s' | 'inter_token_p99_s'
}[] = [
  {
    name: 'ttft_s',
    title: 'Time to first token, p95',
    unit: 's',
    value: ({ ttftP95 }) => ttftP95,
    isRate: false,
    limit: 'ttft_p95_s',
  },
  {
    name: 'inter_token_s',
    title: 'Time between tokens, p99',
    unit: 's',
    value: ({ interTokenP99 }) => interTokenP99,
    isRate: false,
    limit: 'inter_token_p99_s',
  },
  {
    name: 'arrivals',
    title: 'Arriving requests',
    unit: '1/s',
    value: (point) => rate(point.arrivals, point),
    isRate: true,
  },
  {
    name: 'served',
    title: 'Served requests',
    unit: '1/s',
    value: (point) => rate(point.served, point),
    isRate: true,
  },
  {
    name: 'tokens',
    title: 'Generated tokens',
    unit: '1/s',
    value: (point) => rate(point.tokens, point),
    isRate: true,
  },
  { name: 'waiting', title: 'Waiting requests', unit: 'requests', value: ({ waiting }) => waiting, isRate: false },
  { name: 'running', title: 'Running requests', unit: 'requests', value: ({ running }) => running, isRate: false },
  { name: 'kv_usage', title: 'KV cache in use', unit: 'share', value: ({ kvUsage }) => kvUsage, isRate: false },
  {
    name: 'preemptions',
    title: 'Preemptions',
    unit: '1/s',
    value: (point) => rate(point.preemptions, point),
    isRate: true,
  },
]

/** Events per second in the interval of a point; null if it has no length. */
function rate(count: number | null, { startS, endS }: ServicePoint): number | null {
  return count === null || endS <= startS ? null : count / (endS - startS)
}

/**
 * The figures over time. A figure that the incident does not have, for example without metrics of the engine, has no plot.
 *
 * @param telemetry has the objectives.
 */
function seriesOf(before: Side, after: Side | undefined, { slo }: Telemetry): Charts['series'] {
  return series.flatMap(({ name, title, unit, value, isRate, limit: objective }) => {
    const pointsOf = ({ points }: Side): Points =>
      thinned(
        points.flatMap((point) => {
          const known = value(point)
          // A rate is that of an interval, and a gauge was read at its end.
          return known === null ? [] : [[isRate ? (point.startS + point.endS) / 2 : point.endS, known] as const]
        }),
      )
    const own = pointsOf(before)
    const limit = objective === undefined ? null : slo[objective]
    return own.length === 0
      ? []
      : [{ name, title, unit, limit, before: own, after: after === undefined ? null : pointsOf(after) }]
  })
}

/** At most 100 points: each is the mean of neighbours. */
function thinned(points: readonly (readonly [at: number, value: number])[]): Points {
  const size = Math.ceil(points.length / mostPoints)
  const mean = (group: typeof points, index: 0 | 1) =>
    round(group.reduce((sum, point) => sum + point[index], 0) / group.length)
  return Array.from({ length: Math.ceil(points.length / Math.max(1, size)) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size)
    return [mean(group, 0), mean(group, 1)] as const
  })
}

/** Four significant digits. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}

const latencies: readonly {
  readonly name: LatencyName
  readonly title: string
  readonly objective?: { readonly limit: 'ttft_p95_s' | 'inter_token_p99_s'; readonly share: number }
}[] = [
  { name: 'ttft_s', title: 'Time to first token', objective: { limit: 'ttft_p95_s', share: 0.95 } },
  { name: 'inter_token_s', title: 'Time between tokens', objective: { limit: 'inter_token_p99_s', share: 0.99 } },
  { name: 'e2e_s', title: 'Time of a request' },
  { name: 'queue_s', title: 'Time in the queue' },
]

/** The distributions of the latencies that were observed before or after. */
function distributionsOf(before: Side, after: Side | undefined, { slo }: Telemetry): Charts['distributions'] {
  return latencies.flatMap(({ name, title, objective }) => {
    const own = before.distribution(name)
    const fixed = after?.distribution(name) ?? []
    if (own.length === 0 && fixed.length === 0) return []
    return [
      {
        name,
        title,
        limit: objective === undefined ? null : slo[objective.limit],
        limit_share: objective?.share ?? null,
        before: own,
        after: after === undefined ? null : fixed,
      },
    ]
  })
}

/** Shares at which a distribution is drawn. Its end needs more points than its middle. */
const shares = [
  ...Array.from({ length: 46 }, (_, index) => index / 50),
  0.91,
  0.92,
  0.93,
  0.94,
  0.95,
  0.96,
  0.97,
  0.98,
  0.985,
  0.99,
  0.995,
  0.999,
  1,
]

const observedNames = { ttft_s: 'ttft', inter_token_s: 'interToken', e2e_s: 'e2e', queue_s: 'queue' } as const

/** The exact quantiles of a simulated window. */
function distributionIn({ observed }: SimulatedWindow): Side['distribution'] {
  return (name) =>
    observed[observedNames[name]].quantiles(shares).map((value, index) => [round(value), shares[index] ?? 1] as const)
}

/** The buckets of the pages: the share of the observations up to each limit. */
function observedDistributions(incident: Incident): Side['distribution'] {
  const { pages = [] } = incident
  try {
    const { changes } = readPages(pages.map(({ text, timeMs }) => ({ text, time: new Date(timeMs).toISOString() })))
    return (name) => {
      const { buckets = [], count = 0 } = histogramOf(changes, latencyFamilies[name]) ?? {}
      if (!(count > 0)) return []
      return buckets.flatMap(({ upper, cumulative }) =>
        Number.isFinite(upper) && Number.isFinite(cumulative) ? [[upper, round(cumulative / count)] as const] : [],
      )
    }
  } catch (error) {
    if (error instanceof PagesError) return () => []
    throw error
  }
}
