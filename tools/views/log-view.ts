import { asksForLines } from '../logs/log-overview.ts'
import type { LogError, LogOverview, LogRow } from '../types.ts'

/** The result of a log tool, as far as the view shows it. */
interface LogResult {
  /** The logs read, joined by `+`. */
  readonly source: string
  readonly window: { readonly start: string; readonly end: string }
  readonly lines: readonly string[]
  readonly findings: readonly LogError[]
  readonly overview: LogOverview
  readonly not_collected?: readonly string[]
  readonly notes?: readonly string[]
}

/** The part of the query that the view repeats. */
interface LogRequest {
  readonly window?: string | undefined
  readonly offset?: number | undefined
  readonly level?: string | undefined
  readonly topics?: readonly string[] | undefined
}

/**
 * The text of the result of a log tool for the model: no line twice, lines unchanged, and repeats counted. It
 * says what it leaves out and how to read that.
 */
export function logView(result: LogResult, request: LogRequest): string {
  const clock = clockOf(result.window.end)
  const { overview, notes = [], not_collected: missing = [] } = result
  const isNarrow = asksForLines(request)
  const head = [
    extentOf(result, request, clock),
    ...missing.map((source) => `${source}: not collected. That no line is here does not mean that nothing happened.`),
    ...notes.map((note) => `Note: ${note}`),
  ]
  const findings = findingsView(result, clock, isNarrow)
  const used = [...head, ...findings].join('\n').length
  const rest = isNarrow ? matchView(result, request, clock, mostCharacters - used) : partsView(result, clock)
  return [...head, ...(isNarrow ? [] : startupView(overview, clock)), ...findings, ...rest].join('\n')
}

/** The view is never longer than this, except for its notes. Half of what a result may have leaves room for characters of several bytes. */
const mostCharacters = 10_000

type Clock = (time: string) => string

/** Times of the day of the end, without date and milliseconds; others with their date. */
function clockOf(end: string): Clock {
  const day = end.slice(0, 10)
  return (time) => (time.startsWith(day) ? time.slice(11, 19) : `${time.slice(0, 10)} ${time.slice(11, 19)}`)
}

/** How many lines there are, and of what time. */
function extentOf({ source, window, overview }: LogResult, request: LogRequest, clock: Clock): string {
  const { total, in_window, first_time, last_time } = overview
  if (total === 0) return `${source}: no lines.`
  const times = first_time === undefined ? '' : `, ${second(first_time)} to ${second(last_time ?? first_time)} (UTC)`
  const all = `${source}: ${total} lines${times}. Incident from ${clock(overview.incident_start)}.`
  if (request.window === undefined) return all
  return `${all} Window ${clock(window.start)} to ${clock(window.end)}: ${in_window} of ${total} lines.`
}

function second(time: string): string {
  return `${time.slice(0, 19)}Z`
}

/** Groups of each role that are shown. */
const shownGroups = { cause_candidate: 10, unclassified: 6, cascade: 6, request_error: 2, benign: 4 } as const
/** Characters of a line of each role. */
const shownCharacters = {
  cause_candidate: 420,
  unclassified: 240,
  cascade: 260,
  request_error: 170,
  benign: 140,
} as const
/** Groups of one class of cascades that are shown. */
const shownCascades = 2

/** The findings: role, class, number of lines, times, and the first and the last line. */
function findingsView({ findings, overview }: LogResult, clock: Clock, isNarrow: boolean): string[] {
  const heading = isNarrow ? 'Findings of the whole window (not filtered by topics, level and limit)' : 'Findings'
  if (findings.length === 0) return [`${heading}: none.`]
  const counts = new Map<string, number>()
  const next = (key: string) => {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count
  }
  const shown = new Set(
    findings.filter(({ kind, class: name }) => {
      if (kind === 'cascade' && next(`${kind} ${name}`) > shownCascades) return false
      return next(kind) <= shownGroups[kind]
    }),
  )
  const left = new Map<string, number>()
  for (const finding of findings) {
    const key = `${finding.kind} ${finding.class}`
    if (!shown.has(finding)) left.set(key, (left.get(key) ?? 0) + 1)
  }
  const others = [...left].map(([key, count]) => (count === 1 ? key : `${count} × ${key}`)).join(', ')
  const size = findings.length === 1 ? '1 group of lines' : `${findings.length} groups of lines`
  const hasCause = findings.some(({ kind }) => kind === 'cause_candidate')
  const groups = `${size}, ${hasCause ? 'cause candidates first' : 'no cause candidate'}`
  return [
    '',
    `${heading}: ${groups}.`,
    ...withoutRepeats(
      [...shown].flatMap((finding, index) => findingView(finding, index + 1, overview.incident_start, clock, isNarrow)),
    ),
    ...(left.size === 0 ? [] : [`Groups not shown: ${others}. A narrower window shows them.`]),
  ]
}

