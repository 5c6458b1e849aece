import type { LogSource } from '../../fixtures/scenario.ts'
import { DurationError } from '../errors.ts'
import { type Incident, notesAbout, windowOf } from '../scenario-source.ts'
import type { LogError } from '../types.ts'
import { type ClassifiedLine, classifyLogLines } from './classify-log-lines.ts'
import { groupsOf } from './group-log-lines.ts'
import { withHangs } from './hangs.ts'
import { type LogLevel, logLevels } from './log-level.ts'
import { type TimedLine, timeOf } from './log-time.ts'
import { withShortOutages } from './short-outages.ts'

/** The inputs of the log tools. */
interface LogQuery {
  /** Duration before the end of the incident, e.g. `10m`. `undefined`: everything. */
  readonly window: string | undefined
  /** Largest number of lines. */
  readonly limit: number | undefined
  /** Words of which a line must contain one, in any case. */
  readonly topics: readonly string[] | undefined
  /** Lowest level. */
  readonly level?: LogLevel | undefined
}

/** The result of a query. */
interface LogExcerpt {
  readonly window: { readonly start: string; readonly end: string }
  /** Groups of lines that report a failure. */
  readonly findings: LogError[]
  /** Messages of the findings that are not benign. */
  readonly errors: string[]
  readonly entries: readonly ClassifiedLine[]
  /** Sources that were not collected; absent if all were. */
  readonly not_collected?: LogSource[]
  /** Parts of the logs that were left out; absent if none were. */
  readonly notes?: string[]
}

/** The default that the schema documents. */
const defaultLimit = 200

/** Classifying a log is too slow to repeat for each call. */
const classified = new WeakMap<readonly string[], readonly TimedLine[]>()

/**
 * Reads the latest lines of one or more logs of an incident that match a query, in order of time, and groups the possible
 * failures among all matching lines.
 *
 * @throws {DurationError} if `window` is not a duration.
 */
export function readLines(incident: Incident, sources: readonly LogSource[], query: LogQuery): LogExcerpt {
  const { log } = incident
  const observed = windowOf(incident)
  const missing = sources.filter((source) => log(source) === undefined)
  const end = Date.parse(observed.start) + observed.duration_s * 1000
  const all = sources.flatMap((source) => entriesOf(log(source) ?? [], end))
  // The sort is stable: lines with the same time keep the order of their sources.
  // A log without times goes last, so that the latest lines show its end.
  if (sources.length > 1) all.sort((a, b) => (a.time ?? end) - (b.time ?? end))
  // Without a window the result covers the whole log, whose first line can be long before the incident.
  const first = all.reduce((earliest, { time = end }) => Math.min(earliest, time), end)
  const start = query.window === undefined ? first : end - parseDuration(query.window)
  const topics = query.topics?.map((topic) => topic.toLowerCase()) ?? []
  // Without topics every line matches.
  const about = (line: string) => topics.length === 0 || topics.some((topic) => line.toLowerCase().includes(topic))
  const lowest = query.level === undefined ? 0 : logLevels.indexOf(query.level)
  const found = all.filter(
    ({ line, time = end, level }) => time >= start && logLevels.indexOf(level) >= lowest && about(line),
  )
  const findings = groupsOf(found)
  return {
    window: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
    // Findings come from all matching lines, because the cause is often earlier than the latest lines. They come first,
    // because the middle of a long result is clipped.
    findings,
    errors: findings.filter(({ kind }) => kind !== 'benign').map(({ message }) => message),
    entries: found.slice(-(query.limit ?? defaultLimit)),
    ...(missing.length === 0 ? {} : { not_collected: [...missing] }),
    ...notesAbout(incident, ...sources, 'window'),
  }
}

/** Classified lines with their times. A line without a time has the time of the line before it, or else of the next one. */
function entriesOf(lines: readonly string[], near: number): readonly TimedLine[] {
  const known = classified.get(lines)
  if (known !== undefined) return known
  const times = lines.map((line) => timeOf(line, near))
  let last = times.find((time) => time !== undefined)
  const timed = classifyLogLines(lines).map((entry, index) => {
    last = times[index] ?? last
    return { ...entry, time: last }
  })
  const entries = withShortOutages(withHangs(timed))
  classified.set(lines, entries)
  return entries
}

/** Milliseconds per unit. */
const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a duration such as `90s`, `10m` or `1h30m`.
 *
 * @returns milliseconds.
 * @throws {DurationError} if the text is not a duration, or is 0 or longer than a year.
 */
export function parseDuration(text: string): number {
  const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)
  let milliseconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ''] ?? 0)
  }
  // No log covers a year, and a much longer duration would give an invalid date.
  if (whole && milliseconds > 0 && milliseconds <= 366 * 86_400_000) return milliseconds
  throw new DurationError(
    `window ${JSON.stringify(text).slice(0, 60)} is not a duration; use for example "90s", "10m" or "1h30m".`,
  )
}
