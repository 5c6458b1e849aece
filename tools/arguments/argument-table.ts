import { readFileSync } from 'node:fs'
import { compareVersions, minorOf } from './version.ts'

/** An argument of `vllm serve`, as one version of vLLM has it. */
export interface EngineArgument {
  /** Name in Python, e.g. `max_num_seqs`. */
  readonly name: string
  /**
   * - `boolean`: `--name` and `--no-name`; `flag`: only `--name`.
   * - `size`: an integer that may have a suffix, such as `8k`; `size_or_auto`: also `auto`.
   * - `json`: a JSON object as text; `json_or_string`: any text.
   */
  readonly type:
    | 'boolean'
    | 'flag'
    | 'integer'
    | 'size'
    | 'size_or_auto'
    | 'number'
    | 'string'
    | 'json'
    | 'json_or_string'
  /** Whether the argument takes several values. */
  readonly isList: boolean
  /** Whether an empty text and `None` mean no value, so that the default applies. */
  readonly isOptional: boolean
  /** Default of the command line, as JSON. Absent: none, or one that vLLM derives from other arguments. */
  readonly default?: string
  /** All allowed values as text; empty if the parser allows any. */
  readonly choices: readonly string[]
  /** Range of a number. */
  readonly range: ArgumentRange
  /** Flags besides the name itself, e.g. `-tp`. */
  readonly aliases: readonly string[]
}

/** Range of a number, with the names of pydantic. */
export interface ArgumentRange {
  /** At least. */
  readonly ge?: number
  /** More than. */
  readonly gt?: number
  /** At most. */
  readonly le?: number
  /** Less than. */
  readonly lt?: number
}

/** A range of versions that have an argument, from the first to the last recorded one. */
export interface ArgumentHistory {
  /** First version with the argument. */
  readonly first: string
  /** Last version with the argument. Absent: the newest recorded one has it. */
  readonly last?: string
}

/** One row of the table: an argument in a range of versions in which it did not change. */
interface Row extends ArgumentHistory {
  readonly argument: EngineArgument
}

interface ArgumentTable {
  /** The recorded versions, ascending. */
  readonly versions: readonly string[]
  readonly rows: readonly Row[]
}

/** The table is recorded from the argument parsers of vLLM: see `tests/reference/vllm/arguments`. */
const file = new URL('./engine-arguments.tsv', import.meta.url)
let table: ArgumentTable | undefined
const byVersion = new Map<string, ReadonlyMap<string, EngineArgument>>()

/**
 * The arguments of a version by name.
 *
 * Every minor version since 0.8 is recorded. A patch release has the arguments of the next recorded release of its minor
 * version, or of the last one; a version outside the recorded range has those of the oldest or the newest one.
 */
export function argumentsOf(version: string): ReadonlyMap<string, EngineArgument> {
  const recorded = recordedVersion(version)
  let found = byVersion.get(recorded)
  if (found === undefined) {
    const present = readTable().rows.filter(
      ({ first, last }) =>
        compareVersions(first, recorded) <= 0 && (last === undefined || compareVersions(recorded, last) <= 0),
    )
    found = new Map(present.map(({ argument }) => [argument.name, argument]))
    byVersion.set(recorded, found)
  }
  return found
}

/** The versions that have an argument, ascending. Empty: no recorded version has it. */
export function historyOf(name: string): readonly ArgumentHistory[] {
  const ranges: ArgumentHistory[] = []
  const { versions, rows } = readTable()
  for (const { argument, first, last } of rows) {
    if (argument.name !== name) continue
    const previous = ranges.at(-1)
    const follows = previous?.last !== undefined && versions.indexOf(previous.last) + 1 === versions.indexOf(first)
    const start = follows ? (ranges.pop()?.first ?? first) : first
    ranges.push(last === undefined ? { first: start } : { first: start, last })
  }
  return ranges
}

/** The newest recorded version. */
export function newestVersion(): string {
  return readTable().versions.at(-1) ?? ''
}

/** The recorded version whose arguments a version has. */
function recordedVersion(version: string): string {
  const { versions } = readTable()
  const sameMinor = versions.filter((one) => minorOf(one) === minorOf(version))
  const later = sameMinor.find((one) => compareVersions(one, version) >= 0)
  const earlier = versions.findLast((one) => compareVersions(one, version) <= 0)
  return later ?? sameMinor.at(-1) ?? earlier ?? versions[0] ?? version
}

/** Reads the table, once per process. */
function readTable(): ArgumentTable {
  table ??= parseTable(readFileSync(file, 'utf8'))
  return table
}

function parseTable(text: string): ArgumentTable {
  const lines = text.split('\n')
  const versions = (lines.find((line) => line.startsWith('# versions'))?.split('\t')[1] ?? '').split(' ')
  const rows = lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseRow)
  return { versions, rows }
}

function parseRow(line: string): Row {
  const [name = '', first = '', last = '', type = '', fallback = '', choices = '', range = '', aliases = ''] =
    line.split('\t')
  const argument: EngineArgument = {
    name,
    type: argumentType(type.replace(/[^a-z_]/g, '')),
    isList: type.includes('[]'),
    isOptional: type.endsWith('?'),
    choices: words(choices, '|'),
    range: Object.fromEntries(words(range, ' ').map((limit) => [limit.slice(0, 2), Number(limit.slice(3))])),
    aliases: words(aliases, ' '),
    ...(fallback === '' ? {} : { default: fallback }),
  }
  return { argument, first, ...(last === '' ? {} : { last }) }
}

const types: readonly EngineArgument['type'][] = [
  'boolean',
  'flag',
  'integer',
  'size',
  'size_or_auto',
  'number',
  'string',
  'json',
  'json_or_string',
]

function argumentType(name: string): EngineArgument['type'] {
  return types.find((type) => type === name) ?? 'string'
}

function words(text: string, separator: string): readonly string[] {
  return text === '' ? [] : text.split(separator)
}
