import type { FolderFile } from './find-files.ts'
import { headText } from './read-text.ts'

// Programs of a node print local time without a zone, and the log tools read times without a zone as UTC.

/** `dmesg -T`, and the default of journalctl and syslog. */
const withoutZone = /^(?:\[\w{3} \w{3}\s+\d+ \d\d:\d\d:\d\d \d{4}\]|[A-Z][a-z]{2}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? )/m
/** An offset from UTC at the start of a line. */
const statedZone = /^(?:\S+ +)?\d{4}-\d\d-\d\dT[\d:.,]+([+-])(\d\d):?(\d\d)\b/

/**
 * Says which logs of the node have times without a zone, and how far they are off if the node has the zone that the engine
 * log states.
 */
export function zoneNotes(files: readonly FolderFile[], engineLog: readonly string[]): readonly string[] {
  const local = files.filter((file) => withoutZone.test(headText(file) ?? '')).map(({ name }) => name)
  if (local.length === 0) return []
  const [, sign, hours = 0, minutes = 0] = engineLog.map((line) => statedZone.exec(line)).find((found) => found) ?? []
  const offset = Number(hours) * 60 + Number(minutes)
  const shift =
    sign === undefined || offset === 0
      ? ''
      : ` The engine log states the zone ${sign}${hours}:${minutes}. If the node has it too, these times are read ${offset} minutes too ${sign === '+' ? 'late' : 'early'}.`
  return [
    `${local.join(', ')}: The times state no zone and are read as UTC, but dmesg -T and journalctl print local time. "dmesg --time-format iso" and "journalctl --utc -o short-iso" state the zone.${shift}`,
  ]
}
