/** Levels of log lines, from low to high. */
export const logLevels = ['debug', 'info', 'warning', 'error', 'critical'] as const
/** Level of a log line. */
export type LogLevel = (typeof logLevels)[number]

/** Words and letters for levels, in upper case. */
const names: { readonly [word: string]: LogLevel } = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  NOTICE: 'info',
  WARN: 'warning',
  WARNING: 'warning',
  ERR: 'error',
  ERRO: 'error',
  ERROR: 'error',
  CRIT: 'critical',
  CRITICAL: 'critical',
  FATAL: 'critical',
  ALERT: 'critical',
  EMERG: 'critical',
  I: 'info',
  W: 'warning',
  E: 'error',
  F: 'critical',
}

/** Words for levels that vLLM, uvicorn and Python use, for the patterns below. */
const word = '(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERRO|ERROR|CRIT|CRITICAL|FATAL)'
/** Forms in which a line states its level; the first group is the level. */
const forms: readonly RegExp[] = [
  // NCCL, anywhere in the line.
  /\bNCCL (TRACE|INFO|WARN|ERROR)\b/,
  // UCX, after the time, the process and the source position.
  /^\[[^\]]{1,40}\] \[[^\]]{1,120}\]\s+\S+\s+UCX\s+(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b/,
  // vLLM, uvicorn and Python's logging, after process names in parentheses or a time.
  new RegExp(`^(?:\\([^)]*\\)\\s+)*${word}\\b`),
  // "2026-02-17 14:00:10,123 ERROR x", also with the level in brackets or after "-" or "|".
  new RegExp(`^\\[?\\d{4}-\\d\\d-\\d\\d[T ][\\d:.,]+(?:Z|[+-]\\d\\d:?\\d\\d)?\\]?\\s+(?:\\[|- |\\| )?${word}\\b`),
  // Other formats of Python's logging: "time - name - ERROR - x", "[time] name: [ERROR] x", "time [name] ERROR x".
  new RegExp(
    `^\\[?\\d{4}-\\d\\d-\\d\\d[T ][\\d:.,]+(?:Z|[+-]\\d\\d:?\\d\\d)?\\]?(?: -)? \\S{1,80} (?:- |\\[)?${word}\\b`,
  ),
  // The same after the name of a program: "vllm[22]: [error] x".
  /\b[\w.-]+\[\d+\]: \[(trace|debug|info|notice|warn|warning|error|crit|critical|alert|emerg|fatal)\]/i,
  // nginx, and loggers that start with the level in brackets.
  /^(?:\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d )?\[(trace|debug|info|notice|warn|warning|error|crit|critical|alert|emerg|fatal)\]/i,
  // Compilers and shells.
  /^(?:[\w./-]{1,80}: )?(error|warning|fatal): /,
  // klog of Kubernetes and glog of PyTorch: a letter before month and day.
  /(?:^|\]: |[[:\]]\[|^\[)([IWEF])(?:\d{3,4}|\d{8}) \d\d:\d\d:\d\d\.\d+/,
  // PyTorch: "[W socket.cpp:697]".
  /^\[([IWEF]) [\w./]+:\d+\]/,
  // logfmt, as Go programs write it.
  /\blevel=(debug|info|warn|warning|error|fatal)\b/i,
  // dmesg -x: facility and level.
  /^\w+\s*:(debug|info|notice|warn|err|crit|alert|emerg)\s*:/,
  // The kernel's own WARNING, after the time of dmesg.
  /^\[[^\]]{1,40}\]\s+(WARNING): /,
  // Python's warnings module.
  /(?:^|[\s.])(?:User|Deprecation|Future|Runtime|Resource)(Warn)ing: /,
  // Any other program: a time in brackets and the level in brackets, or the word in capitals within the first words.
  /^\[[^\]]{1,40}\]\s*\[(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|CRIT|CRITICAL|FATAL)\]/,
  /^(?:[^\s'"{}]{1,80}\s+){0,6}?\[?(WARN|WARNING|ERROR|CRITICAL|FATAL)\]?(?=[:\s])/,
]

/** Levels of the syslog severities 0 to 7. */
const priorities: readonly LogLevel[] = [
  'critical',
  'critical',
  'critical',
  'error',
  'warning',
  'info',
  'info',
  'debug',
]

/** The level with a name or letter, in any case; `undefined` if it is unknown. */
export function levelNamed(name: string): LogLevel | undefined {
  const key = name.toUpperCase()
  return Object.hasOwn(names, key) ? names[key] : undefined
}

/**
 * The level of a syslog priority.
 *
 * @param priority decimal number; its lower three bits are the severity, the others the facility.
 */
export function levelOfPriority(priority: string | undefined): LogLevel | undefined {
  return priority === undefined || !/^\d{1,3}$/.test(priority) ? undefined : priorities[Number(priority) % 8]
}

/** The level that a line states; `undefined` if it states none, e.g. a line of a traceback or of dmesg. */
export function statedLevel(line: string): LogLevel | undefined {
  for (const form of forms) {
    const found = form.exec(line)?.[1]
    if (found !== undefined) return names[found.toUpperCase()]
  }
  // /dev/kmsg and raw syslog: "3,1042,88123000,-;text" and "<3>[ 88.1] text".
  const priority = /^(?:<(\d{1,3})>|(\d{1,3}),\d+,\d+,)/.exec(line)
  return levelOfPriority(priority?.[1] ?? priority?.[2])
}
