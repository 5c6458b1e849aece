const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const iso = /\b(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?\s*(Z|[+-]\d\d:?\d\d)?/
const vllm = /\b(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b/
const dmesg = /^\[\w{3} (\w{3})\s+(\d+) (\d\d):(\d\d):(\d\d) (\d{4})\]/
const syslog = /^(\w{3})\s+(\d+) (\d\d):(\d\d):(\d\d)\b/

/**
 * The time that a log line states, in Unix milliseconds; `undefined` where it states none.
 *
 * vLLM and syslog leave out the year: it is taken from `near`, so that the line lies within half a year of it. Times
 * without a zone are UTC.
 */
export function timeOf(line: string, near: number): number | undefined {
  const absolute = iso.exec(line)
  if (absolute !== null) {
    const zone = absolute[3] ?? 'Z'
    return Date.parse(
      `${(absolute[1] ?? '').replace(' ', 'T')}.${(absolute[2] ?? '').padEnd(3, '0').slice(0, 3)}${zone}`,
    )
  }
  const kernel = dmesg.exec(line)
  if (kernel !== null) return utc(Number(kernel[6]), months.indexOf(kernel[1] ?? ''), kernel.slice(2))
  const short = syslog.exec(line)
  if (short !== null && months.includes(short[1] ?? ''))
    return nearest(months.indexOf(short[1] ?? ''), short.slice(2), near)
  const engine = vllm.exec(line)
  return engine === null ? undefined : nearest(Number(engine[1]) - 1, engine.slice(2), near)
}

function nearest(month: number, parts: readonly string[], near: number): number {
  const year = new Date(near).getUTCFullYear()
  const candidates = [year - 1, year, year + 1].map((candidate) => utc(candidate, month, parts))
  return candidates.reduce((best, time) => (Math.abs(time - near) < Math.abs(best - near) ? time : best))
}

function utc(year: number, month: number, parts: readonly string[]): number {
  const [day = 1, hour = 0, minute = 0, second = 0] = parts.map(Number)
  return Date.UTC(year, month, day, hour, minute, second)
}
