import type { LogOverview, LogRow } from '../types.ts'
import { templateOf } from './group-log-lines.ts'
import type { TimedLine } from './log-time.ts'
import { isContinuation } from './traceback.ts'

// An overview has the lines that a reader needs first: facts of the start of the engine, the lines around the first
// possible cause, rare lines, the last line of each process, and the latest figures. Everything else is counted.

/** The members of a query that ask for certain lines. */
interface LineQuery {
  readonly topics?: readonly string[] | undefined
  readonly level?: string | undefined
  readonly offset?: number | undefined
}

/** Whether a query asks for certain lines and not for an overview. */
export function asksForLines({ topics = [], level, offset }: LineQuery): boolean {
  return topics.length > 0 || level !== undefined || offset !== undefined
}

/**
 * Chooses the lines of an overview from the lines of a window. Lines of findings are left to the findings.
 *
 * @param since start of the incident, in Unix milliseconds. Causes after it are surrounded first.
 */
export function overviewOf(lines: readonly TimedLine[], since: number): Pick<LogOverview, 'rows' | 'routine'> {
  const plain = lines.filter(({ kind, message }) => kind === undefined && message.trim() !== '')
  const forms = formsOf(plain)
  const starting = startupLines(lines)
  const isQuiet = ({ message }: TimedLine) => isAccess(message) || statsOf(message) !== undefined
  const isUsual = (line: TimedLine, most: number) =>
    (forms.get(line)?.count ?? 0) > most || starting.has(line) || isQuiet(line)
  const isRoutine = (line: TimedLine) => isUsual(line, mostRare)
  const chosen = new Map<TimedLine, LogRow['part']>()
  const add = (part: LogRow['part'], some: readonly TimedLine[]) => {
    for (const line of some) if (line.kind === undefined && !chosen.has(line)) chosen.set(line, part)
  }
  add(
    'startup',
    plain.filter(({ message }) => isStartupFact(message)),
  )
  add('stats', latestStats(plain))
  const last = lastOfProcesses(lines).filter(
    ([line]) => line.kind === undefined && !chosen.has(line) && !starting.has(line),
  )
  add('last_of_process', last.flat())
  const causes = firstCauses(lines, since)
  add(
    'around_cause',
    aroundCauses(lines, causes, (line) => isUsual(line, mostRepeats)),
  )
  const cause = lines[causes[0] ?? lines.length]?.time
  const isRare = (line: TimedLine) =>
    !isRoutine(line) && line.level !== 'debug' && !isContinuation(line.message) && !chatter.test(line.message)
  const rare = plain.filter((line) => !chosen.has(line) && isRare(line))
  const early = rare.filter(({ time = 0 }) => cause === undefined || time <= cause + 60_000)
  add('rare', early.slice(-rareRows))
  const rows = foldedRows(chosen, lines).filter(({ part }) => part !== 'last_of_process')
  return {
    // Other lines with the message of a last line are not the last ones.
    rows: [...rows, ...last.flatMap((group) => rowOf('last_of_process', group))],
    routine: routineOf(plain, forms, chosen),
  }
}

/** A message with more lines than this is not rare. */
const mostRare = 2
/** Messages of every start and every end of a server, and its banner. */
const chatter =
  /[█▀▄]|^(?:Shutting down|Waiting for application|Application shutdown complete|(?:Started|Finished) server process)/
/** A report of a failure can come again with each attempt, so lines around a cause may have more. */
const mostRepeats = 10
/** Rows of rare lines. */
const rareRows = 6

/** The value keeps this many rows of a query; the model is shown fewer. */
const mostRows = 200

/** Rows for the lines that a query asked for: equal messages and successful requests are folded. The latest are kept. */
export function matchingRows(lines: readonly TimedLine[]): LogRow[] {
  const rows = new Map<string, TimedLine[]>()
  for (const line of lines) {
    const key = isAccess(line.message) ? 'accessed' : line.message
    const group = rows.get(key)
    if (group === undefined) rows.set(key, [line])
    else group.push(line)
  }
  return [...rows.values()].slice(-mostRows).flatMap((group) => rowOf('match', group))
}

/** Whether a request was answered with success, in the access log of uvicorn. Most lines have no `HTTP/`. */
function isAccess(message: string): boolean {
  return message.includes(' HTTP/') && /"[A-Z]+ \S+ HTTP\/[\d.]+" 2\d\d\b/.test(message)
}

