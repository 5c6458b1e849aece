import type { Telemetry } from '../../../tools/types.ts'
import { objectivesOf } from '../../../tools/validation/objectives.ts'
import { unmetObjectives } from '../agent/plan-check.ts'
import { citation, clockTime, isoTime, type LocatedLine, layerOf } from './located-lines.ts'
import { beginningOf, type IncidentLogs } from './log-events.ts'
import type { MetricEvent } from './metric-events.ts'
import type { ReportFacts } from './report-schema.ts'

type Failure = IncidentLogs['failures'][number]

/** Everything that the onset and the trigger follow from. */
export interface IncidentRecord {
  /** Telemetry of the window. */
  readonly telemetry: Telemetry
  /** Events of the logs. */
  readonly logs: IncidentLogs
  /** Events of the metrics. */
  readonly metrics: readonly MetricEvent[]
  /** Log lines that the diagnosis quotes. */
  readonly quoted: readonly LocatedLine[]
  /** Whether the metrics have enough points to show a change of the load. */
  readonly showsLoad: boolean
}

/** The onset, and what it was taken from. */
export interface Onset {
  /** As the report has it. */
  readonly fact: ReportFacts['onset']
  /** In Unix milliseconds; `undefined` if it is not known. */
  readonly time: number | undefined
  /** Whether the incident was in progress when the window opened. */
  readonly inProgress: boolean
  /** The first cause candidate of the logs; `undefined` if the metrics alone show the incident. */
  readonly cause: Failure | undefined
  /** A quoted cause candidate of a log without times; `undefined` if {@link cause} is known. */
  readonly timeless: LocatedLine | undefined
  /** Whether there is no incident: every objective is met. */
  readonly isHealthy: boolean
}

/** When the incident began, from what the logs and the metrics show first. */
export function onsetOf(record: IncidentRecord): Onset {
  const { telemetry, logs, metrics } = record
  const nothing = { time: undefined, inProgress: false, cause: undefined, timeless: undefined, isHealthy: false }
  if (isHealthy(telemetry)) {
    const fact = { time: null, text: 'There is no incident: every objective is met.', source: null }
    return { ...nothing, fact, isHealthy: true }
  }
  const standstill = metrics.find(({ isStandstill }) => isStandstill)
  const first = metrics.find(({ kind }) => kind === 'symptom')
  const isBroken = isEngineBroken(record)
  const symptom = isBroken ? (standstill ?? first) : first
  const found = firstCause(record, standstill?.time)
  // A line long after the symptoms of an engine that works is another symptom.
  const isLate = !isBroken && found !== undefined && symptom !== undefined && found.time > symptom.time + episodeMs
  const cause = isLate ? undefined : found
  const failedStart = cause === undefined ? undefined : failedStartOf(cause, logs)
  if (cause !== undefined && failedStart !== undefined) {
    const text = `The engine was started (${placeOf(failedStart.line)}) and did not become ready (${placeOf(cause)}).`
    return { ...nothing, ...known(failedStart.time, text, placeOf(failedStart.line)), cause }
  }
  const began = cause === undefined ? Number.POSITIVE_INFINITY : beginningOf(cause)
  if (cause !== undefined && began <= (symptom?.time ?? Number.POSITIVE_INFINITY)) {
    const earlier = began < cause.time ? ` It reports a state that began at ${clockTime(began)}.` : ''
    return { ...nothing, ...known(began, `The first sign is ${citation(cause)}.${earlier}`, placeOf(cause)), cause }
  }
  const timeless = cause === undefined ? record.quoted.find(isTimelessCause) : undefined
  if (symptom === undefined && timeless !== undefined) {
    const text = `The onset is not known, because the log states no times. It has ${citation(timeless)}.`
    return { ...nothing, fact: { time: null, text, source: placeOf(timeless) }, timeless }
  }
  if (symptom === undefined) {
    const text = `The onset is not known: ${whyUnknown(record)}`
    return { ...nothing, fact: { time: null, text, source: null } }
  }
  if (symptom.inProgress) {
    const start = clockTime(symptom.time)
    const text = `The incident was in progress when the window opened at ${start}, so it began earlier. ${symptom.text}`
    return { ...nothing, fact: { time: null, text, source: 'metrics' }, inProgress: true, cause }
  }
  return { ...nothing, ...known(symptom.time, symptom.text, 'metrics'), cause }
}

