import { errorMessage } from '../../router/errors.ts'
import { decreases } from '../prometheus/metric-samples.ts'
import { labelValues, observedSamples } from '../prometheus/metric-values.ts'
import { type PageProblem, type Scrape, scrapeProblem, stepBetween } from '../prometheus/one-server.ts'
import type { TimedPage } from '../prometheus/page-series.ts'
import { parseMetricsPage } from '../prometheus/parse-metrics-page.ts'
import type { MetricSample } from '../types.ts'
import type { FolderFile, LeftOut } from './find-files.ts'
import { headText, wholeText } from './read-text.ts'

/** A metrics page of the folder. */
export interface StoredPage {
  /** Path relative to the folder. */
  readonly file: string
  /** When it was scraped, in Unix milliseconds: from its name, otherwise when the file was written. */
  readonly timeMs: number
  /** Whether the time is that of the file and not of its name. A copy of a file can have a later time. */
  readonly isFileTime: boolean
  /** The text. A last line that was cut off is removed. */
  readonly text: string
  /** The samples of the text, in the names of V1, and NaN where a value cannot be true. */
  readonly samples: readonly MetricSample[]
}

/** A stored page as the readers of pages take it. */
export function timedPage({ text, timeMs }: StoredPage): TimedPage {
  return { text, time: new Date(timeMs).toISOString() }
}

/** The pages of one engine in order of time, and those that were left out. */
export interface StoredPages {
  /** In order of time, also those from before a restart. */
  readonly pages: readonly StoredPage[]
  /** The pages since the last restart. */
  readonly run: readonly StoredPage[]
  /** Pages, and parts of pages, that were left out. */
  readonly leftOut: readonly LeftOut[]
}

/** A metrics page is below 1 MB. */
const maxPageBytes = 32 * 2 ** 20
/** A series of pages every few seconds shows nothing that fewer pages do not show. */
const maxPages = 100

/**
 * Reads the pages and keeps those of the latest one's server: pages of another server, or whose counters contradict their
 * times are left out, by the rules for all pages.
 *
 * @param failedTimes when the server did not answer a scrape, in Unix milliseconds.
 */
export async function readPages(
  files: readonly FolderFile[],
  failedTimes: readonly number[] = [],
): Promise<StoredPages> {
  const leftOut: LeftOut[] = []
  let pages: StoredPage[] = []
  // Many pages of other exporters must not displace those of the engine. A page has its first families of vLLM near its start.
  const ofEngine = (file: FolderFile) => headText(file)?.includes('vllm:') === true
  const groups = [files.filter(ofEngine), files.filter((file) => !ofEngine(file))]
  for (const file of groups.flatMap((group) => thinned(group, leftOut))) {
    const page = await readPage(file, leftOut)
    if (page !== undefined) pages.push(page)
  }
  // An engine without statistics has no metrics of vLLM. Beside pages that have them, it is a page of another exporter.
  const problems = new Map(pages.map((page) => [page, scrapeProblem(scrapeOf(page))]))
  if (pages.some((page) => problems.get(page) === undefined)) {
    for (const [{ file }, found] of problems)
      if (found !== undefined) leftOut.push({ file, reason: `It ${found.problem}` })
    pages = pages.filter((page) => problems.get(page) === undefined)
  }
  pages.sort((a, b) => a.timeMs - b.timeMs)
  const last = pages.at(-1)
  if (last === undefined) return { pages, run: pages, leftOut }
  const kept: StoredPage[] = [last]
  let run = 0
  // From the latest to the earliest, so that each page is compared with its successor.
  for (const page of pages.slice(0, -1).reverse()) {
    const later = kept[0] ?? last
    const step = followedBy(page, later, failedTimes)
    if (typeof step === 'object') leftOut.push({ file: page.file, reason: contradiction(later, step) })
    else {
      if (step === 'restart' && run === 0) run = kept.length
      kept.unshift(page)
    }
  }
  return { pages: kept, run: kept.slice(run === 0 ? 0 : -run), leftOut }
}

