import { isObject, parseJson } from '../../router/json/json.ts'
import type { LogErrorKind } from '../types.ts'
import { type Xid, xidIn } from '../xid-catalogue.ts'
import { type LogLevel, levelNamed, levelOfPriority, statedLevel } from './log-level.ts'
import { logRules } from './log-rules.ts'

/** A log line with its level and, if it reports a failure, the class of the failure. */
export interface ClassifiedLine {
  /** The line, unchanged. */
  readonly line: string
  /** Level that the line states. Without one: `error` or `warning` for a failure, otherwise `info`. */
  readonly level: LogLevel
  /** The line without timestamps, process ids and source positions. */
  readonly message: string
  /** Role of the line in a failure; absent if it does not report one. */
  readonly kind?: LogErrorKind
  /** Class of the failure, e.g. `linux_oom_kill`; `other` for an error that no rule covers. */
  readonly class?: string
  /** Meaning of a code in the line: of an Xid, with the action that NVIDIA asks for, or of an InfiniBand status. */
  readonly detail?: string
}

/**
 * Classifies log lines of vLLM (V0 and V1), Ray, NCCL, CUDA, PyTorch, the kernel (dmesg, kmsg), the systemd journal and
 * Kubernetes.
 *
 * The prefixes of a line are removed from the outside in:
 *
 *     2026-02-17T14:00:10.1Z stderr F (EngineCore_DP0 pid=271) ERROR 02-17 14:00:10 [core.py:96] CUDA out of memory
 *     └── log collector ────────────┘ └── program: process, level, time, source ────────────────┘ └── message ────┘
 *
 * The message, or the whole line, is then compared with the rules and with NVIDIA's Xid catalogue. Each line is classified
 * on its own. Lines of a traceback are never failures: the line that they continue is.
 */
export function classifyLogLines(lines: readonly string[]): ClassifiedLine[] {
  return lines.map(classifyLine)
}

/** Only the start of a longer line is examined, so that the cost of a hostile line is limited. */
const examinedCharacters = 4096
/** A JSON record must be parsed as a whole and can contain a traceback, so its limit is higher. */
const recordCharacters = 65_536

/** Lines of a Python traceback or a C++ backtrace, and the hints that PyTorch prints after an error. */
const continuation =
  /^\s*(?:File "|Traceback|\^|raise |return |self\.|frame #\d+|Exception raised from|what\(\):)|^\s{2,}|^\s*$|^(?:The above exception was|During handling of the above|CUDA kernel errors might be|For debugging consider|Compile with `TORCH_USE_CUDA_DSA`|Device-side assertion tracking|\[?Previous line repeated)/

function classifyLine(line: string): ClassifiedLine {
  const examined = withoutColours(line.slice(0, examinedCharacters))
  const unwrapped = withoutCollector(examined)
  const structured = unwrapped.startsWith('{')
    ? structuredLine(withoutCollector(line.slice(0, recordCharacters)))
    : undefined
  const ownLine =
    structured === undefined ? unwrapped : withoutColours(structured.text.slice(0, examinedCharacters)).trimEnd()
  // The level from the program takes precedence over the level from the log collector.
  const stated = statedLevel(ownLine) ?? structured?.level ?? statedLevel(examined)
  const text = messageOf(ownLine)
  const shortened = structured === undefined && line.length > examinedCharacters
  const message = shortened ? messageOf(withoutCollector(withoutColours(line))) : text
  const finding = continuation.test(text) ? undefined : (xidFinding(ownLine) ?? ruleFinding(text, examined))
  if (finding !== undefined) {
    const level = stated ?? (finding.kind === 'benign' ? 'warning' : 'error')
    return { line, level, message, ...finding }
  }
  // Lines of a traceback repeat the level of the error, but are not errors of their own.
  const unexplained = (stated === 'error' || stated === 'critical') && !continuation.test(text)
  // An error that no rule covers may be the cause, so it is reported, with the class "other".
  return unexplained
    ? { line, level: stated, message, kind: 'cause_candidate', class: 'other' }
    : { line, level: stated ?? 'info', message }
}

/** The first rule that matches the message or, for prefixes that belong to a rule, the whole line. */
function ruleFinding(text: string, line: string) {
  const rule = logRules.find(({ pattern }) => pattern.test(text) || pattern.test(line))
  if (rule === undefined) return undefined
  const detail = ibStatusDetail(text)
  return { kind: rule.kind, class: rule.class, ...(detail === undefined ? {} : { detail }) }
}

/** Prefixes that log collectors add to the lines of other programs. */
const collectors: readonly RegExp[] = [
  /^\[pod\/\S+\] /, // kubectl logs --prefix
  /^[\w.-]+\s+\| /, // docker compose
  /^\d{4}-\d\d-\d\dT\S+\s+std(?:out|err) [FP] /, // container runtime
  /^\d{4}-\d\d-\d\dT\S+Z\s+(?=[([{A-Z])/, // kubectl and docker logs --timestamps
  /^\d{4}-\d\d-\d\d[T ]\S+ \S+ (?!kernel: )[^:\s]+\[\d+\]: /, // journalctl -o short-iso
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?!kernel: )[^:\s]+: /, // journal, syslog
]

/** Prefixes of a message, in the order in which they nest; each is removed at most once. */
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
  // Python with the name of the logger first
  /^\d{4}-\d\d-\d\d [\d:.,]+ - \S+ - (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) - /,
  /^(?:\([^)]*\) )+/, // (EngineCore_DP0 pid=123); further spaces belong to the message
  // vLLM V1 and V0, uvicorn
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]+\]|[\w./-]+:\d+\])\s?)?/,
  /^\[rank\d+\]:\s?/, // torchrun
  /^\[?[IWEF]\d{3,4} \d\d:\d\d:\d\d\.\d+\s+(?:\d+ )?\S+\] /, // klog, glog
  /^\[[IWEF] [\w./]+:\d+\] /, // torch
  /^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (?:TRACE|INFO|WARN|ERROR) /,
]
/**
 * Terminal colours, as Ray and others write them: ESC and, for example, `[36m`. Pasted text often lacks the ESC; syslog
 * and editors replace it with `#033` or `^[`.
 */
