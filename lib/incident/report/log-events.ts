import { engineReadyPattern, engineServesPatterns, engineStartPatterns } from '../../../tools/logs/engine-start.ts'
import { alikeLines } from '../../../tools/logs/group-log-lines.ts'
import { type Incident, windowOf } from '../../../tools/scenario-source.ts'
import { citation, clockTime, type LocatedLine, locatedLines } from './located-lines.ts'

/** An event that lines of one log report: lines that differ only in numbers are one event. */
export interface LogEvent {
  /** Role of its lines. */
  readonly kind: 'engine' | 'cause' | 'cascade' | 'request_error' | 'unclassified'
  /** The first line. */
  readonly first: LocatedLine
  /** Time of the first line, in Unix milliseconds. */
  readonly time: number
  /** Time of the last line. */
  readonly until: number
  /** Number of lines. */
  readonly count: number
}

/** The start of an engine, as its log has it. */
export interface EngineStart {
  /** The line with the arguments, or with the version. */
  readonly line: LocatedLine
  /** Time of that line, in Unix milliseconds. */
  readonly time: number
  /** Time at which the engine was ready, or served for the first time; `undefined` if it never did, or not in this log. */
  readonly readyAt: number | undefined
}

/** The logs of an incident, as far as they concern it. */
export interface IncidentLogs {
  /** Events in order of time. */
  readonly events: readonly LogEvent[]
  /** Cause candidates and cascades in order of time, line by line. */
  readonly failures: readonly (LocatedLine & { readonly time: number })[]
  /** Starts of engines, in order of time. */
  readonly starts: readonly EngineStart[]
  /** Lines that are left out, one sentence each. */
  readonly notes: readonly string[]
}

/** Failures up to this long before the window can be its cause. */
export const leadMs = 10 * 60_000
/** Starts and stops of the engine up to this long before the window are shown. */
const startLeadMs = 60 * 60_000

/** Reads the logs of an incident for the events of its time. Logs without times have none. */
export function incidentLogs(incident: Incident): IncidentLogs {
  const lines = locatedLines(incident)
  const start = Date.parse(windowOf(incident).start)
  const timed = lines.flatMap((line) => (line.time === undefined ? [] : [{ ...line, time: line.time }]))
  const isAbnormal = ({ kind }: LocatedLine) => kind !== undefined && kind !== 'benign'
  const abnormal = timed.filter(isAbnormal)
  const near = abnormal.filter(({ time }) => time >= start - leadMs)
  const starts = engineStarts(timed).filter(({ time }) => time >= start - startLeadMs)
  const early = abnormal.filter(({ time }) => time < start - leadMs)
  const timeless = lines.filter((line) => line.time === undefined && isAbnormal(line)).length
  const since = clockTime(start - leadMs)
  return {
    events: [...alikeLines(near).flatMap(eventOf), ...engineEvents(timed, starts, start - startLeadMs)].sort(byTime),
    failures: near.filter(({ kind }) => kind === 'cause_candidate' || kind === 'cascade').sort(byTime),
    starts,
    notes: [
      ...(early.length === 0
        ? []
        : [
            `Abnormal log lines before ${since} are not in the timeline: ${early.length}. ${early.length === 1 ? 'It is' : 'The last one is'} ${early.slice(-1).map(citation).join('')}.`,
          ]),
      ...(timeless === 0 ? [] : [`Abnormal log lines without a time are not in the timeline: ${timeless}.`]),
    ],
  }
}

/** The sort is stable, so lines of one time keep their order. */
function byTime(a: { readonly time: number }, b: { readonly time: number }): number {
  return a.time - b.time
}

type TimedPlace = LocatedLine & { readonly time: number }

function eventOf(group: readonly TimedPlace[]): LogEvent[] {
  const [first] = group
  const kind = first?.kind
  if (first === undefined || kind === undefined || kind === 'benign') return []
  const times = group.map(({ time }) => time)
  return [
    {
      kind: kind === 'cause_candidate' ? 'cause' : kind,
      first,
      time: times.reduce((a, b) => Math.min(a, b)),
      until: times.reduce((a, b) => Math.max(a, b)),
      count: group.length,
    },
  ]
}

const stopped = /^Shutting down\b/
const pulled = /\b(?:image pulled|Successfully pulled image)\b/i

/** A log can lack the line that an engine writes when it is ready. */
const readyPatterns = [engineReadyPattern, ...engineServesPatterns]

/** The line with the arguments comes right after the one with the version, and not every log has both. */
function engineStarts(lines: readonly TimedPlace[]): readonly EngineStart[] {
  const own = lines.filter(({ source }) => source === 'vllm')
  const startLines = engineStartPatterns
    .map((pattern) => own.filter(({ message, kind }) => kind === undefined && pattern.test(message)))
    .find((found) => found.length > 0)
  return (startLines ?? []).map((line, index, all) => {
    const next = all[index + 1]?.number ?? Number.POSITIVE_INFINITY
    const isReady = ({ number, message }: TimedPlace) =>
      number > line.number && number < next && readyPatterns.some((pattern) => pattern.test(message.trim()))
    return { line, time: line.time, readyAt: own.find(isReady)?.time }
  })
}

/** Starts, ready engines, orderly ends and new images. Restarts that repeat are one event. */
function engineEvents(lines: readonly TimedPlace[], starts: readonly EngineStart[], since: number): LogEvent[] {
  const [first, ...restarts] = starts.map(({ line }) => line)
  const own = lines.filter(({ time }) => time >= since)
  const matching = (pattern: RegExp, source: LocatedLine['source']) =>
    own.filter((line) => line.source === source && line.kind === undefined && pattern.test(line.message.trim()))
  const groups = [
    first === undefined ? [] : [first],
    restarts,
    matching(engineReadyPattern, 'vllm'),
    matching(stopped, 'vllm'),
    matching(pulled, 'journal'),
  ]
  return groups.flatMap((group) => {
    const known = group.flatMap((line) => (line.time === undefined ? [] : [{ ...line, time: line.time }]))
    const [line] = known
    if (line === undefined) return []
    return [
      { kind: 'engine', first: line, time: line.time, until: known.at(-1)?.time ?? line.time, count: group.length },
    ]
  })
}

/** Durations that a line states for what it reports: the state began earlier. */
const lasted = /\bstuck for (\d+)s\b|\bblocked for more than (\d+) seconds|\bfound in (\d+) seconds\b/

/** When the state that a line reports began, in Unix milliseconds: a watchdog reports it only after a while. */
export function beginningOf({ time, message }: { readonly time: number; readonly message: string }): number {
  const [, ...seconds] = lasted.exec(message) ?? []
  return time - Number(seconds.find((text) => text !== undefined) ?? 0) * 1000
}
