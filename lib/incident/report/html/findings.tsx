/* @jsxRuntime automatic @jsxImportSource preact */
import type { ReportDocument } from '../report-schema.ts'
import { Badge, Place, Time, type Tone } from './parts.tsx'

type TimelineEvent = ReportDocument['timeline'][number]

/** Role of an event in words, with a colour. */
const kinds: Readonly<Record<TimelineEvent['kind'], readonly [Tone, string]>> = {
  engine: ['neutral', 'engine'],
  load: ['neutral', 'load'],
  symptom: ['warning', 'symptom'],
  cause: ['bad', 'possible cause'],
  cascade: ['warning', 'cascade'],
  request_error: ['warning', 'request error'],
  unclassified: ['neutral', 'unclassified'],
}

/** Kinds of events that are folded when there are many: they follow from others, or their role is not known. */
const minorKinds: ReadonlySet<TimelineEvent['kind']> = new Set(['cascade', 'request_error', 'unclassified'])

/** So many minor events are shown among the others. */
const fewMinor = 3

/** Meanings of the kinds. */
const kindsText =
  'A “possible cause” is a line that can be the cause. A “symptom” is what users notice. A “cascade” follows from an earlier line. ' +
  'A “request error” concerns single requests. “Unclassified” lines have no known meaning.'

/** The events of the incident in order of time. Lines that the diagnosis quotes are marked. */
export function timeline({ timeline: events, evidence, pre_telemetry }: ReportDocument) {
  if (events.length === 0) return null
  const day = pre_telemetry.window.start.slice(0, 'YYYY-MM-DD'.length)
  const quoted = new Set(evidence.flatMap(({ source, line }) => (line === null ? [] : [`${source}:${line}`])))
  const isCited = ({ source, line }: TimelineEvent) => quoted.has(`${source}:${line}`)
  const minor = events.filter((event) => minorKinds.has(event.kind) && !isCited(event))
  const isFolded = minor.length > fewMinor
  const shown = isFolded ? events.filter((event) => !minor.includes(event)) : events
  return (
    <>
      <p class="note">
        Times are of {day}, in UTC. {kindsText}
      </p>
      <Events events={shown} day={day} isCited={isCited} />
      {isFolded ? (
        <details>
          <summary>
            {minor.length} more events: {kindCounts(minor)}
          </summary>
          <Events events={minor} day={day} isCited={isCited} />
        </details>
      ) : null}
    </>
  )
}

/** How many events there are of each kind: `cascade 12, request error 3`. */
function kindCounts(events: readonly TimelineEvent[]): string {
  const counts = new Map<TimelineEvent['kind'], number>()
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${kinds[kind][1]} ${count}`).join(', ')
}

/** Events as a list, each with its place and the line as it is. */
function Events(props: {
  /** In order of time. */
  readonly events: readonly TimelineEvent[]
  /** Of a time on this day only the time of day is shown. */
  readonly day: string
  /** Whether the diagnosis quotes the event. */
  readonly isCited: (event: TimelineEvent) => boolean
}) {
  const { events, day, isCited } = props
  return (
    <ol class="timeline">
      {events.map((event) => (
        <li class={isCited(event) ? 'cited' : undefined}>
          <p class="place">
            <Time time={event.time} day={day} />
            {event.until === null || event.until === event.time ? null : (
              <span>
                to <Time time={event.until} day={day} />
              </span>
            )}
            <Badge tone={kinds[event.kind][0]}>{kinds[event.kind][1]}</Badge>
            <Place source={event.source} line={event.line} />
            {event.count === 1 ? null : <strong>{event.count} times</strong>}
            {isCited(event) ? <strong>quoted as evidence</strong> : null}
          </p>
          <p class={event.source === 'metrics' ? undefined : 'log'}>{event.text}</p>
        </li>
      ))}
    </ol>
  )
}

/** The quotes of the diagnosis with their places. */
export function evidence({ evidence: items, timeline: events }: ReportDocument) {
  if (items.length === 0) return null
  return (
    <ul class="evidence">
      {items.map(({ quote, tool, grounded, reason, source, time, line }) => (
        <li class={grounded ? undefined : 'ungrounded'}>
          <p class="place">
            <Place source={source} line={line} time={time} />
            <span>
              from <code>{tool}</code>
            </span>
            {grounded ? null : <Badge tone="bad">✕ not confirmed: {reason}</Badge>}
          </p>
          <pre class="log">
            <Quote
              quote={quote}
              line={events.find((event) => line !== null && event.source === source && event.line === line)?.text}
            />
          </pre>
        </li>
      ))}
    </ul>
  )
}

/** A quote, marked in its whole log line if the timeline has that. */
function Quote({ quote, line }: { readonly quote: string; readonly line: string | undefined }) {
  const start = line?.indexOf(quote) ?? -1
  if (line === undefined || start === -1) return <mark>{quote}</mark>
  return (
    <>
      {line.slice(0, start)}
      <mark>{quote}</mark>
      {line.slice(start + quote.length)}
    </>
  )
}
