import type { LogSource } from '../../fixtures/scenario.ts'
import type { IncidentNote } from '../scenario-source.ts'
import type { FolderFile, LeftOut } from './find-files.ts'
import type { ObservedGpu } from './gpu-statistics.ts'
import type { StoredPage } from './metrics-pages.ts'
import { headText } from './read-text.ts'
import { type FileKind, kindOfName } from './recognise.ts'

// Says what a folder does not show: parts that were left out, facts that no file states, and assumptions.

/** Facts about a folder from which notes follow. */
interface NoteSources {
  readonly kinds: ReadonlyMap<string, FileKind>
  readonly leftOut: readonly LeftOut[]
  readonly notStated: readonly string[]
  readonly pages: readonly StoredPage[]
  readonly gpus: readonly ObservedGpu[]
  readonly logs: ReadonlyMap<LogSource, readonly string[]>
  readonly windowNotes: readonly string[]
  readonly serverNotes: readonly string[]
  /** Lines in which nvidia-smi says that it cannot read a GPU. */
  readonly failures: readonly string[]
  /** Assumptions about how the engine was started. */
  readonly launchNotes: readonly string[]
  /** Whether a file is a journal. */
  readonly hasJournal: boolean
}

/** Topic of each kind of file. */
const topics: Readonly<Record<FileKind, IncidentNote['about']>> = {
  incident: 'config',
  engine_log: 'vllm',
  kernel_log: 'dmesg',
  journal: 'journal',
  metrics_page: 'metrics',
  gpu_table: 'gpus',
  gpu_query: 'gpus',
  gpu_summary: 'gpus',
  engine_arguments: 'config',
  pod_description: 'journal',
  model_config: 'config',
  slo: 'config',
}

/** Names of logs that a folder may not have. */
const logNames = { vllm: 'engine log', dmesg: 'kernel log', journal: 'journal' } as const

/** The notes of a folder, for the tools that they concern and for the report. */
export function folderNotes(sources: NoteSources): readonly IncidentNote[] {
  const { kinds, leftOut, notStated, pages, gpus, logs, windowNotes, failures, launchNotes, hasJournal, serverNotes } =
    sources
  const topicOf = ({ file }: LeftOut) => {
    const kind = kinds.get(file) ?? kindOfName(file)
    return kind === undefined ? 'other' : topics[kind]
  }
  const notes: IncidentNote[] = serverNotes.map((text) => ({ about: 'metrics', text }))
  notes.push(
    ...[...groups(leftOut, topicOf)].flatMap(([about, parts]) => reasonsOf(parts).map((text) => ({ about, text }))),
  )
  const add = (about: IncidentNote['about'], text: string) => notes.push({ about, text })
  for (const text of windowNotes) add('window', text)
  for (const { file } of pages.filter(({ isFileTime }) => isFileTime)) {
    add('metrics', `${file}: Its time is that of the file, because its name has none. A copy can have a later time.`)
  }
  if (pages.length === 0) add('metrics', 'The folder has no metrics page.')
  else add('metrics', 'Counters of a page cover the time since the engine started, not only the window.')
  for (const text of launchNotes) add('config', text)
  for (const line of failures) add('gpus', `nvidia-smi printed: ${line}`)
  if (gpus.length === 0 && failures.length === 0) add('gpus', 'The folder has no output of nvidia-smi.')
  // The log tools name these in not_collected, and fetch_config in not_stated.
  for (const [source, name] of Object.entries(logNames)) {
    const hasLog = source === 'journal' ? hasJournal : [...logs.keys()].some((known) => known === source)
    if (!hasLog) add('other', `The folder has no ${name}.`)
  }
  if (notStated.length > 0) add('other', `No file states ${notStated.join(', ')}.`)
  return notes
}

/** Files of a group that are named. */
const namedFiles = 3

/** One text for each reason. A folder can have thousands of files with the same one, so not all of them are named. */
export function reasonsOf(leftOut: readonly LeftOut[]): readonly string[] {
  return [...groups(leftOut, ({ reason }) => reason)].flatMap(([reason, parts]) => {
    const files = parts.map(({ file }) => file)
    if (files.length <= namedFiles) return files.map((file) => `${file}: ${reason}`)
    return [`${files.length} files (${files.slice(0, namedFiles).join(', ')}, …): ${reason}`]
  })
}

function groups<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const found = new Map<Key, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = found.get(key)
    if (group === undefined) found.set(key, [item])
    else group.push(item)
  }
  return found
}

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