async function readPage(file: FolderFile, leftOut: LeftOut[]): Promise<StoredPage | undefined> {
  const skip = (reason: string) => {
    leftOut.push({ file: file.name, reason })
    return undefined
  }
  if (file.size > maxPageBytes) return skip('It is too large for a metrics page.')
  const { text: read, isComplete, problems } = await wholeText(file, maxPageBytes)
  for (const reason of problems) leftOut.push({ file: file.name, reason })
  // The last number of a page that was cut off can lack digits, and then it is still a number.
  const text = isComplete ? read : withoutLastLine(read)
  if (!isComplete) skip('Its last line has no line end, so it may be cut off, and it was left out.')
  const page = { file: file.name, ...timeOf(file) }
  try {
    return { ...page, text, samples: observedSamples(parseMetricsPage(text).samples) }
  } catch (error) {
    const whole = withoutLastLine(text)
    try {
      const samples = observedSamples(parseMetricsPage(whole).samples)
      skip(`Its last line is cut off and was left out: ${errorMessage(error)}.`)
      return { ...page, text: whole, samples }
    } catch {
      return skip(`It is not a metrics page that can be read: ${errorMessage(error)}.`)
    }
  }
}

/** The time of a page: that in its name, otherwise that of its file. */
function timeOf({ name, modifiedMs }: FolderFile): Pick<StoredPage, 'timeMs' | 'isFileTime'> {
  const named = timeInName(name)
  return { timeMs: named ?? modifiedMs, isFileTime: named === undefined }
}

/** At most {@link maxPages} pages: the first, the last, and others at equal distances. */
function thinned(files: readonly FolderFile[], leftOut: LeftOut[]): readonly FolderFile[] {
  if (files.length <= maxPages) return files
  const sorted = [...files].sort((a, b) => timeOf(a).timeMs - timeOf(b).timeMs)
  const step = (sorted.length - 1) / (maxPages - 1)
  const kept = new Set(Array.from({ length: maxPages }, (_, index) => sorted[Math.round(index * step)]))
  const reason = `Of ${files.length} pages ${maxPages} were read, at equal distances.`
  leftOut.push(...sorted.filter((file) => !kept.has(file)).map(({ name }) => ({ file: name, reason })))
  return sorted.filter((file) => kept.has(file))
}

function withoutLastLine(text: string): string {
  return text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)
}

const nameWithTime = 'Put the time into the name, such as metrics-2026-05-05T07-15-00Z.prom.'

/** How a page is followed by another. Counters that fell after the server did not answer show a restart. */
function followedBy(page: StoredPage, later: StoredPage, failedTimes: readonly number[]) {
  const [from, to] = [scrapeOf(page), scrapeOf(later)]
  const step = stepBetween(from, to)
  const wasDown = failedTimes.some((timeMs) => page.timeMs < timeMs && timeMs < later.timeMs)
  const isSameModel = labelValues(from.samples, 'model_name') === labelValues(to.samples, 'model_name')
  return wasDown && isSameModel && decreases(from.samples, to.samples) ? 'restart' : step
}

/** Why a page is not an earlier scrape of the same server. */
function contradiction(later: StoredPage, { reason, problem }: PageProblem): string {
  return `It and ${later.file} ${problem}${reason === 'order' ? ` ${nameWithTime}` : ''}`
}

function scrapeOf({ timeMs, samples }: StoredPage): Scrape {
  return { atS: timeMs / 1000, samples }
}

/** A time in a file's name: ISO 8601 with any separators, in UTC, or Unix seconds. */
export function timeInName(name: string): number | undefined {
  const iso = /(20\d\d)-?(\d\d)-?(\d\d)[T_-](\d\d)[-:_]?(\d\d)[-:_]?(\d\d)/.exec(name)
  if (iso !== null) {
    const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = iso.slice(1).map(Number)
    return Date.UTC(year, month - 1, day, hour, minute, second)
  }
  const unix = /(?:^|\D)(1[5-9]\d{8}|2\d{9})(?:\D|$)/.exec(name)
  return unix === null ? undefined : Number(unix[1]) * 1000
}
