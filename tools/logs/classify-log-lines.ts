import type { LogErrorKind } from '../types.ts'
import { type Xid, xidOf } from '../xid-catalogue.ts'
import { type LogLevel, levelNamed, levelOfPriority, statedLevel } from './log-level.ts'
import { logRules } from './log-rules.ts'

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

/** What a carrier of other programs' lines puts before them. */
const carriers: readonly RegExp[] = [
  /^\[pod\/\S+\] /, // kubectl logs --prefix
  /^[\w.-]+\s+\| /, // docker compose
  /^\d{4}-\d\d-\d\dT\S+\s+std(?:out|err) [FP] /, // container runtime
  /^\d{4}-\d\d-\d\dT\S+Z\s+(?=[([{A-Z])/, // kubectl and docker logs --timestamps
  /^\d{4}-\d\d-\d\d[T ]\S+ \S+ (?!kernel: )[^:\s]+\[\d+\]: /, // journalctl -o short-iso
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?!kernel: )[^:\s]+: /, // journal, syslog
]

/** What stands before the message of a line, each form at most so often as lines nest it. */
const prefixes: readonly RegExp[] = [
  /^<\d{1,3}>/, // syslog priority
  /^\d{1,3},\d+,\d+,[^;]{0,40};/, // /dev/kmsg
  /^\w+\s*:\w+\s*:\s*(?=\d{4}-|\[)/, // dmesg -x
  /^\[\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d{4})?\]\s+(?=\S+:\d+:\d+ \[\d+\])/, // NCCL's time
  /^\d{4}-\d\d-\d\dT\S+\s+(?:\S+ [^:\s]+: )?/, // journalctl -o short-iso, dmesg --time-format iso
  /^\d{4}-\d\d-\d\d [\d:.,]+ \S+ kernel: /, // rsyslog
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ [^:\s]+: /, // journal, syslog
  /^\[\s*(?:\d+\.\d+|\w{3} \w{3}\s+\d+ \d\d:\d\d:\d\d \d{4})\]\s+/, // dmesg, dmesg -T
  /^\d{4}-\d\d-\d\d [\d:.,]+\s+(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(?:\S+:\d+ -- )?/, // Ray, Python
  /^\d{4}-\d\d-\d\d [\d:.,]+ \| [A-Z]+\s+\| \S+ - /, // loguru
  // Python, its logger's name first
  /^\d{4}-\d\d-\d\d [\d:.,]+ - \S+ - (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) - /,
  /^(?:\([^)]*\) )+/, // (EngineCore_DP0 pid=123); more blanks than one are the line's own
  // vLLM V1 and V0, uvicorn
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]+\]|[\w./-]+:\d+\])\s?)?/,
  /^\[rank\d+\]:\s?/, // torchrun
  /^\[?[IWEF]\d{3,4} \d\d:\d\d:\d\d\.\d+\s+(?:\d+ )?\S+\] /, // klog, glog
  /^\[[IWEF] [\w./]+:\d+\] /, // torch
  /^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (?:TRACE|INFO|WARN|ERROR) /,
]
/**
 * Colours that Ray and others write: ESC, then for example `[36m`. Of what was pasted, ESC is often lost; syslog and
 * editors write it in characters.
 */
const colours = new RegExp(`(?:(?:${String.fromCharCode(27)}|#033|\\^\\[)\\[[\\d;]*m|\\[\\d{1,2}(?:;\\d{1,2})*m)`, 'g')

function withoutColours(line: string): string {
  return line.replace(colours, '')
}

/** A line as its program wrote it, without what container runtime, compose, kubectl or journal put before it. */
function withoutCarrier(line: string): string {
  return carriers.reduce((text, carrier) => text.replace(carrier, ''), line)
}

/** A line without timestamps, process ids and source positions. */
function messageOf(line: string): string {
  let message = line
  for (const prefix of prefixes) message = message.replace(prefix, '')
  return message.trimEnd()
}