/** Whether every objective is met, the engine works and all figures are known. All parts of the report decide by it. */
export function isHealthy(telemetry: Telemetry): boolean {
  const isMet = objectivesOf(telemetry).every(({ state }) => state === 'met')
  return isMet && unmetObjectives(telemetry).length === 0 && (telemetry.missing ?? []).length === 0
}

function known(time: number, text: string, source: string): Pick<Onset, 'fact' | 'time'> {
  return { fact: { time: isoTime(time), text, source }, time }
}

/** Where a line is, as a reader searches for it. */
export function placeOf({ source, number }: LocatedLine): string {
  return `${source} line ${number}`
}

function isTimelessCause({ kind, time }: LocatedLine): boolean {
  return kind === 'cause_candidate' && time === undefined
}

/** Whether the engine failed, as the metrics show it, or the logs if there are no metrics. */
function isEngineBroken({ telemetry, logs }: IncidentRecord): boolean {
  return isObserved(telemetry) ? engineFailure(telemetry) : engineDied(logs)
}

function whyUnknown({ telemetry: { missing = [] }, showsLoad }: IncidentRecord): string {
  const few = showsLoad ? '' : ' The metrics pages are too few to show a change.'
  return missing.length === 0
    ? `neither the metrics nor the logs show when it began.${few}`
    : `these figures were not observed: ${missing.join(', ')}. No log line names a cause.`
}

/** Causes so long before a failure belong to it. */
export const episodeMs = 120_000

/**
 * The first cause candidate of the incident. Logs of a service that works have cause candidates of other programs, so only
 * quoted lines count then. An engine that does not work failed for the reason that the logs have shortly before.
 *
 * @param standstill when the engine stopped generating, as the metrics show it.
 */
function firstCause(record: IncidentRecord, standstill: number | undefined): Failure | undefined {
  const { logs, quoted } = record
  const causes = logs.failures.filter(({ kind }) => kind === 'cause_candidate')
  const isQuoted = (line: Failure) =>
    quoted.some(({ source, number, class: name, message }) => {
      // A quote names one line of many alike.
      return source === line.source && (number === line.number || (name === line.class && message === line.message))
    })
  const own = logs.failures.filter(isQuoted)
  if (own.length === 0 && !isEngineBroken(record)) return undefined
  const deaths = logs.failures.filter(({ class: name }) => name !== undefined && deadly.has(name))
  const anchors = own.length > 0 ? own : deaths.length > 0 ? deaths : causes
  const anchor = [...anchors.map(beginningOf), standstill ?? Number.POSITIVE_INFINITY].reduce((a, b) => Math.min(a, b))
  let since = anchor
  for (const line of causes.toReversed()) {
    const began = beginningOf(line)
    if (began <= since && since - began <= episodeMs) since = began
  }
  return causes
    .filter((line) => beginningOf(line) >= since)
    .sort((a, b) => beginningOf(a) - beginningOf(b) || layerOf(a.source) - layerOf(b.source))[0]
}

const deadly: ReadonlySet<string> = new Set(['engine_dead', 'worker_died', 'exited', 'killed', 'rpc_timeout'])

/** Whether the state of the engine was observed: without a metrics page, only logs can show it. */
export function isObserved({ health, missing = [] }: Telemetry): boolean {
  return health.engine_up || health.healthy_workers !== null || missing.length < 5
}

/** Whether the logs show that the engine died or did not start, and no later start that succeeded. */
export function engineDied({ failures, starts }: IncidentLogs): boolean {
  const death = failures.findLast(({ class: name }) => name !== undefined && deadly.has(name))
  return death !== undefined && !starts.some(({ readyAt }) => readyAt !== undefined && readyAt > death.time)
}

/** Whether the engine is down or makes no progress at the end of the window. */
export function engineFailure({ health, requests }: Telemetry): boolean {
  const { engine_up, healthy_workers, stuck_workers, no_progress_s } = health
  const isStuck = (stuck_workers ?? 0) > 0 && (healthy_workers ?? 0) === 0
  const servedNothing = requests.served === 0 && (requests.arrived ?? 0) > 0
  return !engine_up || isStuck || no_progress_s !== undefined || servedNothing
}

/** The start of an engine in which a cause was reported, before the engine was ready. */
export function failedStartOf(
  { time }: { readonly time: number },
  { starts }: IncidentLogs,
): IncidentLogs['starts'][number] | undefined {
  const last = starts.findLast((start) => start.time <= time)
  return last === undefined || (last.readyAt !== undefined && last.readyAt <= time) ? undefined : last
}
