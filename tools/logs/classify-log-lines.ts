import type { LogErrorKind } from '../types.ts'
import type { LogLevel } from './log-level.ts'
import { genericCauses, logRules, settingNotice } from './log-rules.ts'
import { PlainLines } from './plain-lines.ts'
import { isContinuation, TracebackReader } from './traceback.ts'
import { startsRecord, unwrapLine } from './unwrap-line.ts'
import { promptLines } from './user-text.ts'
import { xidFinding } from './xid-finding.ts'

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
  /** Class of the failure, e.g. `linux_oom_kill`; `other` for an abnormal line that no rule covers. */
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
 * The message, or the whole line, is then compared with the rules and with NVIDIA's Xid catalogue. An abnormal line that
 * no rule covers is `unclassified`; it is a cause candidate if the program calls it an error and its words report a
 * failure. Lines of a traceback are never failures: the line that they continue is. Text of users, such as prompts, is
 * never examined.
 */
export function classifyLogLines(lines: readonly string[]): ClassifiedLine[] {
  const prompts = promptLines(lines, startsRecord)
  const tracebacks = new TracebackReader()
  const plainLines = new PlainLines(logRules.map(({ pattern }) => pattern))
  return lines.map((line, index) => {
    const isPrompt = prompts.has(index)
    // In a traceback, the role of a line depends on the lines before it.
    const found = isPrompt || tracebacks.isOpen ? undefined : plainLines.find(line)
    return found === undefined ? classifyLine(line, isPrompt, tracebacks, plainLines) : { line, ...found }
  })
}

function classifyLine(
  line: string,
  isPrompt: boolean,
  tracebacks: TracebackReader,
  plainLines: PlainLines,
): ClassifiedLine {
  const { level: stated, message, text, record, process } = unwrapLine(line)
  const plain = { line, level: stated ?? 'info', message } as const
  // Both are read, because a prompt must not change the state of a traceback.
  if (isPrompt || tracebacks.reads(process, text) || isContinuation(text)) return plain
  const finding = xidFinding(record) ?? ruleFinding(text, record, stated) ?? abnormal(text, record, stated)
  if (finding === undefined) {
    plainLines.add(line, plain.level, message)
    return plain
  }
  return { line, level: stated ?? levelOf(finding.kind), message, ...finding }
}

/** Level of a line that states none. */
function levelOf(kind: LogErrorKind): LogLevel {
  if (kind === 'unclassified') return 'info'
  return kind === 'benign' ? 'warning' : 'error'
}

/** Role, class and explanation of a line. */
interface Finding {
  readonly kind: LogErrorKind
  readonly class: string
  readonly detail?: string
}

/** Reports of a parent process that can quote the failure of its child. */
const quoting: ReadonlySet<string> = new Set(['worker_died', 'engine_dead', 'ray_task', 'exited', 'server_error'])
/** Source files of the API server that handle one request. */
const requestSource =
  /[\s[](?:[\w.-]+\/)*(?:\w*serving\w*|\w*_tool_parser|\w*_reasoning_parsers?|\w*chat_utils|exception(?:_handler)?s?|vllm_error|validation|http|protocol|preprocess|\w*renderer\w*|\w*parser_manager|api_router|connection|speech_to_text|hf|mistral|inkling|audio|video|image)\.py:\d+\]/
/** Source files of KV connectors. */
const connectorSource =
  /\[(?:[\w.-]+\/)*\w*(?:nixl|mooncake|lmcache|moriio|kv_connector|p2p_nccl|ucx|hf3fs)\w*(?:\/\w+)*\.py:\d+\]/i
