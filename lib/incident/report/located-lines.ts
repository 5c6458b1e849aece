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

/** Characters of a line that a text repeats. */
const shownCharacters = 300

/** Names a line and repeats its start: `dmesg line 213 at 21:07:17 UTC: "…"`. */
export function citation({ source, number, time, line }: LocatedLine): string {
  const at = time === undefined ? '' : ` at ${clockTime(time)}`
  const shown = line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line
  return `${source} line ${number}${at}: "${shown}"`
}

/** The time of the day, in UTC. @param time Unix milliseconds. */
export function clockTime(time: number): string {
  return `${new Date(time).toISOString().slice(11, 19)} UTC`
}

/** A time as JSON has it. @param time Unix milliseconds. */
export function isoTime(time: number): string {
  return new Date(time).toISOString()
}
