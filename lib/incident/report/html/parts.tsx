/* @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren } from 'preact'
import type { ReportDocument } from '../report-schema.ts'

// Small parts of the page. Preact escapes all text, and `fitDocument` has shown hidden characters before.

/** A section of the page with its entry in the table of contents. */
export interface Section {
  /** Id of the heading, for links in the page. */
  readonly id: string
  /** Heading. */
  readonly title: string
  /** Content; null if there is nothing to say. Then the page has no such section. */
  readonly content: ComponentChildren
}

/** A heading below a section with its content; nothing if the content is null. */
export function Part({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  if (children === null) return null
  return (
    <div class="part">
      <h3>{title}</h3>
      {children}
    </div>
  )
}

/** A list of sentences; null for an empty list, so that {@link Part} leaves out its heading. */
export function sentences(items: readonly string[], ordered = false) {
  if (items.length === 0) return null
  const rows = items.map((item) => <li>{item}</li>)
  return ordered ? <ol class="sentences">{rows}</ol> : <ul class="sentences">{rows}</ul>
}

/**
 * A time as people read it, in UTC and without the milliseconds that are zero.
 *
 * @param props.day of a time on this day (`2026-02-17`) only the time of day is shown.
 */
export function Time({ time, day }: { readonly time: string; readonly day?: string }) {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.0+|(\.\d{1,3})\d*)?Z$/.exec(time)
  if (parts === null) return <time>{time}</time>
  return (
    <time dateTime={time}>
      {parts[1] === day ? '' : `${parts[1]} `}
      {parts[2]}
      {parts[3]}
      {parts[1] === day ? '' : ' UTC'}
    </time>
  )
}

/** The place of a piece of evidence or an event: source, line and time. */
export function Place(props: {
  /** The log or the metrics; null if it is not known. */
  readonly source: string | null
  /** Number of the log line, from 1; null without one. */
  readonly line: number | null
  /** Absent if the time is shown elsewhere. */
  readonly time?: string | null
  /** Of a time on this day only the time of day is shown. */
  readonly day?: string
}) {
  const { source, line, time = null, day = '' } = props
  return (
    <>
      {source === null ? null : <span class="source">{source}</span>}
      {line === null ? null : <span>line {line}</span>}
      {time === null ? null : <Time time={time} day={day} />}
    </>
  )
}

/** A word in a coloured frame. The word says everything; the colour repeats it. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>
}

/** Meaning of a colour. */
export type Tone = 'good' | 'bad' | 'warning' | 'neutral'

/** A table that scrolls inside the page where the screen is narrow. */
export function Table(props: {
  /** Caption: the table's name for screen readers, and for people if `hideCaption` is not set. */
  readonly caption: string
  /** Names of the columns. */
  readonly header: readonly string[]
  /** Cells. The first of each row is its name. */
  readonly rows: readonly (readonly ComponentChildren[])[]
  /** Columns of numbers, from 0. */
  readonly numeric?: readonly number[]
  /** Whether each row is a card on a phone, so that nothing of it is outside the screen. */
  readonly isStacked?: boolean
}) {
  const { caption, header, rows, numeric = [], isStacked = false } = props
  const kind = (column: number) => (numeric.includes(column) ? 'number' : undefined)
  return (
    <Scroller label={caption}>
      <table class={isStacked ? 'stacked' : undefined}>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {header.map((name, column) => (
              <th scope="col" class={kind(column)}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr>
              <th scope="row" class={kind(0)}>
                {name}
              </th>
              {cells.map((cell, index) => (
                <td class={kind(index + 1)} data-label={header[index + 1] ?? ''}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  )
}

/** A part that scrolls sideways can take the focus, because the keyboard must be able to scroll it (WCAG 2.1.1). */
const scrolls = (label: string) => ({ role: 'group', tabIndex: 0, 'aria-label': label }) as const

/** A part that scrolls sideways inside the page where the screen is narrow. */
export function Scroller({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    <div class="scroller" {...scrolls(label)}>
      {children}
    </div>
  )
}

/** Groups of commands. A click selects a whole command, and nothing is between two commands except a line break. */
export function Steps({ steps }: { readonly steps: ReportDocument['fix_steps'] }) {
  return (
    <ol class="steps">
      {steps.map(({ title, commands, note }) => (
        <li>
          <p class="step-title">{title}</p>
          <Commands commands={commands} />
          {note === null ? null : <p class="note">{note}</p>}
        </li>
      ))}
    </ol>
  )
}

/** Commands, one a line; null without any. They are wrapped by the browser, so that what is copied is what is run. */
export function Commands({ commands }: { readonly commands: readonly string[] }) {
  if (commands.length === 0) return null
  return (
    <pre class="commands">
      {commands.map((command, index) => (
        <>
          {index === 0 ? '' : '\n'}
          <code>{command}</code>
        </>
      ))}
    </pre>
  )
}