/** Words that make a sentence a warning about what could happen. */
const hypothetical =
  /\b(?:may|might|could(?! not)|can(?!'t| not)|would|to avoid|to prevent|if you (?:see|encounter|run into)|in case of|such as)\b[^.?!]{0,100}$/i

/** The first rule that matches the message or, for prefixes that belong to a rule, the whole line. */
function ruleFinding(text: string, record: string, stated: LogLevel | undefined): Finding | undefined {
  const found = logRules.find(({ pattern }) => pattern.test(text) || pattern.test(record))
  if (found === undefined) return undefined
  const rule = quoting.has(found.class) ? (quotedCause(text) ?? found) : found
  // A connector tries again, or another engine takes over.
  const quiet = stated === 'info' || stated === 'debug'
  if (rule.class === 'kv_connector' && quiet) return undefined
  if (rule.kind !== 'cause_candidate') return { kind: rule.kind, class: rule.class }
  if (genericCauses.has(rule.class)) {
    if (quiet) return undefined
    if (requestSource.test(record)) return { kind: 'request_error', class: 'request_error' }
    if (stated === 'warning' && rule.class === 'exception') return { kind: 'unclassified', class: rule.class }
  }
  const severe = stated === 'error' || stated === 'critical'
  const before = text.slice(0, rule.pattern.exec(text)?.index ?? 0)
  if (!severe && (hypothetical.test(before) || recovers.test(text))) return { kind: 'unclassified', class: 'other' }
  const detail = ibStatusDetail(text)
  return { kind: rule.kind, class: rule.class, ...(detail === undefined ? {} : { detail }) }
}

/** The rule of a certain cause that a parent process quotes, e.g. `Worker failed with error 'CUDA out of memory'`. */
function quotedCause(text: string) {
  return logRules.find(
    ({ kind, class: name, pattern }) => kind === 'cause_candidate' && !genericCauses.has(name) && pattern.test(text),
  )
}

/** Words of a sentence that reports a failure. */
const failure =
  /(?<![A-Za-z])(?:errors?|fail(?:ed|ure|ures|ing|s)?|fatal|unable|cannot|can't|couldn't|could not|not (?:found|responding|available|supported|match|healthy|ready)|unhealthy|don't match|invalid|abort(?:ed|ing)?|time(?:d|s)? ?out|exceed(?:ed|s)?|denied|refused|mismatch|unsupported|missing|lost|dead|died|corrupt(?:ed|ion)?|unexpected(?:ly)?|exception|crash(?:ed|es)?|hang|hung|stuck|panic|illegal|insufficient|not enough|no such|(?:link|is|went) down|overflow|killed|unreachable|degraded|rejected|incomplete|returned -\d+|errno)(?![A-Za-z])|: -\d+$/i

/** Words of a warning that something did fail, not that it is missing or not supported. */
const finalFailure =
  /\b(?:fail(?:ed|ure)|lost|refused|timed out|unreachable|unhealthy|not responding|died|crashed|corrupt(?:ed|ion)?)\b/i

/** The program goes on after the error. */
const recovers = /\b[Rr]etrying (?:in|after|with|\d)|\bwill retry\b|[;,] (?:retrying|continuing)\b/

/** Lines of the kernel and of services of the host, whose normal start reports failures; and headings. */
const system =
  /^(?:<\d|\d+,\d+,|\[\s*\d+\.\d+\]|\[\w{3} \w{3} )|\bkernel:|\b(?!vllm|python|ray|multipathd|nvidia|nv-|dcgm|smartd|mdadm|opensm|iscsid|dockerd|containerd|slurm)[\w.@-]+\[\d+\]: |^(?:ACPI|EDAC|ERST|PCI|pci|nvme|NVRM|nvidia|mlx\d_|amdgpu|\{\d+\})|:$/
/** Forms in which a line without a level states that something failed. "Error" alone can be a part of any sentence. */
const statedFailure =
  /\b(?:fail(?:ed|s)|fatal|unable to|cannot|can't|couldn't|could not|not (?:found|responding|supported|healthy|ready|permitted|enough)|no such|timed? ?out|times out|denied|refused|unreachable|mismatch|corrupt(?:ed|ion)?|lost|insufficient|illegal|invalid|hung|unhealthy|unsupported|exceeded)\b|\berror(?:!|\.(?:\s|$))|\berrors?\b(?: [\w-]+){0,3}:|: error\b|\berror (?:\d|code|from|in|during|while|occurred|[a-z]+ing)\b|: -\d+$/i
/** Lines that are data and not a message: comments, commands, JSON, tables of kubectl, metrics. */
const listing =
  /^(?:[#{"|`]|[+$>] |\S+\s+\d+\/\d+\s|[A-Za-z_:][\w:]*(?:\{[^}]*\})? [\d.eE+-]+$|usage: |[\w-]+(?:==|>=)\d)/
/** Words of a report that something stopped or waits, mostly because of an earlier failure. */
const consequence =
  /\b(?:abort(?:ed|ing)?|killed|killing|dead|died|exit(?:ed|ing|s)?|terminat\w+|crashed|cancel\w+|shut(?:ting)? ?down|stopp(?:ed|ing)|restart\w*|waiting|skipp\w+|ignor\w+)\b/i

/** Counts of zero and settings that name a failure: "no errors", "timeout=30", "fail_fast: false". */
const harmless =
  /\b(?:no|zero|0|without(?: any)?)\s+(?:[\w-]+\s+){0,2}(?:errors?|failures?|exceptions?|failed|timeouts?)\b|\b(?:failed|lost|dropped|errors?|failures?)(?: \w+)?\s?[:=]\s?0\b|\btime_?out (?:of|is|set|in|\d)|\b(?:with|using|default) (?:a |the )?time_?out\b|\b\w{1,80}_\w{1,80}\b(?!\s?[:=])|[\w-]{0,40}(?:error|fail|time_?out|retr|abort|invalid|missing|lost|reject|dead)[\w-]{0,40}["']?\s?[:=]\s?["']?(?:\d+(?:\.\d+)?\w*|false|true|none|null|off|on|\[\]|\{\}|n\/a)(?![\w.])/gi
/** The source position of Python's logging. */
const pythonSource = /\.py:\d+[\])]/

/** An abnormal line that no rule covers. It is shown; it is a cause candidate only if it is an error and says so. */
function abnormal(text: string, record: string, stated: LogLevel | undefined): Finding | undefined {
  if (stated === 'info' || stated === 'debug') return undefined
  const reports = failure.test(text) && !recovers.test(text)
  if (stated === undefined) {
    if (!failure.test(text) || /^\s/.test(text)) return undefined
    const uncertain = [listing, consequence, recovers, hypothetical].some((pattern) => pattern.test(text))
    const certain = !uncertain && statedFailure.test(text) && statedFailure.test(text.replace(harmless, ''))
    return { kind: certain && !system.test(record) ? 'cause_candidate' : 'unclassified', class: 'other' }
  }
  if (requestSource.test(record)) return { kind: 'request_error', class: 'request_error' }
  if (stated === 'warning') {
    if (settingNotice.test(text)) return { kind: 'benign', class: 'setting' }
    // vLLM and other Python programs go on after a warning.
    const ended = finalFailure.test(text) && !recovers.test(text) && !hypothetical.test(text)
    const certain = ended && !pythonSource.test(record)
    return { kind: certain ? 'cause_candidate' : 'unclassified', class: 'other' }
  }
  if (reports && connectorSource.test(record)) return { kind: 'cause_candidate', class: 'kv_connector' }
  // Python repeats the lines of a traceback at its level, so there the words decide. A KeyError is only its quoted key.
  const severe =
    reports ||
    (!recovers.test(text) &&
      (/^'[^']+'$/.test(text) || (!pythonSource.test(record) && /^[^{].*?[A-Za-z]{2}[^A-Za-z]+[A-Za-z]{2}/.test(text))))
  return { kind: severe ? 'cause_candidate' : 'unclassified', class: 'other' }
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