const colours = new RegExp(`(?:(?:${String.fromCharCode(27)}|#033|\\^\\[)\\[[\\d;]*m|\\[\\d{1,2}(?:;\\d{1,2})*m)`, 'g')

function withoutColours(line: string): string {
  return line.replace(colours, '')
}

/** A line as its program wrote it, without the prefixes of container runtime, compose, kubectl or journal. */
function withoutCollector(line: string): string {
  return collectors.reduce((text, prefix) => text.replace(prefix, ''), line)
}

/** A line without timestamps, process ids and source positions. */
function messageOf(line: string): string {
  let message = line
  for (const prefix of prefixes) message = message.replace(prefix, '')
  return message.trimEnd()
}

/** A log line that was a JSON object. */
interface StructuredLine {
  readonly text: string
  readonly level: LogLevel | undefined
}

/** Members in which loggers put the message: Python, zap, journald, Docker, structlog. */
const textKeys = ['message', 'msg', 'MESSAGE', 'log', 'event', 'text']
/** Members in which loggers put the level. */
const levelKeys = ['level', 'levelname', 'severity', 'lvl', 'log.level']
/** Members in which loggers put an exception. */
const errorKeys = ['error', 'err', 'exception', 'exc_info']

/** Message and level of a JSON line (Docker, `journalctl -o json`, loggers); `undefined` for any other line. */
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

/** The string members of a JSON object. */
function objectIn(line: string): Map<string, string> | undefined {
  const value = parseJson(line)
  if (!isObject(value)) return undefined
  return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** Class and explanation of a line with an Xid; `undefined` for other lines. */
function xidFinding(text: string) {
  const found = xidIn(text)
  if (found === undefined) return undefined
  const detail = detailOf(found.xid)
  return found.hasCode
    ? { ...classOfXid(found.xid), detail }
    : { kind: 'cause_candidate' as const, class: 'gpu_lost', detail }
}

/** The role of an Xid in a failure follows from the action that the catalogue asks for. */
function classOfXid({ code, action, remedy }: Xid): { readonly kind: LogErrorKind; readonly class: string } {
  // Codes 162 to 165 report power smoothing; the catalogue lists no action for them.
  if (remedy === 'none' || (code >= 162 && code <= 165)) return { kind: 'benign', class: 'xid_informational' }
  // 45 is the cleanup after another Xid; 154 announces the recovery action for another Xid.
  if (action === 'WORKFLOW_XID_45' || action === 'XID_154') return { kind: 'cascade', class: 'xid_following' }
  return { kind: 'cause_candidate', class: 'nvidia_xid' }
}

/** One sentence for people and models; the action keeps the word of the catalogue. */
function detailOf({ code, action, meaning }: Xid): string {
  return `Xid ${code}: ${meaning}. Immediate action in NVIDIA's catalogue: ${action ?? 'none'}.`
}

/** Meanings of InfiniBand work completion statuses (`enum ibv_wc_status` of libibverbs), by number. */
const meanings: { readonly [status: number]: string } = {
  1: 'local length error',
  2: 'local queue pair operation error',
  4: 'local protection error',
  5: 'flushed because of an earlier error',
  8: 'local access error',
  9: 'the remote side refused the request',
  10: 'remote access error',
  11: 'remote operation error',
  12: 'retries exceeded: link, peer, routing or GID',
  13: 'retries exceeded: the receiver was not ready',
  19: 'fatal error',
  20: 'response timeout',
}

/** Meaning of the status in a line of NCCL's InfiniBand transport. Opcode and length are not valid after an error. */
function ibStatusDetail(text: string): string | undefined {
  const found = /NET\/IB.*?(?:with error (\d+)|status=(?:\w+\((\d+)\)|(\d+)))/.exec(text)
  const status = Number(found?.[1] ?? found?.[2] ?? found?.[3] ?? 0)
  const meaning = meanings[status]
  return meaning === undefined ? undefined : `InfiniBand status ${status}: ${meaning}.`
}
