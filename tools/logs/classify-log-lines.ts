import type { LogErrorKind } from '../documents.ts'
import { type LogLevel, statedLevel } from './log-level.ts'
import { logRules } from './log-rules.ts'

export interface ClassifiedLine {
  readonly line: string
  readonly level: LogLevel
  /** The line without timestamps, process ids and source positions. */
  readonly message: string
  /** What the line is in the story of a failure; absent for a line that tells of none. */
  readonly kind?: LogErrorKind
  readonly class?: string
}

const prefixes = [
  /^(?:\([^)]*\)\s+)+/, // (EngineCore_DP0 pid=123)
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \[[^\]]+\]\s?)?/, // vLLM, uvicorn
  /^\w+\s*:\w+\s*:\s*\d{4}-\d\d-\d\dT\S+\s+/, // dmesg -x --time-format iso
  /^\d{4}-\d\d-\d\dT\S+\s+/,
  /^\[\s*(?:\d+\.\d+|\w{3} \w{3}\s+\d+ \d\d:\d\d:\d\d \d{4})\]\s+/, // dmesg, dmesg -T
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d \S+ [^:\s]+: /, // journal, syslog
  /^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ \S+\] /, // klog
]

/**
 * Classifies log lines of vLLM, the kernel, the journal, NCCL, CUDA and torch, one by one.
 *
 * `level` is the one that the line states; a line that states none takes `error` or `warning` from what it says, else
 * `info`. A line of a traceback belongs to the line that it continues and tells of nothing by itself.
 */
export function classifyLogLines(lines: readonly string[]): ClassifiedLine[] {
  return lines.map(classifyLine)
}

/** Of a longer line only the beginning is examined, so that no line, however made, costs much. */
const examinedCharacters = 4096

function classifyLine(line: string): ClassifiedLine {
  const examined = line.slice(0, examinedCharacters)
  const message = messageOf(line)
  const stated = statedLevel(examined)
  const text = message.slice(0, examinedCharacters)
  const rule = logRules.find(({ pattern }) => pattern.test(text) || pattern.test(examined))
  if (rule !== undefined) {
    const level = stated ?? (rule.kind === 'benign' ? 'warning' : 'error')
    return { line, level, message, kind: rule.kind, class: rule.class }
  }
  if (stated === 'error' || stated === 'critical') {
    // An error that no rule knows may be the cause: it is shown, and its class says that nothing is known.
    const continued = /^\s*(?:File "|Traceback|\^|raise |return |self\.)|^\s{2,}|^\s*$/.test(text)
    return continued
      ? { line, level: stated, message }
      : { line, level: stated, message, kind: 'cause_candidate', class: 'other' }
  }
  return { line, level: stated ?? 'info', message }
}

function messageOf(line: string): string {
  let message = line
  for (const prefix of prefixes) message = message.replace(prefix, '')
  return message.trimEnd()
}
