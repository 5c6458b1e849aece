import type { LogSource } from '../../fixtures/scenario.ts'
import { type Incident, notesAbout, windowOf } from '../scenario-source.ts'
import type { LogError, LogOverview } from '../types.ts'
import { type ClassifiedLine, classifyLogLines } from './classify-log-lines.ts'
import { groupsOf, withContext } from './group-log-lines.ts'
import { type LogLevel, logLevels } from './log-level.ts'
import { asksForLines, matchingRows, overviewOf } from './log-overview.ts'
import { type TimedLine, timeOf } from './log-time.ts'
import { parseWindow, type TimeSpan } from './log-window.ts'

/** The inputs of the log tools. */
interface LogQuery {
  /** Duration before the end of the incident, e.g. `10m`, or two times. `undefined`: everything. */
  readonly window: string | undefined
  /** Largest number of lines. */
  readonly limit: number | undefined
  /** Words of which a line must contain one, in any case. */
  readonly topics: readonly string[] | undefined
  /** Lowest level. */
  readonly level?: LogLevel | undefined
  /** Number of the latest matching lines to skip. */
  readonly offset?: number | undefined
}

/** The result of a query. */
interface LogExcerpt {
  readonly window: { readonly start: string; readonly end: string }
  /** Groups of lines that report a failure. */
  readonly findings: LogError[]
  /** Messages of the findings that are not benign. */
  readonly errors: string[]
  readonly entries: readonly ClassifiedLine[]
  /** The lines that a reader needs first, or the lines that the query asked for. */
  readonly overview: LogOverview
  /** Sources that were not collected; absent if all were. */
  readonly not_collected?: LogSource[]
  /** Parts of the logs that were left out; absent if none were. */
  readonly notes?: string[]
}

/** The default that the schema documents. */
const defaultLimit = 200

/** Classifying a log is too slow to repeat for each call. */
const classified = new WeakMap<readonly string[], readonly TimedLine[]>()
/** So is merging two logs. The key is the earlier of the two sources. */
const merged = new WeakMap<readonly TimedLine[], WeakMap<readonly TimedLine[], readonly TimedLine[]>>()
/** So are the findings of a whole log, and its overview by the start of its incident. */
const findingsOfLogs = new WeakMap<readonly TimedLine[], LogError[]>()
const overviewsOfLogs = new WeakMap<readonly TimedLine[], Map<number, ReturnType<typeof overviewOf>>>()

/**
 * Reads the latest lines of one or more logs of an incident that match a query, in order of time, and groups the possible
 * failures among all matching lines.
 *
 * @throws {DurationError} if `window` is not a duration or a pair of times.
 */
export function readLines(incident: Incident, sources: readonly LogSource[], query: LogQuery): LogExcerpt {
  const { log } = incident
  const observed = windowOf(incident)
  const missing = sources.filter((source) => log(source) === undefined)
  const end = endOf(incident)
  const all = sources
    .map((source) => entriesOf(log(source) ?? noLines, end))
    .reduce((first, second) => mergedLogs(first, second, end))
  // Without a window the result covers the whole log, whose first line can be long before the incident.
  const first = all.reduce((earliest, { time = end }) => Math.min(earliest, time), end)
  const whole = { start: first, end: Number.POSITIVE_INFINITY }
  const { window } = query
  const span = window === undefined ? whole : openAtEnd(parseWindow(window, end), end)
  const topics = query.topics?.map((topic) => topic.toLowerCase()) ?? []
  // Without topics every line matches.
  const about = (line: string) => topics.length === 0 || topics.some((topic) => line.toLowerCase().includes(topic))
  const lowest = query.level === undefined ? 0 : logLevels.indexOf(query.level)
  const inWindow = window === undefined ? all : all.filter(({ time = end }) => time >= span.start && time <= span.end)
  const isNarrow = asksForLines(query)
  const matching = isNarrow
    ? inWindow.filter(({ line, level }) => logLevels.indexOf(level) >= lowest && about(line))
    : inWindow
  const entries = matching
    .slice(0, Math.max(0, matching.length - (query.offset ?? 0)))
    .slice(-(query.limit ?? defaultLimit))
  // Findings come from all lines of the window, because the cause is often earlier than the latest lines and seldom
  // contains the word that is searched.
  const findings = cached(findingsOfLogs, inWindow, () => groupsOf(inWindow))
  const overview: LogOverview = {
    incident_start: new Date(observed.start).toISOString(),
    total: all.length,
    ...timesOf(all),
    in_window: inWindow.length,
    matching: matching.length,
    ...linesFrom(entries),
    ...(isNarrow ? { rows: matchingRows(entries), routine: [] } : cachedOverview(inWindow, Date.parse(observed.start))),
  }
  const { notes = [] } = notesAbout(incident, ...sources, 'window')
  const allNotes = [...notes, ...emptyNotes(query, overview)]
  return {
    window: {
      start: new Date(span.start).toISOString(),
      end: new Date(Math.min(span.end, end)).toISOString(),
    },
    findings,
    errors: findings.filter(({ kind }) => kind !== 'benign').map(({ message }) => message),
    entries,
    overview,
    ...(missing.length === 0 ? {} : { not_collected: [...missing] }),
    ...(allNotes.length === 0 ? {} : { notes: allNotes }),
  }
}

