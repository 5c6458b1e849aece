import { type Incident, windowOf } from '../../../tools/scenario-source.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import type { SimulatedWindow } from '../../../tools/simulation/window.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { formatFigure, roundFigure } from '../../../tools/validation/deltas.ts'
import { objectivesOf } from '../../../tools/validation/objectives.ts'
import { type Count, segmentsOf } from './change-points.ts'
import { observedSeries, type ServicePoint } from './service-series.ts'

/** A change of the service that its metrics show. */
export interface MetricEvent {
  /** Time, in Unix milliseconds. */
  readonly time: number
  /** `load`: the arrival rate. `symptom`: requests suffer. */
  readonly kind: 'load' | 'symptom'
  /** Whether it was so already when the window opened, so that it began earlier. */
  readonly inProgress: boolean
  /** Whether it was still so at the end of the window; `undefined` for `load`. */
  readonly isOngoing?: boolean
  /** Whether nothing is served: the engine is down, or it makes no progress. */
  readonly isStandstill: boolean
  /** Arrival rates before and after, in requests per second; only of `load`. */
  readonly rates?: readonly [before: number, after: number]
  /** The figures, as a sentence. */
  readonly text: string
}

/** The changes of the load and the symptoms that the metrics of an incident show, in order of time. */
export function metricEvents(incident: Incident, telemetry: Telemetry): readonly MetricEvent[] {
  const points = observedSeries(incident)
  const start = Date.parse(windowOf(incident).start)
  const found = [...loadChanges(points), ...symptoms(points), ...missedLatencies(incident, telemetry)]
  return found
    .map(({ atS, ...event }) => ({ ...event, time: start + Math.round(atS * 1000) }))
    .sort((a, b) => a.time - b.time)
}

/** An event with its time in seconds since the start of the window. */
type Change = Omit<MetricEvent, 'time'> & { readonly atS: number }

function loadChanges(points: readonly ServicePoint[]): readonly Change[] {
  const known = points.filter(({ arrivals, startS, endS }) => arrivals !== null && endS > startS)
  const segments = segmentsOf(
    known.map(({ arrivals, startS, endS }) => ({ events: arrivals ?? 0, exposure: endS - startS })),
  )
  return segments.slice(1).flatMap(({ from, rate }, index) => {
    const before = segments[index]?.rate ?? 0
    const atS = known[from]?.startS
    if (atS === undefined) return []
    const text = `The load ${rate > before ? 'rises' : 'falls'} from ${shortRate(before)} to ${shortRate(rate)} requests/s.`
    return [{ atS, kind: 'load', inProgress: false, isStandstill: false, rates: [before, rate], text }]
  })
}

/** A measured rate has no more than two certain digits. */
function shortRate(rate: number): string {
  return String(Number(rate.toPrecision(2)))
}

/** Share of the KV blocks from which the cache counts as full. */
const fullCache = 0.98

function symptoms(points: readonly ServicePoint[]): readonly Change[] {
  const largest = (values: readonly (number | null)[]) => Math.max(...values.map((value) => value ?? 0))
  const lasting = (flags: readonly boolean[], atEnd: boolean, text: (rest: readonly ServicePoint[]) => string) => {
    const index = lastingFrom(flags)
    const point = points[index]
    if (point === undefined) return []
    const isOngoing = flags.slice(-lastIntervals).some(Boolean)
    const change = { kind: 'symptom', inProgress: index === 0, isOngoing, isStandstill: false } as const
    return [{ ...change, atS: atEnd && index > 0 ? point.endS : point.startS, text: text(points.slice(index)) }]
  }
  return [
    ...lasting(
      points.map(({ waiting }) => (waiting ?? 0) > 0),
      true,
      (rest) =>
        `Requests wait in the queue and go on waiting: ${rest[0]?.waiting} at first, at most ${largest(rest.map(({ waiting }) => waiting))}.`,
    ),
    ...lasting(
      points.map(({ kvUsage }) => (kvUsage ?? 0) >= fullCache),
      true,
      (rest) =>
        `The KV cache is full and stays full: ${formatFigure(rest[0]?.kvUsage ?? null, 'share')} of its blocks are in use.`,
    ),
    ...lasting(
      points.map(({ preemptions }) => (preemptions ?? 0) > 0),
      false,
      (rest) =>
        `Requests are preempted again and again: ${rest.reduce((sum, { preemptions }) => sum + (preemptions ?? 0), 0)} preemptions until the end of the window.`,
    ),
    ...standstills(points),
  ]
}

