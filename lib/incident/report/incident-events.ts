import type { Incident } from '../../../tools/scenario-source.ts'
import type { Telemetry } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { clipped, isoTime, type LocatedLine, layerOf } from './located-lines.ts'
import { type IncidentLogs, incidentLogs, type LogEvent } from './log-events.ts'
import { type MetricEvent, metricEvents } from './metric-events.ts'
import { onsetOf } from './onset.ts'
import type { ReportFacts } from './report-schema.ts'
import { observedSeries } from './service-series.ts'
import { triggerOf } from './trigger.ts'

type TimelineEvent = ReportFacts['timeline'][number]

/** Everything about the events of an incident. */
interface EventFacts extends Pick<ReportFacts, 'onset' | 'trigger' | 'timeline'> {
  /** Gaps of the timeline, one sentence each. */
  readonly notes: readonly string[]
  /** The logs that the events are from; `undefined` if the incident was not read. */
  readonly logs: IncidentLogs | undefined
  /** The changes that the metrics show. */
  readonly metrics: readonly MetricEvent[]
}

/**
 * The beginning of the incident, its trigger, and its events in order of time.
 *
 * @param quoted log lines that the diagnosis quotes.
 */
export function eventFacts(
  incident: Incident | undefined,
  telemetry: Telemetry,
  result: AgentResult,
  quoted: readonly LocatedLine[],
): EventFacts {
  if (incident === undefined) {
    const text = 'The files of the incident were not read.'
    return {
      onset: { time: null, text, source: null },
      trigger: unknownTrigger(text),
      timeline: [],
      notes: [],
      logs: undefined,
      metrics: [],
    }
  }
  const logs = incidentLogs(incident)
  const metrics = metricEvents(incident, telemetry)
  const known = observedSeries(incident).filter(({ arrivals }) => arrivals !== null)
  const record = { telemetry, logs, metrics, quoted, showsLoad: known.length >= fewestIntervals }
  const onset = onsetOf(record)
  const all = [...logs.events.map(ofLog), ...metrics.map(ofMetrics)]
  const timeline = mostImportant(all)
  const left = all.length - timeline.length
  return {
    onset: onset.fact,
    trigger: triggerOf(record, onset, result),
    timeline,
    logs,
    metrics,
    notes: [
      ...logs.notes,
      ...(left === 0
        ? []
        : [
            `The timeline has the ${timeline.length} most important events; ${left} are left out. All are in the logs.`,
          ]),
    ],
  }
}

function unknownTrigger(text: string): ReportFacts['trigger'] {
  return { kind: 'unknown', time: null, text, source: null }
}

/** Characters of a line that the timeline shows. */
const mostCharacters = 1000

function ofLog({ kind, first, time, until, count }: LogEvent): TimelineEvent {
  const { source, number, line, message } = first
  return {
    time: isoTime(time),
    until: count > 1 ? isoTime(until) : null,
    kind,
    source,
    line: number,
    text: line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line,
    message: clipped(message.trim() === '' ? line : message.trim(), mostCharacters),
    count,
  }
}

function ofMetrics({ time, kind, text }: MetricEvent): TimelineEvent {
  return { time: isoTime(time), until: null, kind, source: 'metrics', line: null, text, message: text, count: 1 }
}

/** Fewer intervals cannot show a change of the load. */
const fewestIntervals = 6

/** A person reads no more. */
const mostEvents = 40

/** Events of these kinds are left out last. */
const importance: readonly TimelineEvent['kind'][] = [
  'engine',
  'load',
  'symptom',
  'cause',
  'cascade',
  'unclassified',
  'request_error',
]

/** The most important events, in order of time. */
function mostImportant(events: readonly TimelineEvent[]): TimelineEvent[] {
  const rank = ({ kind }: TimelineEvent) => importance.indexOf(kind)
  const byTime = (a: TimelineEvent, b: TimelineEvent) =>
    Date.parse(a.time) - Date.parse(b.time) || layerOf(a.source) - layerOf(b.source) || (a.line ?? 0) - (b.line ?? 0)
  const inOrder = events.toSorted(byTime)
  return inOrder
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, mostEvents)
    .sort(byTime)
}
