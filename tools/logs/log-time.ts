import type { ClassifiedLine } from './classify-log-lines.ts'
import { withoutTerminalCodes } from './terminal-codes.ts'

/** A classified line with its time. */
export interface TimedLine extends ClassifiedLine {
  /** Time in Unix milliseconds; `undefined` if it is not known. */
  readonly time: number | undefined
}

/** English abbreviations, as C programs print them. */
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** ISO 8601 anywhere in a line, with a comma or a point before the fraction, and with or without a zone. */
const iso = /(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z\b|[+-]\d\d:?\d\d\b)?/
/** `dmesg -T`, at the start of a line. */
const dmesg = /^\[\w{3} (\w{3})\s+(\d+) (\d\d):(\d\d):(\d\d) (\d{4})\]/
/** syslog and `journalctl`, at the start of a line. */
const syslog = /^(\w{3})\s+(\d+) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\b/
/** vLLM's logger: month, day and time after the level. `kubectl logs --prefix` adds the pod, docker compose the service. */
const vllm =
  /^(?:\[pod\/\S+\]\s+|[\w.-]+\s+\|\s+)?(?:\([^)]*\)\s+)*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?/
/** The same after a prefix of an unknown collector. */
const vllmAnywhere =
  /\b(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? [[\w]/
/** Seconds since boot at the start of a line, with the level of `dmesg -x` or the priority of `dmesg -r`. */
const uptime = /^(?:<\d{1,3}>|\w+\s*:\w+\s*:\s*)?\[\s*\d+\.\d{6}\]/
/** glog of PyTorch and klog of Kubernetes: `[E310 …` and `E0310 …`. */
const glog = /(?:^|[[\s])[IWEF](\d{1,2})(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{1,9})/

/**
 * The time of a log line, in Unix milliseconds.
 *
 * A time at the start of the line takes precedence over a time in its message. vLLM, syslog and glog write no year: it is
 * the year that brings the line closest to `near`. Times without a zone are UTC.
 *
 * @param near a time close to that of the line, in Unix milliseconds.
 * @returns `undefined` if the line states no absolute time, such as the kernel's seconds since boot.
 */
export function timeOf(line: string, near: number): number | undefined {
  return timeOfPlain(withoutTerminalCodes(line), near)
}

function timeOfPlain(line: string, near: number): number | undefined {
  // A time in the message of a line is not the time of the line.
  if (uptime.test(line)) return undefined
  const kernel = dmesg.exec(line)
  if (kernel !== null) return utc(Number(kernel[6]), monthOf(kernel[1]), kernel.slice(2, 6))
  const short = syslog.exec(line)
  if (short !== null && monthOf(short[1]) >= 0) return nearest(monthOf(short[1]), short.slice(2), near)
  const engine = vllm.exec(line)
  if (engine !== null) return nearest(Number(engine[1]) - 1, engine.slice(2), near)
  const absolute = iso.exec(line)
  if (absolute !== null) {
    return utc(Number(absolute[1]), Number(absolute[2]) - 1, absolute.slice(3, 8)) - zoneMilliseconds(absolute[8])
  }
  const embedded = vllmAnywhere.exec(line)
  if (embedded !== null) return nearest(Number(embedded[1]) - 1, embedded.slice(2), near)
  const google = glog.exec(line)
  return google === null ? undefined : nearest(Number(google[1]) - 1, google.slice(2), near)
}

/** Month from 0; -1 if the word is not a month. */
function monthOf(name: string | undefined): number {
  return months.indexOf(name ?? '')
}

/** Offset of a zone such as `+02:00` from UTC. */
function zoneMilliseconds(zone = 'Z'): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? []
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}

/** The time in the year that brings it closest to `near`. */
function nearest(month: number, parts: readonly (string | undefined)[], near: number): number {
  const year = new Date(near).getUTCFullYear()
  const candidates = [year - 1, year, year + 1].map((candidate) => utc(candidate, month, parts))
  return candidates.reduce((best, time) => (Math.abs(time - near) < Math.abs(best - near) ? time : best))
}

/** @param parts day, hour, minute, second and optionally the fraction of a second, as decimal digits. */
function utc(year: number, month: number, parts: readonly (string | undefined)[]): number {
  const [day = 1, hour = 0, minute = 0, second = 0] = parts.slice(0, 4).map(Number)
  const milliseconds = Number((parts[4] ?? '').padEnd(3, '0').slice(0, 3))
  return Date.UTC(year, month, day, hour, minute, second, milliseconds)
}