/** Whether a message is a fact about the start: version, arguments, image, memory, sizes, times and addresses. */
function isStartupFact(message: string): boolean {
  return startupFact.test(message) || (message.includes('mage') && imageFact.test(message))
}
const startupFact =
  /^(?:.{0,40} version \d|non-default args|Initializing a V\d LLM engine|Available KV cache memory|GPU KV cache size|Maximum concurrency for|# GPU blocks|Model loading took|init engine |Application startup complete|Chunked prefill is enabled|vLLM is using nccl|Linux version |NVRM: loading |Kernel command line|Command line:)/
const imageFact = /\b(?:image pulled|Successfully pulled image|Pulling image|Container image ")/

/** The start of a message with figures that the engine logs again and again; `undefined` for other messages. */
function statsOf(message: string): string | undefined {
  return /^(?:Engine \d+: Avg prompt|Avg prompt throughput|SpecDecoding metrics|KV Transfer metrics|Speculative metrics)/.exec(
    message,
  )?.[0]
}

/** The last line of each series and, of a single engine, the first one and the one with the longest queue. */
function latestStats(lines: readonly TimedLine[]): TimedLine[] {
  const series = new Map<string, TimedLine[]>()
  for (const line of lines) {
    const key = statsOf(line.message)
    if (key === undefined) continue
    const known = series.get(key)
    if (known === undefined) series.set(key, [line])
    else known.push(line)
  }
  return [...series.values()].flatMap((own) => {
    const last = own.slice(-1)
    if (series.size > 2) return last
    const longest = own.reduce((a, b) => (waiting(b) > waiting(a) ? b : a))
    return [...own.slice(0, 1), longest, ...last]
  })
}

function waiting({ message }: TimedLine): number {
  return Number(/Waiting: (\d+)/.exec(message)?.[1] ?? 0)
}

/** Lines of starts that came to their end. They say nothing about an incident, except for the facts. */
function startupLines(lines: readonly TimedLine[]): ReadonlySet<TimedLine> {
  const found = new Set<TimedLine>()
  let start: number | undefined
  for (const [index, { message }] of lines.entries()) {
    if (start === undefined && isFirstOfStart(message)) start = index
    if (start === undefined || !message.startsWith('Application startup complete')) continue
    // The banner is printed before the version.
    for (const line of lines.slice(Math.max(0, start - 3), index + 1)) found.add(line)
    start = undefined
  }
  return found
}

function isFirstOfStart(message: string): boolean {
  return message.startsWith('non-default args') || (message.includes(' version ') && / version \d+\.\d+/.test(message))
}

/** The lines of a call trace of the kernel that say where it is: process, headings and functions. */
const kernelTrace = /^\s*(?:CPU: \d+ PID: |Call Trace:|(?:\? )?[\w.]+\+0x[\da-f]+\/0x)/
/** Rows around a cause. */
const rowsBefore = 2
const rowsAfter = 6
/** Causes of so many classes are surrounded. */
const surrounded = 2

/** Positions of the first causes, one of each class: those of the incident if there are any, otherwise earlier ones. */
function firstCauses(lines: readonly TimedLine[], since: number): readonly number[] {
  const causes = lines.flatMap(({ kind }, index) => (kind === 'cause_candidate' ? [index] : []))
  const during = causes.filter((index) => (lines[index]?.time ?? since) >= since)
  const first = new Map<string, number>()
  for (const index of during.length > 0 ? during : causes) {
    const name = lines[index]?.class ?? ''
    if (!first.has(name)) first.set(name, index)
  }
  return [...first.values()].slice(0, surrounded)
}

/** The lines before and after causes. */
function aroundCauses(
  lines: readonly TimedLine[],
  causes: readonly number[],
  isRoutine: (line: TimedLine) => boolean,
): TimedLine[] {
  return causes.flatMap((index) => {
    const { time = 0, line: cause = '' } = lines[index] ?? {}
    const near = (line: TimedLine, milliseconds: number) => Math.abs((line.time ?? time) - time) <= milliseconds
    const isPlain = (line: TimedLine) =>
      line.kind === undefined &&
      line.message.trim() !== '' &&
      !isContinuation(line.message) &&
      !chatter.test(line.message)
    const before = lines
      .slice(Math.max(0, index - 60), index)
      .filter((line) => isPlain(line) && near(line, 300_000) && !isRoutine(line))
    const following = lines.slice(index + 1, index + 60).filter((line) => near(line, 60_000))
    const trace = following.filter(({ message }) => kernelTrace.test(message))
    const after = following.filter((line) => isPlain(line) && !isRoutine(line))
    // An exception is the last line of its traceback. The frame that raised it is just before it.
    const frames = lines.slice(Math.max(0, index - 4), index).filter(({ message }) => /^\s+File "/.test(message))
    const around = [before.slice(-rowsBefore), frames.slice(-1), trace.slice(0, rowsAfter), after.slice(0, rowsAfter)]
    return cause === '' ? [] : around.flat()
  })
}

/** The last line of each process of vLLM, e.g. of `(Worker_TP1 pid=305)`, with those of processes that end alike. */
function lastOfProcesses(lines: readonly TimedLine[]): [TimedLine, ...TimedLine[]][] {
  const last = new Map<string, TimedLine>()
  for (const line of lines) {
    if (line.message.trim() === '') continue
    const process = /^(?:\[pod\/\S+\] )?(?:[\w.-]+\s+\| )?(?:\(\w+ pid=\d+[^)]*\) ?)+/.exec(line.line)?.[0]
    if (process !== undefined) last.set(process, line)
  }
  const alike = new Map<string, [TimedLine, ...TimedLine[]]>()
  for (const line of last.values()) {
    const known = alike.get(formOf(line.message))
    if (known === undefined) alike.set(formOf(line.message), [line])
    else known.push(line)
  }
  return [...alike.values()].slice(-8)
}

/** Lines of one form, which differ in numbers and names only. */
interface Form {
  count: number
  readonly example: string
  /** Whether its lines are chatter or continue an error. They are not worth counting. */
  readonly isUsual: boolean
}

/** The form of each line. */
function formsOf(lines: readonly TimedLine[]): ReadonlyMap<TimedLine, Form> {
  const forms = new Map<string, Form>()
  const found = new Map<TimedLine, Form>()
  for (const line of lines) {
    const { message } = line
    const wasAccess = isAccess(message)
    const key = wasAccess ? 'accessed' : (statsOf(message) ?? formOf(message))
    let form = forms.get(key)
    if (form === undefined) {
      const example = wasAccess ? '200 OK' : message.trim().slice(0, 100)
      form = { count: 0, example, isUsual: chatter.test(message) || isContinuation(message) }
      forms.set(key, form)
    }
    form.count += 1
    found.set(line, form)
  }
  return found
}

/** Only the start of a long message is compared. */
const formCharacters = 400

/** A message without its numbers and without the words that contain one. */
function formOf(message: string): string {
  return templateOf(message.slice(0, formCharacters))
    .replace(/[\w#]*#[\w#]*/g, '#')
    .slice(0, formCharacters / 4)
}

/** Forms that are named. */
const namedForms = 5

function routineOf(
  plain: readonly TimedLine[],
  forms: ReadonlyMap<TimedLine, Form>,
  chosen: ReadonlyMap<TimedLine, unknown>,
): LogOverview['routine'] {
  const counts = new Map<Form, number>()
  for (const line of plain) {
    const form = forms.get(line)
    if (form !== undefined && !form.isUsual && !chosen.has(line)) counts.set(form, (counts.get(form) ?? 0) + 1)
  }
  const named = [...counts].sort(([, a], [, b]) => b - a).slice(0, namedForms)
  return named.filter(([, count]) => count > mostRare).map(([{ example }, count]) => ({ message: example, count }))
}

/** Rows in order of the log, one for each message, with the number of its lines in the whole log. */
function foldedRows(chosen: ReadonlyMap<TimedLine, LogRow['part']>, lines: readonly TimedLine[]): LogRow[] {
  const rows = new Map<string, { readonly part: LogRow['part']; readonly lines: TimedLine[] }>()
  for (const line of lines) {
    const part = chosen.get(line)
    if (part !== undefined && !rows.has(line.message)) rows.set(line.message, { part, lines: [] })
  }
  for (const line of lines) rows.get(line.message)?.lines.push(line)
  return [...rows.values()].flatMap(({ part, lines: group }) => rowOf(part, group))
}

function rowOf(part: LogRow['part'], group: readonly TimedLine[]): LogRow[] {
  const [first] = group
  const last = group.at(-1)
  if (first === undefined || last === undefined) return []
  return [
    {
      part,
      line: first.line,
      count: group.length,
      ...(first.time === undefined ? {} : { time: new Date(first.time).toISOString() }),
      ...(group.length === 1 || last.time === undefined ? {} : { last_time: new Date(last.time).toISOString() }),
    },
  ]
}
