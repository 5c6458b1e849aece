import type { TimedLine } from './log-time.ts'

/** Longest outage of a link that is short, in seconds. TCP and NCCL over InfiniBand send again for longer than this. */
const longestOutage = 10
/** A link that goes down more often than this within an hour is unstable. */
const mostOutages = 3

/** A line about the state of a link, e.g. `mlx5_core 0000:9a:00.1 ens3f1np1: Link down`, with the device before it. */
const linkState = /^(.{1,200}?)\b(?:NIC )?Link (?:is |status definitely )?(down|up)\b(?: for interface ([\w.-]+))?/i
/** Seconds since the start, as the kernel writes them. */
const sinceBoot = /^(?:kernel: )?\[\s*(\d{1,12}\.\d{1,9})\]/

/** An outage of a link. Times are in seconds. */
interface Outage {
  /** Index of the line that reports it. */
  readonly line: number
  readonly from: number
  /** Absent if the link did not come up again. */
  readonly to?: number
}

/**
 * Takes back that a short outage of a network link is a cause: links of unused ports do that, and connections survive it.
 * The line is shown as unclassified, because it may still have delayed something. A link that stays down, or goes down again
 * and again, is a cause.
 *
 * @returns the lines of the log in the same order.
 */
export function withShortOutages<Line extends TimedLine>(lines: readonly Line[]): readonly Line[] {
  const outages = outagesOf(lines)
  if (outages.size === 0) return lines
  const seconds = new Map<number, number>()
  for (const ofLink of outages.values()) {
    for (const { line, from, to } of ofLink) {
      const near = ofLink.filter((other) => Math.abs(other.from - from) < 3600)
      if (to !== undefined && to - from <= longestOutage && near.length <= mostOutages) seconds.set(line, to - from)
    }
  }
  return lines.map((line, index) => {
    const outage = seconds.get(index)
    if (outage === undefined || line.kind !== 'cause_candidate') return line
    const detail = `The link was up again after ${outage.toFixed(0)} s.`
    return { ...line, kind: 'unclassified' as const, detail }
  })
}

/** The outages of each link, by its device. */
function outagesOf(lines: readonly TimedLine[]): ReadonlyMap<string, readonly Outage[]> {
  const outages = new Map<string, Outage[]>()
  lines.forEach((entry, index) => {
    const found = linkState.exec(entry.message)
    if (found === null) return
    const seconds = secondsOf(entry)
    if (seconds === undefined) return
    const [, before = '', state = '', of = ''] = found
    const device = `${before} ${of}`
    const ofLink = outages.get(device) ?? []
    if (state.toLowerCase() === 'down') {
      ofLink.push({ line: index, from: seconds })
      outages.set(device, ofLink)
      return
    }
    const last = ofLink.at(-1)
    if (last !== undefined && last.to === undefined) ofLink[ofLink.length - 1] = { ...last, to: seconds }
  })
  return outages
}

/** Time of a line in seconds since any fixed time. */
function secondsOf({ line, time }: TimedLine): number | undefined {
  const boot = sinceBoot.exec(line)?.[1]
  if (boot !== undefined) return Number(boot)
  return time === undefined ? undefined : time / 1000
}