interface StructuredLine {
  readonly text: string
  readonly level: LogLevel | undefined
}

const textKeys = ['message', 'msg', 'MESSAGE', 'log', 'event', 'text']
const levelKeys = ['level', 'levelname', 'severity', 'lvl', 'log.level']
/** What loggers write beside the message when they tell of an exception. */
const errorKeys = ['error', 'err', 'exception', 'exc_info']

/** Message and level of a line in JSON (Docker, `journalctl -o json`, loggers); `undefined` for any other line. */
function structuredLine(line: string): StructuredLine | undefined {
  const fields = objectIn(line)
  if (fields === undefined) return undefined
  const field = (keys: readonly string[]) => keys.map((key) => fields.get(key)).find((value) => value !== undefined)
  const text = field(textKeys)
  if (text === undefined) return undefined
  const error = field(errorKeys)
  return {
    text: error === undefined ? text : `${text}: ${error}`,
    level: levelNamed(field(levelKeys) ?? '') ?? levelOfPriority(fields.get('PRIORITY')),
  }
}

function objectIn(line: string): Map<string, string> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  } catch {
    return undefined
  }
}

/** With and without `PCI:`, with a bus id of any length; the code follows the bracket. */
const line = /NVRM: Xid \([^)]{0,60}\): (\d{1,4})\b/

interface XidFinding {
  readonly kind: LogErrorKind
  readonly class: string
  readonly detail: string
}

/** What a line says by an Xid; `undefined` for a line without one. The word is missing in the two other forms of Xid 79. */
function xidFinding(text: string): XidFinding | undefined {
  const code = line.exec(text)?.[1]
  if (code !== undefined) {
    const xid = xidOf(Number(code))
    return { ...judged(xid), detail: detailOf(xid) }
  }
  if (!/NVRM: .*fallen off the bus/.test(text)) return undefined
  return { kind: 'cause_candidate', class: 'gpu_lost', detail: detailOf(xidOf(79)) }
}

function judged({ code, action }: Xid): { readonly kind: LogErrorKind; readonly class: string } {
  // Codes 162 to 165 tell of power smoothing; the catalogue asks for nothing.
  if (action === 'IGNORE' || (code >= 162 && code <= 165)) return { kind: 'benign', class: 'xid_informational' }
  // 45 cleans up after another Xid, 154 announces what another one asks for.
  if (action === 'WORKFLOW_XID_45' || action === 'XID_154') return { kind: 'cascade', class: 'xid_following' }
  return { kind: 'cause_candidate', class: 'nvidia_xid' }
}

function detailOf({ code, action, meaning }: Xid): string {
  return `Xid ${code}: ${meaning}. Immediate action by NVIDIA's catalogue: ${action ?? 'none'}.`
}

/** Meanings of work completion statuses (`enum ibv_wc_status`), by number. */
const meanings: { readonly [status: number]: string } = {
  1: 'local length error',
  2: 'local queue pair operation error',
  4: 'local protection error',
  5: 'flushed: another error came before',
  8: 'local access error',
  9: 'the remote side refused the request',
  10: 'remote access error',
  11: 'remote operation error',
  12: 'retries exceeded: link, peer, routing or GID',
  13: 'retries exceeded: the receiver was not ready',
  19: 'fatal error',
  20: 'response timeout',
}

/** What the status in a line of NCCL's InfiniBand transport means; opcode and length mean nothing after an error. */
function ibStatusDetail(text: string): string | undefined {
  const found = /NET\/IB.*?(?:with error (\d+)|status=(?:\w+\((\d+)\)|(\d+)))/.exec(text)
  const status = Number(found?.[1] ?? found?.[2] ?? found?.[3] ?? 0)
  const meaning = meanings[status]
  return meaning === undefined ? undefined : `InfiniBand status ${status}: ${meaning}.`
}
