import type { LogErrorKind } from '../documents.ts'
import { ibStatusDetail } from './ib-status.ts'
import { type LogLevel, statedLevel } from './log-level.ts'
import { messageOf, withoutCarrier, withoutColours } from './log-prefix.ts'
import { logRules } from './log-rules.ts'
import { structuredLine } from './structured-line.ts'
import { xidFinding } from './xid-line.ts'

export interface ClassifiedLine {
  readonly line: string
  readonly level: LogLevel
  /** The line without timestamps, process ids and source positions. */
  readonly message: string
  /** What the line is in the story of a failure; absent for a line that tells of none. */
  readonly kind?: LogErrorKind
  readonly class?: string
  /** What a catalogue says of the failure: meaning and action of an Xid, meaning of an InfiniBand status. */
  readonly detail?: string
}

/**
 * Classifies log lines of vLLM (V0 and V1), Ray, NCCL, CUDA, torch, the kernel (dmesg, kmsg), the journal and Kubernetes,
 * one by one.
 *
 * `level` is the one that the line states; a line that states none takes `error` or `warning` from what it says, else
 * `info`. A line of a traceback belongs to the line that it continues and tells of nothing by itself.
 */
export function classifyLogLines(lines: readonly string[]): ClassifiedLine[] {
  return lines.map(classifyLine)
}

/** Of a longer line only the beginning is examined, so that no line, however made, costs much. */
const examinedCharacters = 4096
/** A record in JSON is read whole or not at all, and may carry a traceback. */
const recordCharacters = 65_536

/** Lines of a traceback, of a C++ backtrace, and the hints that torch prints below an error. */
const continuation =
  /^\s*(?:File "|Traceback|\^|raise |return |self\.|frame #\d+|Exception raised from|what\(\):)|^\s{2,}|^\s*$|^(?:The above exception was|During handling of the above|CUDA kernel errors might be|For debugging consider|Compile with `TORCH_USE_CUDA_DSA`|Device-side assertion tracking|\[?Previous line repeated)/

function classifyLine(line: string): ClassifiedLine {
  const examined = withoutColours(line.slice(0, examinedCharacters))
  const carried = withoutCarrier(examined)
  const structured = carried.startsWith('{')
    ? structuredLine(withoutCarrier(line.slice(0, recordCharacters)))
    : undefined
  const written =
    structured === undefined ? carried : withoutColours(structured.text.slice(0, examinedCharacters)).trimEnd()
  // What the program says of its own line counts before what its carrier says.
  const stated = statedLevel(written) ?? structured?.level ?? statedLevel(examined)
  const text = messageOf(written)
  const shortened = structured === undefined && line.length > examinedCharacters
  const message = shortened ? messageOf(withoutCarrier(withoutColours(line))) : text
  const finding = continuation.test(text) ? undefined : (xidFinding(written) ?? ruleFinding(text, examined))
  if (finding !== undefined) {
    const level = stated ?? (finding.kind === 'benign' ? 'warning' : 'error')
    return { line, level, message, ...finding }
  }
  const unexplained = (stated === 'error' || stated === 'critical') && !continuation.test(text)
  // An error that no rule knows may be the cause: it is shown, and its class says that nothing is known.
  return unexplained
    ? { line, level: stated, message, kind: 'cause_candidate', class: 'other' }
    : { line, level: stated ?? 'info', message }
}

function ruleFinding(text: string, line: string) {
  const rule = logRules.find(({ pattern }) => pattern.test(text) || pattern.test(line))
  if (rule === undefined) return undefined
  const detail = ibStatusDetail(text)
  return { kind: rule.kind, class: rule.class, ...(detail === undefined ? {} : { detail }) }
}
