import { MetricsPageError, PagesError } from '../errors.ts'
import type { MetricSample } from '../types.ts'
import { scrapeDelta } from './metric-samples.ts'
import { clockToleranceS, isoTime, latestTime, observedSamples, startOf } from './metric-values.ts'
import { type Scrape, scrapeProblem, stepBetween } from './one-server.ts'
import { parseMetricsPage } from './parse-metrics-page.ts'

/** A metrics page and when it was scraped. */
export interface TimedPage {
  /** The page in the Prometheus text format: decoded text, or bytes in UTF-8. */
  readonly text: string | Uint8Array
  /** When it was scraped, in RFC 3339, e.g. `2026-02-17T14:00:00Z`. */
  readonly time?: string
  /** When it was scraped, in Unix seconds. Ignored if `time` is given. Without both, the page's own timestamps count. */
  readonly atS?: number
}

/** One page of a series. */
export interface TimedScrape extends Scrape {
  /** Path of the page in the input, for messages. */
  readonly path: string
}

/** The pages of one server, and the changes between them. */
export interface PageSeries {
  /** Changes between start and end: counters and histograms as differences, gauges with their last values. */
  readonly changes: readonly MetricSample[]
  /** The pages that the changes cover, in order of time: at least one. */
  readonly scrapes: readonly TimedScrape[]
  /** Unix seconds. */
  readonly startS: number
  /** Unix seconds. */
  readonly endS: number
  /** Restarts of the server between the pages. */
  readonly restarts: number
  /** Limits of the series, one sentence each. */
  readonly notes: readonly string[]
}

/** Part of the time to look at, in RFC 3339. */
interface Window {
  readonly start: string
  readonly end: string
}

/**
 * Reads pages of one server and computes what changed between the first and the last of them.
 *
 * Counters of one page, and those after a restart, begin at the start of the process. The order of the pages is free.
 *
 * @param window only pages in it count; the latest page before its start is the first one.
 * @throws {PagesError} if the pages cannot be compared.
 */
export function readPages(pages: readonly TimedPage[], window?: Window): PageSeries {
  const runs = readRuns(pages, window)
  const scrapes = runs.at(-1) ?? []
  const [base, last] = [scrapes[0], scrapes.at(-1)]
  if (base === undefined || last === undefined) {
    const lies = window === undefined ? '' : ` at or before window.end ${window.end}`
    throw new PagesError('no_pages', `pages: no page${lies}. Give at least one metrics page.`)
  }
  const previous = runs.at(-2)?.at(-1)
  const isRestarted = previous !== undefined
  const restarts = Math.max(0, runs.length - 1)
  const startS = startAfter(previous, base)
  const endS = last.atS
  // Since the start of the process, if there is no earlier page of this process and the start is known.
  if (startS !== undefined && startS < endS && (isRestarted || scrapes.length === 1)) {
    const restart = `The server restarted before ${base.path}: the figures cover only the time since ${isoTime(startS)}.`
    return { changes: last.samples, scrapes, startS, endS, restarts, notes: isRestarted ? [restart] : [] }
  }
  if (scrapes.length === 1) {
    throw new PagesError(
      'no_time',
      `${base.path}: one page covers the time since the start of its process, which it does not state. Give a second page.`,
    )
  }
  const restart = `The server restarted before ${base.path}: the figures cover only the time since that page.`
  const notes = isRestarted ? [restart] : []
  return { changes: scrapeDelta(base.samples, last.samples), scrapes, startS: base.atS, endS, restarts, notes }
}

/**
 * Reads pages of one server in order of time, and splits them where it restarted. Counters of one part can be compared.
 *
 * @returns the parts in order of time; none without a page.
 * @throws {PagesError} if a page is unreadable, or if the pages are of different servers.
 */
export function readRuns(pages: readonly TimedPage[], window?: Window): readonly (readonly TimedScrape[])[] {
  const all = pages.map(readPage).sort((a, b) => a.atS - b.atS)
  const inWindow =
    window === undefined ? all : between(all, timeOf(window.start, 'window.start'), timeOf(window.end, 'window.end'))
  const runs: TimedScrape[][] = []
  for (const [index, later] of inWindow.entries()) {
    const earlier = inWindow[index - 1]
    if (earlier === undefined) {
      runs.push([later])
      continue
    }
    const step = stepBetween(earlier, later)
    if (typeof step === 'object') throw new PagesError(step.reason, `${earlier.path} and ${later.path} ${step.problem}`)
    if (step === 'restart') runs.push([later])
    else runs.at(-1)?.push(later)
  }
  return runs
}

function readPage({ text, time, atS }: TimedPage, index: number): TimedScrape {
  const path = `pages[${index}]`
  const samples = observedSamples(parsed(text, path))
  const stated = samples.find(({ timestamp_ms }) => timestamp_ms !== undefined)?.timestamp_ms
  const at =
    time === undefined ? (atS ?? (stated === undefined ? undefined : stated / 1000)) : timeOf(time, `${path}.time`)
  if (at === undefined || !(Math.abs(at) < latestTime)) {
    throw new PagesError(
      'no_time',
      `${path}: the page states no time${at === undefined ? '' : `, because ${at} Unix seconds is not a time`}. Give its time in "time" or "atS".`,
    )
  }
  const found = scrapeProblem({ atS: at, samples })
  if (found !== undefined) throw new PagesError(found.reason, `${path} ${found.problem}`)
  return { path, atS: at, samples }
}

function parsed(text: string | Uint8Array, path: string): readonly MetricSample[] {
  if (typeof text !== 'string' && !(text instanceof Uint8Array)) {
    throw new PagesError('unreadable', `${path}.text is ${typeof text}. Give the page as text or bytes.`)
  }
  if (text.length === 0) {
    throw new PagesError(
      'no_metrics',
      `${path} is empty: the engine did not answer. Leave the page out, or scrape a running engine.`,
    )
  }
  try {
    return parseMetricsPage(withLineFeeds(text)).samples
  } catch (error) {
    if (!(error instanceof MetricsPageError)) throw error
    throw new PagesError('unreadable', `${path}: ${error.message}. Leave the page out, or scrape it again.`, {
      cause: error,
    })
  }
}

/** A page that was stored on Windows can begin with a byte order mark and end its lines with CRLF. */
function withLineFeeds(text: string | Uint8Array): string | Uint8Array {
  if (typeof text === 'string') return text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n')
  const start = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0
  return text.filter((byte, index) => index >= start && !(byte === 0x0d && text[index + 1] === 0x0a))
}

/** Parses a time. @param path of the option, for the message. */
function timeOf(text: string, path: string): number {
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) {
    throw new PagesError('no_time', `${path} is "${text}", which is not a time such as 2026-02-17T14:00:00Z.`)
  }
  return milliseconds / 1000
}

/** The pages of a window, with the latest one before it. */
function between(scrapes: readonly TimedScrape[], startS: number, endS: number): readonly TimedScrape[] {
  if (endS <= startS) throw new PagesError('order', 'window.end must be after window.start.')
  const before = scrapes.findLastIndex(({ atS }) => atS <= startS)
  return scrapes.slice(Math.max(0, before)).filter(({ atS }) => atS <= endS)
}

/** Start of the process of a page; `undefined` if it ran before the previous page, so that another part restarted. */
function startAfter(previous: TimedScrape | undefined, page: TimedScrape): number | undefined {
  const startS = startOf(page.samples)
  const isEarlier = startS !== undefined && previous !== undefined && startS < previous.atS - clockToleranceS
  return isEarlier ? undefined : startS
}
