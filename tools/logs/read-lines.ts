import { type LogSource, readLog } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import type { LogError } from '../documents.ts'
import { classifyLogLines } from './classify-log-lines.ts'
import { parseDuration } from './duration.ts'
import { timeOf } from './log-time.ts'

export interface LogQuery {
  readonly window: string | undefined
  readonly limit: number | undefined
  readonly topics: readonly string[] | undefined
  /** Further condition on a line. */
  readonly keep?: (line: string) => boolean
}

export interface LogExcerpt {
  readonly window: { readonly start: string; readonly end: string }
  readonly lines: string[]
  readonly errors: LogError[]
}

export const defaultLimit = 200

interface TimedLine {
  readonly line: string
  readonly time: number
}

/**
 * The latest lines of some logs of a scenario that fulfil a query, in order of time, and what among them looks like a failure.
 *
 * @throws {DurationError} when `window` is no duration.
 */
export function readLines(scenario: Scenario, sources: readonly LogSource[], query: LogQuery): LogExcerpt {
  const end = Date.parse(scenario.window.start) + scenario.window.duration_s * 1000
  const all = sources.flatMap((source) => timed(readLog(scenario, source), end))
  // Stable: lines of the same moment stay in the order of their sources.
  if (sources.length > 1) all.sort((a, b) => a.time - b.time)
  const first = all.reduce((earliest, { time }) => Math.min(earliest, time), end)
  const start = query.window === undefined ? first : end - parseDuration(query.window)
  const topics = query.topics?.map((topic) => topic.toLowerCase()) ?? []
  const about = (line: string) => topics.length === 0 || topics.some((topic) => line.toLowerCase().includes(topic))
  const lines = all
    .filter(({ line, time }) => time >= start && about(line) && (query.keep?.(line) ?? true))
    .slice(-(query.limit ?? defaultLimit))
    .map(({ line }) => line)
  return {
    window: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
    lines,
    errors: logErrors(lines),
  }
}

/** A line without a time continues the one before it. */
function timed(lines: readonly string[], near: number): TimedLine[] {
  let last = Number.NEGATIVE_INFINITY
  const result = lines.map((line) => {
    last = timeOf(line, near) ?? last
    return { line, time: last }
  })
  const first = result.find(({ time }) => time !== Number.NEGATIVE_INFINITY)?.time ?? near
  return result.map((entry) => (entry.time === Number.NEGATIVE_INFINITY ? { ...entry, time: first } : entry))
}

/** Failures among lines, equal ones counted together, causes first. */
export function logErrors(lines: readonly string[]): LogError[] {
  const found = new Map<string, LogError>()
  for (const { line, message, kind, class: name } of classifyLogLines(lines)) {
    if (kind === undefined || name === undefined) continue
    // Numbers differ from line to line of the same failure.
    const key = `${name} ${message.replace(/\d+/g, '#')}`
    const earlier = found.get(key)
    found.set(
      key,
      earlier === undefined ? { message, kind, class: name, line, count: 1 } : { ...earlier, count: earlier.count + 1 },
    )
  }
  const order = ['cause_candidate', 'cascade', 'benign']
  return [...found.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}