/** Several lines can state one code. Its meaning is shown once. */
function withoutRepeats(lines: readonly string[]): readonly string[] {
  return lines.filter((line, index) => !line.startsWith('   meaning: ') || lines.indexOf(line) === index)
}

function findingView(finding: LogError, number: number, start: string, clock: Clock, isNarrow: boolean): string[] {
  const { kind, class: name, count, first_time, last_time, line, last_line, detail } = finding
  const times = first_time === undefined ? '' : `, ${clock(first_time)}`
  const isSpan = last_time !== undefined && first_time !== undefined && clock(last_time) !== clock(first_time)
  const until = isSpan ? ` to ${clock(last_time)}` : ''
  const early = last_time !== undefined && last_time < start ? ' (before the incident)' : ''
  const title = `${number}. ${kind} ${name}, ${count} ${count === 1 ? 'line' : 'lines'}${times}${until}${early}`
  const isCause = kind === 'cause_candidate' || kind === 'unclassified'
  if (isNarrow && !isCause && kind !== 'cascade') return [title]
  const most = shownCharacters[kind]
  return [
    title,
    `   ${cut(line, most)}`,
    // Lines of one moment differ in ranks and addresses only.
    ...(last_line !== undefined && isCause && isSpan ? [`   last: ${cut(last_line, most)}`] : []),
    ...(detail === undefined ? [] : [`   meaning: ${detail}`]),
  ]
}

const headings: { readonly [part in LogRow['part']]: string } = {
  startup: 'Start of the engine or node',
  around_cause: 'Around the earliest cause candidates',
  rare: 'Rare lines',
  last_of_process: 'Last line of each process (×n: of n processes that end alike)',
  stats: 'Figures that repeat (first, longest queue, last)',
  match: 'Lines',
}

function startupView({ rows }: LogOverview, clock: Clock): string[] {
  const facts = rows.filter(({ part }) => part === 'startup')
  return facts.length === 0
    ? []
    : [
        '',
        `${headings.startup}:`,
        ...facts.map((row) => rowView(row, clock, row.line.includes('non-default args') ? 900 : 330)),
      ]
}

/** The other parts of an overview. */
function partsView({ overview, findings }: LogResult, clock: Clock): string[] {
  const { rows, routine, in_window } = overview
  const parts = (['around_cause', 'rare', 'last_of_process', 'stats'] as const).flatMap((part) => {
    const own = rows.filter((row) => row.part === part)
    return own.length === 0 ? [] : ['', `${headings[part]}:`, ...own.map((row) => rowView(row, clock, 330))]
  })
  const counts = routine.map(({ count, message }) => `${count} × ${JSON.stringify(cut(message, 60))}`).join('; ')
  const more = 'To read lines: topics or offset, with a window such as "10:00/10:05".'
  const covered = [...rows, ...findings].reduce((sum, { count }) => sum + count, 0)
  const left = Math.max(0, in_window - covered)
  const out =
    left === 0 ? '' : `Left out: ${left} of ${in_window} lines${counts === '' ? '' : `, for example ${counts}`}. `
  return [...parts, '', `${out}${more}`]
}

/** The lines that the query asked for, the latest ones if not all fit. */
function matchView(result: LogResult, request: LogRequest, clock: Clock, room: number): string[] {
  const { rows, matching, in_window, lines_from } = result.overview
  const shown: string[] = []
  let left = Math.max(room, 2000)
  let count = 0
  for (const row of rows.toReversed()) {
    const view = rowView(row, clock, 500)
    left -= view.length + 1
    if (left < 0) break
    shown.unshift(view)
    count += row.count
  }
  const from = lines_from === undefined ? '' : `, from ${clock(lines_from)}`
  const filter = [
    ...(request.topics ?? []).map((topic) => JSON.stringify(topic)),
    ...(request.level === undefined ? [] : [`level ${request.level} or above`]),
  ].join(', ')
  const of = filter === '' ? `${in_window} lines` : `${matching} lines with ${filter} (${in_window} lines in all)`
  const next = (request.offset ?? 0) + (count < result.lines.length ? count : result.lines.length)
  const more = next < matching ? ` Earlier lines: "offset": ${next}.` : ''
  const cutShort = count < result.lines.length ? ` Only the latest ${count} of them fit here.` : ''
  return ['', `Lines: ${result.lines.length} of ${of}${from}.${cutShort}${more}`, ...shown]
}

/** One row: the number of equal lines, the time if the line does not state it, and the line. */
function rowView({ line, count, time, last_time }: LogRow, clock: Clock, most: number): string {
  const last = last_time === undefined ? '' : ` to ${clock(last_time)}`
  const repeats = count === 1 ? '' : `[×${count}${last}] `
  const stated = time === undefined || line.slice(0, 160).includes(time.slice(11, 19))
  return `${repeats}${stated ? '' : `${clock(time)} `}${cut(line, most)}`
}

/** The start of a line, with the number of characters that are left out. */
function cut(line: string, most: number): string {
  if (line.length <= most + 30) return line
  return `${line.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')} … [+${line.length - most} characters]`
}
