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
  /** The intervals with the lengths of the load: without the time before the first scrape if it had other traffic. */
  readonly withLengths: readonly ObservedInterval[]
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

/** Fewer finished requests than this have no reliable lengths. */
export const fewestFinished = 20
/** Longest part of a warm-up, in seconds. */
const longestWarmUpS = 600
/** Longest time that is simulated, in seconds: a longer one takes too long, and its rate is hardly constant. */
const longestS = 4 * 3600
/** Mean lengths that differ by this factor are of other traffic. */
const otherLengths = 1.3
/** Share of the full rate before a queue formed. */
const settlingShare = 0.7
/** The time since the start is simulated if it is at most this many times the time between the scrapes. */
const longestHistory = 3

/**
 * The times that can be simulated, the best one first:
 *
 * - From the first request after the engine's start, if the scrapes come soon after it. It reproduces the queue at the first
 *   scrape. It is the better one, unless there was other traffic before the first scrape.
 * - After a warm-up: the time between the scrapes.
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
  const times: ObservedTime[] = [timeWithWarmUp(scrapes, first, last)]
  const history = trafficS === undefined ? Number.POSITIVE_INFINITY : first.timeS - trafficS
  if (history > 0 && history <= longestHistory * span) {
    const durationS = Math.max(10, Math.ceil(span + history))
    const whole = { ...timeBetween([undefined, ...scrapes], last.timeS - durationS, durationS), warmUp: [] }
    if (hadOtherTraffic(first.totals, changeOf(first.totals, last.totals))) {
      times.push({ ...whole, withLengths: betweenScrapes(whole) })
    } else {
      times.unshift(whole)
    }
  }
  const [shortest] = times.toSorted((a, b) => a.durationS - b.durationS)
  if (shortest !== undefined && shortest.durationS > longestS) {
    const hours = (shortest.durationS / 3600).toFixed(1)
    return `The pages cover ${hours} h, in which the rate hardly was constant. Scrape two pages within ${longestS / 3600} h.`
  }
  return times.filter(({ durationS }) => durationS <= longestS)
}

/** The intervals between two scrapes. The time from the start to the first scrape may have had other traffic. */
export function betweenScrapes({ intervals }: Pick<ObservedTime, 'intervals'>): readonly ObservedInterval[] {
  return intervals.filter(({ fromS }) => fromS > 0)
}

/** The time between the scrapes, after a warm-up in which the queue of the first scrape forms. */
function timeWithWarmUp(scrapes: readonly Scrape[], first: Scrape, last: Scrape): ObservedTime {
  const change = changeOf(first.totals, last.totals)
  const { arrived, finished, histograms } = change
  const span = last.timeS - first.timeS
  const { count, sum } = histograms.e2e
  const settlingS = Math.min(longestWarmUpS, Math.max(60, 3 * (count > 0 ? sum / count : 0)))
  const backlog = first.totals.arrived - first.totals.admitted
  // A queue that grows between the scrapes has grown at this rate before. Another one comes from a short burst.
  const growing = (arrived - finished) / span
  // At its full rate an engine has a queue of any length, so the time before a queue has less.
  const steady = backlog > 0 ? (settlingShare * Math.min(arrived, finished)) / span : arrived / span
  const grown = (backlogRate(change, backlog, span) ?? steady + growing) - steady
  const backlogS = growing > 0 && grown > 0 ? Math.min(longestWarmUpS, Math.max(1, backlog / grown)) : 1
  const durationS = Math.max(10, Math.ceil(span + settlingS + backlogS))
  const warmUp = [
    { start_s: 0, requests_per_s: rounded(steady) },
    { start_s: rounded(durationS - span - backlogS), requests_per_s: rounded(steady + backlog / backlogS) },
  ]
  return { ...timeBetween(scrapes, last.timeS - durationS, durationS), warmUp }
}

/** Whether prompts had clearly other lengths before the first scrape than after it. An inferred load has one distribution. */
function hadOtherTraffic(before: PageTotals, after: PageTotals): boolean {
  if (Math.min(before.finished, after.finished) < fewestFinished) return false
  const [one, other] = [before.histograms.promptTokens, after.histograms.promptTokens]
  const ratio = one.sum / one.count / (other.sum / other.count)
  return Math.max(ratio, 1 / ratio) > otherLengths
}

/**
 * The rate at which the queue of the first scrape arrived, from the waiting times of those that left it between the scrapes;
 * `undefined` if it did not last until the last scrape.
 */
function backlogRate({ admitted, histograms: { ttft } }: PageTotals, backlog: number, span: number) {
  // The middle one of them was `ahead` requests before the end of the queue, and left it at the middle of the time.
  const ahead = backlog - admitted / 2
  const waited = ttft.sum / ttft.count - span / 2
  return admitted > 0 && admitted < backlog && waited > 0 ? ahead / waited : undefined
}

/** @param points scrapes; `undefined` first for the start of the engine. */
function timeBetween(points: readonly (Scrape | undefined)[], startS: number, durationS: number) {
  const intervals = points.slice(1).flatMap((later, index): ObservedInterval[] => {
    const earlier = points[index]
    if (later === undefined) return []
    const fromS = earlier === undefined ? 0 : earlier.timeS - startS
    return [{ fromS, toS: later.timeS - startS, totals: changeOf(earlier?.totals, later.totals) }]
  })
  return { startS, durationS, intervals, withLengths: intervals }
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
