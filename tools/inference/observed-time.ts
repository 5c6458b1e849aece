import type { Load } from '../../fixtures/scenario.ts'
import { rounded } from '../simulation/distribution.ts'
import { changeOf, type PageTotals } from './page-totals.ts'
import type { Scrape } from './read-pages.ts'

/** The time that an inferred scenario simulates, with the scrapes in it. */
export interface ObservedTime {
  /** Start of the simulated time, in Unix seconds. */
  readonly startS: number
  /** Its length in seconds; it ends with the last scrape. */
  readonly durationS: number
  /** Time between two scrapes, with what happened in it. Times are in seconds since `startS`. */
  readonly intervals: readonly ObservedInterval[]
  /** Loads before the first interval, which the pages do not show. Empty if the time since the start is simulated. */
  readonly warmUp: Load['phases']
}

/** The work between two scrapes. */
export interface ObservedInterval {
  /** Start in seconds since the start of the simulated time. */
  readonly fromS: number
  /** End in seconds since the start of the simulated time. */
  readonly toS: number
  /** Differences between the two scrapes. */
  readonly totals: PageTotals
}

/** Longest part of a warm-up, in seconds. */
const longestWarmUpS = 600
/** Longest time that is simulated, in seconds: a longer one takes too long, and its rate is hardly constant. */
const longestS = 4 * 3600
/** The time since the start is simulated if it is at most this many times the time between the scrapes. */
const longestHistory = 3

/**
 * The times that can be simulated, the best one first:
 *
 * 1. From the first request after the engine's start, if the scrapes come soon after it. It reproduces the queue at the first
 *    scrape.
 * 2. After a warm-up: the time between the scrapes.
 *
 * @param scrapes two or more, in order of time.
 * @param startedS start of the counters, in Unix seconds.
 * @returns the reason if there is no such time.
 */
export function observedTimes(scrapes: readonly Scrape[], startedS: number | undefined): ObservedTime[] | string {
  const [first, last] = [scrapes[0], scrapes.at(-1)]
  if (first === undefined || last === undefined) return 'There is no page.'
  const span = last.timeS - first.timeS
  const trafficS = trafficStart(first, startedS)
  const times: ObservedTime[] = []
  const history = trafficS === undefined ? Number.POSITIVE_INFINITY : first.timeS - trafficS
  if (history > 0 && history <= longestHistory * span) {
    const durationS = Math.max(10, Math.ceil(span + history))
    times.push({ ...timeBetween([undefined, ...scrapes], last.timeS - durationS, durationS), warmUp: [] })
  }
  times.push(timeWithWarmUp(scrapes, first, last))
  const [shortest] = times.toSorted((a, b) => a.durationS - b.durationS)
  if (shortest !== undefined && shortest.durationS > longestS) {
    const hours = (shortest.durationS / 3600).toFixed(1)
    return `The pages cover ${hours} h, in which the rate hardly was constant. Scrape two pages within ${longestS / 3600} h.`
  }
  return times.filter(({ durationS }) => durationS <= longestS)
}

/** The time between the scrapes, after a warm-up in which the queue of the first scrape forms. */
function timeWithWarmUp(scrapes: readonly Scrape[], first: Scrape, last: Scrape): ObservedTime {
  const { arrived, finished, histograms } = changeOf(first.totals, last.totals)
  const span = last.timeS - first.timeS
  const { count, sum } = histograms.e2e
  const settlingS = Math.min(longestWarmUpS, Math.max(60, 3 * (count > 0 ? sum / count : 0)))
  const backlog = first.totals.arrived - first.totals.admitted
  // A queue that grows between the scrapes has grown at this rate before. Another one comes from a short burst.
  const growing = (arrived - finished) / span
  const backlogS = growing > 0 ? Math.min(longestWarmUpS, Math.max(1, backlog / growing)) : 1
  const steady = (backlog > 0 ? Math.min(arrived, finished) : arrived) / span
  const durationS = Math.max(10, Math.ceil(span + settlingS + backlogS))
  const warmUp = [
    { start_s: 0, requests_per_s: rounded(steady) },
    { start_s: rounded(durationS - span - backlogS), requests_per_s: rounded(steady + backlog / backlogS) },
  ]
  return { ...timeBetween(scrapes, last.timeS - durationS, durationS), warmUp }
}

/** @param points scrapes; `undefined` first for the start of the engine. */
function timeBetween(points: readonly (Scrape | undefined)[], startS: number, durationS: number) {
  const intervals = points.slice(1).flatMap((later, index): ObservedInterval[] => {
    const earlier = points[index]
    if (later === undefined) return []
    const fromS = earlier === undefined ? 0 : earlier.timeS - startS
    return [{ fromS, toS: later.timeS - startS, totals: changeOf(earlier?.totals, later.totals) }]
  })
  return { startS, durationS, intervals }
}

/** When the first request arrived, as far as a page shows it, in Unix seconds. */
function trafficStart({ samples, totals }: Scrape, startedS: number | undefined): number | undefined {
  if (startedS === undefined) return undefined
  // The series of a handler begins with its first answer, one latency after the first request.
  const answered = samples.flatMap(({ name, labels, value }) =>
    name === 'http_requests_created' && labels['method'] === 'POST' && typeof value === 'number' ? [value] : [],
  )
  const fastest = totals.histograms.e2e.buckets.find(({ cumulative }) => cumulative > 0)?.upper ?? 0
  return answered.length === 0 ? startedS : Math.max(startedS, Math.min(...answered) - fastest)
}