/**
 * All lines of one log of an incident, classified and with their times; line `n` of the file is element `n - 1`.
 * `undefined` if that log was not collected. Each call returns the same array.
 */
export function timedLines(incident: Incident, source: LogSource): readonly TimedLine[] | undefined {
  const lines = incident.log(source)
  return lines === undefined ? undefined : entriesOf(lines, endOf(incident))
}

/** The end of an incident, in Unix milliseconds. */
function endOf(incident: Incident): number {
  const { start, duration_s } = windowOf(incident)
  return Date.parse(start) + duration_s * 1000
}

/** Lines can be a little later than the end of the incident. A window up to the end includes them. */
function openAtEnd({ start, end }: TimeSpan, incidentEnd: number): TimeSpan {
  return { start, end: end === incidentEnd ? Number.POSITIVE_INFINITY : end }
}

/** Times of the first and the last line. */
function timesOf(lines: readonly TimedLine[]): Pick<LogOverview, 'first_time' | 'last_time'> {
  const first = lines.find(({ time }) => time !== undefined)?.time
  const last = lines.findLast(({ time }) => time !== undefined)?.time
  return first === undefined || last === undefined
    ? {}
    : { first_time: new Date(first).toISOString(), last_time: new Date(last).toISOString() }
}

function linesFrom([first]: readonly TimedLine[]): Pick<LogOverview, 'lines_from'> {
  return first?.time === undefined ? {} : { lines_from: new Date(first.time).toISOString() }
}

/** Why a query found no line, and what to ask instead. */
function emptyNotes({ topics, level, offset = 0 }: LogQuery, found: LogOverview): string[] {
  const { total, in_window, matching, first_time, last_time } = found
  if (total === 0 || matching > offset) return []
  const extent =
    first_time === undefined
      ? `The logs have ${total} lines.`
      : `The logs have ${total} lines, from ${first_time} to ${last_time}.`
  if (in_window === 0) return [`No line is in this window. ${extent} Ask for a window in that time, or for none.`]
  if (matching > 0) {
    return [`offset ${offset} skips all ${matching} lines that match. Ask for an offset below ${matching}.`]
  }
  const asked = [
    topics === undefined ? '' : `the topics ${JSON.stringify(topics)}`,
    level === undefined ? '' : `level "${level}"`,
  ]
  const what = asked.filter((part) => part !== '').join(' and ')
  return [`None of the ${in_window} lines of the window has ${what}. Ask with other topics, a lower level or neither.`]
}

function cachedOverview(lines: readonly TimedLine[], since: number): ReturnType<typeof overviewOf> {
  const byStart = cached(overviewsOfLogs, lines, () => new Map<number, ReturnType<typeof overviewOf>>())
  return cached(byStart, since, () => overviewOf(lines, since))
}

const noLines: readonly string[] = []

/** The lines of two logs in order of time. */
function mergedLogs(first: readonly TimedLine[], second: readonly TimedLine[], end: number): readonly TimedLine[] {
  const bySecond = cached(merged, first, () => new WeakMap<readonly TimedLine[], readonly TimedLine[]>())
  // The sort is stable: lines with the same time keep the order of their sources.
  // A log without times goes last, so that the latest lines show its end.
  return cached(bySecond, second, () => [...first, ...second].sort((a, b) => (a.time ?? end) - (b.time ?? end)))
}

/** Classified lines with their times. A line without a time has the time of the line before it, or else of the next one. */
function entriesOf(lines: readonly string[], near: number): readonly TimedLine[] {
  return cached(classified, lines, () => {
    const times = lines.map((line) => timeOf(line, near))
    let last = times.find((time) => time !== undefined)
    const timed = classifyLogLines(lines).map((entry, index) => {
      last = times[index] ?? last
      return { ...entry, time: last }
    })
    return withContext(timed)
  })
}

/** The value of a key, which is made if the map has none. */
function cached<Key, Value>(
  map: { get(key: Key): Value | undefined; set(key: Key, value: Value): unknown },
  key: Key,
  make: () => Value,
): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const value = make()
  map.set(key, value)
  return value
}
