import type { LogError } from '../types.ts'
import { classifyLogLines } from './classify-log-lines.ts'
import { withHangs } from './hangs.ts'
import { type TimedLine, timeOf } from './log-time.ts'
import { withShortOutages } from './short-outages.ts'
import { withXidsOfGpu } from './xids-of-gpu.ts'

/** Findings of these roles come first. */
const order: readonly LogError['kind'][] = ['cause_candidate', 'unclassified', 'cascade', 'request_error', 'benign']

/**
 * Classifies log lines and groups those that report a failure by message: messages that differ only in numbers,
 * addresses, ids and times are one group. The order is: cause candidates, unclassified abnormal lines, cascades, request
 * errors, benign lines; within a role, the first line decides. Waits that repeat for minutes without progress are causes:
 * the engine hangs. A short outage of a network link is not a cause.
 *
 * @param near a time close to that of the lines, in Unix milliseconds. vLLM, syslog and glog write no year, so without it
 * the groups of their lines have no times.
 */
export function groupLogLines(lines: readonly string[], near?: number): LogError[] {
  const timed = classifyLogLines(lines).map((entry) => ({ ...entry, time: near && timeOf(entry.line, near) }))
  return groupsOf(withContext(timed))
}

/** Corrects the roles that follow from several lines: hangs, short outages of links, and Xids of one GPU. */
export function withContext<Line extends TimedLine>(lines: readonly Line[]): readonly Line[] {
  return withXidsOfGpu(withShortOutages(withHangs(lines)))
}

/** Groups classified lines, as {@link groupLogLines} does. */
export function groupsOf(lines: readonly TimedLine[]): LogError[] {
  const errors = alikeLines(lines).flatMap(errorOf)
  return errors.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}

/** The lines that report a failure, by role, class and message: lines that differ only in numbers and ids are one group. */
export function alikeLines<Line extends TimedLine>(lines: readonly Line[]): readonly (readonly Line[])[] {
  const groups = new Map<string, Line[]>()
  for (const line of lines) {
    if (line.kind === undefined) continue
    const key = `${line.kind} ${line.class ?? ''} ${templateOf(line.message)}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [line])
    else group.push(line)
  }
  return [...groups.values()]
}

/** The finding of a group. */
function errorOf(group: readonly TimedLine[]): LogError[] {
  const [first] = group
  const last = group.at(-1)
  if (first?.kind === undefined || first.class === undefined) return []
  const times = group.flatMap(({ time }) => (time === undefined ? [] : [time]))
  const earliest = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const latest = times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  return [
    {
      message: first.message,
      kind: first.kind,
      class: first.class,
      line: first.line,
      ...(last === undefined || last.message === first.message ? {} : { last_line: last.line }),
      count: group.length,
      ...(times.length === 0
        ? {}
        : { first_time: new Date(earliest).toISOString(), last_time: new Date(latest).toISOString() }),
      ...(first.detail === undefined ? {} : { detail: first.detail }),
    },
  ]
}

/** Longer messages that agree this far are one group. */
const templateCharacters = 2048

/** A message without its addresses, ids and numbers. */
export function templateOf(message: string): string {
  return message
    .slice(0, templateCharacters)
    .replace(/\b(?:cmpl|chatcmpl|resp|req|embd)-[\w-]+/g, '#')
    .replace(/0x[\da-f]+|\b(?=[a-f]*\d)[\da-f]{8,}\b/gi, '#')
    .replace(/\d+/g, '#')
}