/** Intervals without any token although requests arrive or are in the engine. */
function standstills(points: readonly ServicePoint[]): readonly Change[] {
  const isBusy = ({ arrivals, running, waiting }: ServicePoint) => (arrivals ?? 0) + (running ?? 0) + (waiting ?? 0) > 0
  const changes: Change[] = []
  let index = 0
  while (index < points.length) {
    const first = index
    while (index < points.length && points[index]?.tokens === 0) index++
    const [from, to] = [points[first], points[index - 1]]
    const span = points.slice(first, index)
    index = Math.max(index, first + 1)
    if (from === undefined || to === undefined || !span.some(isBusy) || to.endS - from.startS < shortestStandstillS) {
      continue
    }
    const arrivals = span.reduce((sum, point) => sum + (point.arrivals ?? 0), 0)
    const seconds = Math.round(to.endS - from.startS)
    const until = to === points.at(-1) ? 'until the end of the window' : `for ${seconds} s`
    changes.push({
      atS: from.startS,
      kind: 'symptom',
      inProgress: from.startS <= 0,
      isOngoing: to === points.at(-1),
      isStandstill: true,
      text: `No token is generated ${until}, although ${arrivals} requests arrive and ${from.running ?? 0} are in the engine.`,
    })
  }
  return changes
}

/** The prefill of a long prompt gives no token either. */
const shortestStandstillS = 10

/** Index of the first interval since which most intervals have a flag; -1 without one, or if only the last one has it. */
function lastingFrom(flags: readonly boolean[], lastingShare = 0.8): number {
  let set = 0
  let first = -1
  for (let index = flags.length - 1; index >= 0; index--) {
    if (flags[index]) set++
    if (flags[index] && set >= lastingShare * (flags.length - index)) first = index
  }
  return flags.length - first < fewestIntervals ? -1 : first
}

const fewestIntervals = 2

/** Intervals that count as the end of the window. */
const lastIntervals = 3

/** Objectives by the distribution that they limit. */
const objectives = { ttft: 'the time to first token', interToken: 'the inter-token time' } as const

/** Shares of slow observations that the objectives allow. */
const allowed = { ttft: 0.05, interToken: 0.01 } as const

/**
 * When an objective on latencies is missed for the first time. Pages show latencies only as sums, so folders have no such
 * event.
 */
function missedLatencies(incident: Incident, telemetry: Telemetry): readonly Change[] {
  if (!('scenario' in incident)) return []
  const window = simulate(incident.scenario)
  if (window.notObserved.has('engine')) return []
  const { ttft_p95_s, inter_token_p99_s } = telemetry.slo
  const isMissed = new Map(objectivesOf(telemetry).map(({ name, state }) => [name, state === 'missed']))
  return [
    ...(isMissed.get('time to first token p95') ? firstMiss(window, 'ttft', ttft_p95_s, 'first tokens come') : []),
    ...(isMissed.get('inter-token p99') ? firstMiss(window, 'interToken', inter_token_p99_s, 'tokens come') : []),
  ]
}

/** The first interval since which too many observations are above the limit. */
function firstMiss(window: SimulatedWindow, name: keyof typeof allowed, limit: number, what: string): Change[] {
  const counts = window.timeline.map((_, index): Count => {
    const parts = window.engines.map(({ timeline, observed }) => {
      const to = timeline[index]?.observed?.[name] ?? 0
      return observed[name].above(limit, timeline[index - 1]?.observed?.[name] ?? 0, to)
    })
    const sum = (of: 'above' | 'all') => parts.reduce((total, part) => total + part[of], 0)
    return { events: sum('above'), exposure: sum('all') }
  })
  const shares = counts.map((_, index) => {
    const recent = counts.slice(Math.max(0, index + 1 - recentIntervals), index + 1)
    const all = recent.reduce((sum, { exposure }) => sum + exposure, 0)
    return all < fewestObservations ? undefined : recent.reduce((sum, { events }) => sum + events, 0) / all
  })
  const known = shares.flatMap((share, index) => (share === undefined ? [] : [{ share, index }]))
  const place = lastingFrom(
    known.map(({ share }) => share > allowed[name]),
    0.9,
  )
  const first = known[place]?.index
  if (first === undefined) return []
  // The simulated engine is empty when the window opens.
  const inProgress = first < fillingIntervals || place === 0
  const worst = shares.reduce<number>((most, share = 0) => Math.max(most, share), 0)
  const atS = inProgress ? 0 : (window.timeline[first - 1]?.endS ?? 0)
  const percent = (share: number) => `${roundFigure(share * 100)} %`
  const text =
    `The objective on ${objectives[name]} is missed: up to ${percent(worst)} of the ${what} after more than ${formatFigure(limit, 's')} ` +
    `(within 2 minutes); ${percent(allowed[name])} may.`
  const isOngoing = (known.at(-1)?.share ?? 0) > allowed[name]
  return [{ kind: 'symptom', inProgress, isOngoing, isStandstill: false, atS, text }]
}

/** Intervals that count as the last two minutes. */
const recentIntervals = 12
/** Intervals in which an empty engine gets its first requests. */
const fillingIntervals = 3
/** A share of fewer observations is chance. */
const fewestObservations = 10
