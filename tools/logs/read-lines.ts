import { type LogSource, readLog } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import type { LogError } from '../types.ts'
import { type ClassifiedLine, classifyLogLines } from './classify-log-lines.ts'
import { type LogLevel, logLevels } from './log-level.ts'
import { timeOf } from './log-time.ts'

interface LogQuery {
  readonly window: string | undefined
  readonly limit: number | undefined
  readonly topics: readonly string[] | undefined
  /** Lines of this level or above. */
  readonly level?: LogLevel | undefined
}

interface LogExcerpt {
  readonly window: { readonly start: string; readonly end: string }
  readonly errors: LogError[]
  readonly entries: readonly ClassifiedLine[]
  /** Sources that nobody collected; absent where all were. */
  readonly not_collected?: LogSource[]
}

const defaultLimit = 200

/** A line of a log with its time in Unix milliseconds. */
interface LogEntry extends ClassifiedLine {
  readonly time: number
  /** Equal for lines of the same failure, which differ in their numbers; undefined where nothing failed. */
  readonly failure: string | undefined
}

/** Classifying a log costs more than a call should; logs are few and live as long as the process. */
const classified = new WeakMap<readonly string[], readonly LogEntry[]>()

/**
 * The latest lines of some logs of a scenario that fulfil a query, in order of time, and what among them looks like a failure.
 *
 * @throws {DurationError} when `window` is no duration.
 */
export function readLines(scenario: Scenario, sources: readonly LogSource[], query: LogQuery): LogExcerpt {
  const missing = sources.filter((source) => scenario.logs[source] === undefined)
  const end = Date.parse(scenario.window.start) + scenario.window.duration_s * 1000
  const all = sources.flatMap((source) => entriesOf(readLog(scenario, source), end))
  // Stable: lines of the same moment stay in the order of their sources.
  if (sources.length > 1) all.sort((a, b) => a.time - b.time)
  const first = all.reduce((earliest, { time }) => Math.min(earliest, time), end)
  const start = query.window === undefined ? first : end - parseDuration(query.window)
  const topics = query.topics?.map((topic) => topic.toLowerCase()) ?? []
  const about = (line: string) => topics.length === 0 || topics.some((topic) => line.toLowerCase().includes(topic))
  const lowest = query.level === undefined ? 0 : logLevels.indexOf(query.level)
  const found = all.filter(
    ({ line, time, level }) => time >= start && logLevels.indexOf(level) >= lowest && about(line),
  )
  return {
    window: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
    // Failures are told of all lines, because the cause often stands before the last ones; and first, because a long
    // result is shown with its middle left out.
    errors: logErrors(found),
    entries: found.slice(-(query.limit ?? defaultLimit)),
    ...(missing.length === 0 ? {} : { not_collected: [...missing] }),
  }
}

/** A line without a time continues the one before it. */
function entriesOf(lines: readonly string[], near: number): readonly LogEntry[] {
  const known = classified.get(lines)
  if (known !== undefined) return known
  const times = lines.map((line) => timeOf(line, near))
  let last = times.find((time) => time !== undefined) ?? near
  const entries = classifyLogLines(lines).map((entry, index) => {
    last = times[index] ?? last
    return { ...entry, time: last, failure: failureOf(entry) }
  })
  classified.set(lines, entries)
  return entries
}

function failureOf({ kind, class: name, message }: ClassifiedLine): string | undefined {
  return kind === undefined || name === undefined ? undefined : `${name} ${message.replace(/\d+/g, '#')}`
}

/** Failures among lines, equal ones counted together, causes first. */
function logErrors(entries: readonly LogEntry[]): LogError[] {
  const found = new Map<string, { first: LogEntry; count: number }>()
  for (const entry of entries) {
    if (entry.failure === undefined) continue
    const earlier = found.get(entry.failure)
    if (earlier === undefined) found.set(entry.failure, { first: entry, count: 1 })
    else earlier.count++
  }
  const errors = [...found.values()].flatMap(({ first: { line, message, kind, class: name, detail }, count }) =>
    kind === undefined || name === undefined
      ? []
      : [{ message, kind, class: name, line, count, ...(detail === undefined ? {} : { detail }) }],
  )
  const order = ['cause_candidate', 'cascade', 'benign']
  return errors.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}

/** A window that is no duration. */
export class DurationError extends Error {
  override readonly name = 'DurationError'
  readonly code = 'invalid_duration'
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration such as `90s`, `10m`, `1h30m`.
 *
 * @throws {DurationError}
 */
export function parseDuration(text: string): number {
  const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)
  let milliseconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    milliseconds += Number(amount) * (units[unit ?? ''] ?? 0)
  }
  // A year is more than any log here covers, and still a date that can be written down.
  if (whole && milliseconds > 0 && milliseconds <= 366 * 86_400_000) return milliseconds
  throw new DurationError(
    `window ${JSON.stringify(text).slice(0, 60)} is no duration: write for example "90s", "10m" or "1h30m".`,
  )
}
