export const logLevels = ['debug', 'info', 'warning', 'error', 'critical'] as const
export type LogLevel = (typeof logLevels)[number]

const names: { readonly [word: string]: LogLevel } = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  NOTICE: 'info',
  WARN: 'warning',
  WARNING: 'warning',
  ERR: 'error',
  ERROR: 'error',
  CRIT: 'critical',
  CRITICAL: 'critical',
  FATAL: 'critical',
}
const vllm = /^(?:\([^)]*\)\s+)*(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/
const nccl = /\bNCCL (TRACE|INFO|WARN|ERROR)\b/
/** dmesg -x: facility and level; klog and logfmt as Kubernetes and containerd write them. */
const decoded = /^\w+\s*:(debug|info|notice|warn|err|crit|alert|emerg)\s*:/
const klog = /\]: ([IWEF])\d{4} \d\d:\d\d:\d\d/
const logfmt = /\blevel=(debug|info|warn|warning|error|fatal)\b/

const klogLetters: { readonly [letter: string]: LogLevel } = { I: 'info', W: 'warning', E: 'error', F: 'critical' }

/** The level that a line states itself; `undefined` for one that states none, e.g. of a traceback or of dmesg. */
export function statedLevel(line: string): LogLevel | undefined {
  const word = (vllm.exec(line) ?? nccl.exec(line) ?? logfmt.exec(line) ?? decoded.exec(line))?.[1]?.toUpperCase()
  if (word === 'ALERT' || word === 'EMERG') return 'critical'
  return word === undefined ? klogLetters[klog.exec(line)?.[1] ?? ''] : names[word]
}
