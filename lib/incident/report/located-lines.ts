import { type LogSource, logSources } from '../../../fixtures/scenario.ts'
import type { TimedLine } from '../../../tools/logs/log-time.ts'
import { timedLines } from '../../../tools/logs/read-lines.ts'
import type { Incident } from '../../../tools/scenario-source.ts'

/** A line of a log, with the place where a reader finds it. */
export interface LocatedLine extends TimedLine {
  /** The log. */
  readonly source: LogSource
  /** Number of the line in the log, from 1. */
  readonly number: number
}

/** All lines of all logs of an incident that were collected, log by log. */
export function locatedLines(incident: Incident): readonly LocatedLine[] {
  let located = byIncident.get(incident)
  if (located === undefined) {
    located = logSources.flatMap((source) =>
      (timedLines(incident, source) ?? []).map((line, index) => ({ ...line, source, number: index + 1 })),
    )
    byIncident.set(incident, located)
  }
  return located
}

/** The files of an incident do not change. */
const byIncident = new WeakMap<Incident, readonly LocatedLine[]>()

/** Place of a source in the order of events of one time: the kernel reports the cause, and the engine its effect. */
export function layerOf(source: string): number {
  return ['dmesg', 'journal', 'vllm', 'metrics'].indexOf(source)
}

/** Characters of a message that a text repeats. The timeline has more of it. */
const shownCharacters = 140

/** Names a line and repeats the start of its message: `dmesg line 213 at 21:07:17 UTC: "…"`. */
export function citation(place: LocatedLine): string {
  const { message, line } = place
  const shown = clipped(message.trim() === '' ? line : message.trim(), shownCharacters)
  // A message with quotation marks gets no others, and its last one must not be cut off.
  const marks = shown.split('"').length - 1
  const quoted = marks === 0 ? `"${shown}"` : marks % 2 === 0 ? shown : `${shown}"`
  return `${placeAndTime(place)}: ${quoted}`
}

/** Names a line: `dmesg line 213 at 21:07:17 UTC`. */
function placeAndTime({ source, number, time }: LocatedLine): string {
  return `${source} line ${number}${time === undefined ? '' : ` at ${clockTime(time)}`}`
}

/** A text of at most so many characters, cut between words if that is possible. */
export function clipped(text: string, most: number): string {
  if (text.length <= most) return text
  const cut = text.slice(0, most - 1)
  const end = cut.lastIndexOf(' ')
  return `${end > most / 2 ? cut.slice(0, end) : cut} …`
}

/** The time of the day, in UTC. @param time Unix milliseconds. */
export function clockTime(time: number): string {
  return `${new Date(time).toISOString().slice(11, 19)} UTC`
}

/** A time as JSON has it. @param time Unix milliseconds. */
export function isoTime(time: number): string {
  return new Date(time).toISOString()
}
