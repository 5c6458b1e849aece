import { isObject, parseJson } from '../../router/json/json.ts'
import { type LogLevel, levelNamed, levelOfPriority, statedLevel } from './log-level.ts'
import { withoutTerminalCodes } from './terminal-codes.ts'
import { withoutUserText } from './user-text.ts'

/** A line without the prefixes that programs and log collectors add. */
export interface UnwrappedLine {
  /** Level that the line states; `undefined` without one. */
  readonly level: LogLevel | undefined
  /** The line without timestamps, process ids and source positions; with indentation. */
  readonly message: string
  /** {@link message} without text of users. Only this and {@link record} are evidence. */
  readonly text: string
  /** The line as its program wrote it, with its prefixes, without text of users. */
  readonly record: string
  /** Processes that the line names, e.g. `(EngineCore pid=271)`. Lines of different processes can alternate. */
  readonly process: string
}

/** Only the start of a longer line is examined, so that the cost of a hostile line is limited. */
const examinedCharacters = 4096
/** A JSON record must be parsed as a whole and can contain a traceback, so its limit is higher. */
const recordCharacters = 65_536

/** Removes the prefixes of a line from the outside in. */
export function unwrapLine(line: string): UnwrappedLine {
  const examined = withoutTerminalCodes(line.slice(0, examinedCharacters))
  const unwrapped = withoutCollector(examined)
  const structured = unwrapped.startsWith('{')
    ? structuredLine(withoutCollector(line.slice(0, recordCharacters)))
    : undefined
  const own =
    structured === undefined ? unwrapped : withoutTerminalCodes(structured.text.slice(0, examinedCharacters)).trimEnd()
  const evidence = withoutUserText(own)
  const shortened = structured === undefined && line.length > examinedCharacters
  return {
    // The level from the program takes precedence over the level from the log collector.
    level: statedLevel(evidence) ?? structured?.level ?? statedLevel(withoutUserText(examined)),
    message: messageOf(shortened ? withoutCollector(withoutTerminalCodes(line)) : own),
    text: messageOf(evidence),
    record: structured === undefined ? withoutUserText(examined) : evidence,
    process: (evidence.match(/\(\w+ pid=\d+\)|\[rank\d+\]/g) ?? []).join(''),
  }
}

/** Whether a line has the prefix of a log record: a time, a process or a level. */
export function startsRecord(line: string): boolean {
  const examined = withoutTerminalCodes(line.slice(0, examinedCharacters))
  return withoutCollector(examined) !== examined || messageOf(examined) !== examined.trimEnd()
}

/** Prefixes that log collectors add to the lines of other programs. */
const collectors: readonly RegExp[] = [
  /^\[pod\/\S+\] /, // kubectl logs --prefix
  /^[\w.-]+\s+\| /, // docker compose
  /^\d{4}-\d\d-\d\dT\S+\s+std(?:out|err) [FP] /, // container runtime
  /^\d{4}-\d\d-\d\dT\S+Z\s+(?=[([{A-Z])/, // kubectl and docker logs --timestamps
  /^\d{4}-\d\d-\d\d[T ]\S+ \S+ (?!kernel: )[^:\s]+\[\d+\]: /, // journalctl -o short-iso
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?!kernel: )[^:\s]+: /, // journal, syslog
  /^<\d{1,3}>1 \d{4}-\S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]]*\]) /, // syslog of RFC 5424
  /^\[\d+,\d+\]<std(?:out|err)>:\s?/, // mpirun
  /^(?!kernel)[a-z][\w.-]{0,60}\[\d+\]: /, // a program of the journal, without time and host
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
  /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?!\[)/, // Go
  /^(?:\([^)]*\) )+/, // (EngineCore_DP0 pid=123); further spaces belong to the message
  // vLLM V1 and V0, uvicorn
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]+\]|[\w./-]+:\d+\])\s?)?/,
  /^(?:\[(?:default|rank)\d+\]:\s?)+/, // torchrun
  /^\[?[IWEF](?:\d{3,4}|\d{8}) \d\d:\d\d:\d\d\.\d+\s+(?:\d+\s+)?\S+\] /, // klog, glog
  /^\[[IWEF] [\w./]+:\d+\] /, // torch
  /^\[\w{3} \d\d \d{4} \d\d:\d\d:\d\d\] \[[A-Z]+\] (?:\[tid \d+\] )?/, // fabric manager
  /^(?:\[\d+\.\d+\] )?\[[^\]]{1,120}\]\s+\S+:\d+\s+UCX\s+[A-Z]+\s+/, // UCX
  /^\[\d{4}-\d\d-\d\d [\d:.,]+\] LMCache [A-Z]+: /, // LMCache
  /^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (?:TRACE|INFO|WARN|ERROR) /,
]
/** Bars that Python draws before the lines of an exception group. */
const exceptionGroup = /^\s*(?:\|\s?|\+-+\s?)+/
/** Start of a line of vLLM, with its processes, after a prefix of an unknown collector. */
const embedded =
  /^[^'"{}]{0,200}?((?:\(\w[^()]{0,60}\) ){0,4}(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [[\w])/

/** A line as its program wrote it, without the prefixes of container runtime, compose, kubectl, journal and the like. */
function withoutCollector(line: string): string {
  const text = collectors.reduce((rest, prefix) => rest.replace(prefix, ''), line).replace(exceptionGroup, '')
  const found = embedded.exec(text)
  const start = (found?.[0].length ?? 0) - (found?.[1]?.length ?? 0)
  // A user's text can contain the start of a line of vLLM.
  return withoutUserText(text.slice(0, start)).length === start ? text.slice(start) : text
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

/** Members in which loggers put the message: Python, zap, journald, Docker, structlog, Google Cloud, OpenTelemetry. */
const textKeys = ['message', 'msg', 'MESSAGE', 'log', 'event', 'text', 'textPayload', 'body', 'line', '@message']
/** Members in which loggers put the level. */
const levelKeys = ['level', 'levelname', 'severity', 'lvl', 'log.level', 'severityText', 'severity_text', 'loglevel']
/** Members in which loggers put an exception. */
const errorKeys = ['error', 'err', 'exception', 'exc_info']
/** Members that contain the record of the program, with members as above. */
const nestedKeys = ['jsonPayload', 'body', 'record', 'log']

/** Message and level of a JSON line (Docker, `journalctl -o json`, loggers); `undefined` for any other line. */
function structuredLine(line: string): StructuredLine | undefined {
  const value = parseJson(line)
  if (!isObject(value)) return undefined
  const nested = nestedKeys.map((key) => value[key]).find(isObject) ?? {}
  // Strings only: the members of the outer record take precedence, because collectors copy them.
  const fields = new Map([nested, value].flatMap((record) => Object.entries(record).filter(isText)))
  const field = (keys: readonly string[]) => keys.map((key) => fields.get(key)).find((text) => text !== undefined)
  const text = field(textKeys)
  if (text === undefined) return undefined
  const error = field(errorKeys)
  return {
    text: error === undefined ? text : `${text}: ${error}`,
    level: levelNamed(field(levelKeys) ?? '') ?? levelOfPriority(fields.get('PRIORITY')),
  }
}

/** Whether a member is a string. */
function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string'
}
