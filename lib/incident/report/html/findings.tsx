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

/** The events of the incident in order of time. Lines that the diagnosis quotes are marked. */
export function timeline({ timeline: events, evidence }: ReportDocument) {
  if (events.length === 0) return null
  const cited = new Set(evidence.flatMap(({ source, line }) => (line === null ? [] : [`${source}:${line}`])))
  return (
    <ol class="timeline">
      {events.map((event) => (
        <li class={cited.has(`${event.source}:${event.line}`) ? 'cited' : undefined}>
          <p class="place">
            <Time time={event.time} />
            {event.until === null ? null : (
              <span>
                to <Time time={event.until} />
              </span>
            )}
            <Badge tone={kinds[event.kind][0]}>{kinds[event.kind][1]}</Badge>
            <Place source={event.source} line={event.line} />
            {event.count === 1 ? null : <strong>{event.count} times</strong>}
            {cited.has(`${event.source}:${event.line}`) ? <strong>quoted as evidence</strong> : null}
          </p>
          <p class={event.source === 'metrics' ? undefined : 'log'}>{event.text}</p>
        </li>
      ))}
    </ol>
  )
}

/** The quotes of the diagnosis with their places. */
export function evidence({ evidence: items }: ReportDocument) {
  if (items.length === 0) return null
  return (
    <ul class="evidence">
      {items.map(({ quote, tool, grounded, source, time, line }) => (
        <li class={grounded ? undefined : 'ungrounded'}>
          <p class="place">
            <Place source={source} line={line} time={time} />
            <span>
              from <code>{tool}</code>
            </span>
            {grounded ? null : <Badge tone="bad">✕ not found in the results of this tool</Badge>}
          </p>
          <pre class="log">
            <mark>{quote}</mark>
          </pre>
        </li>
      ))}
    </ul>
  )
}
