import { xidIn } from '../xid-catalogue.ts'
import type { TimedLine } from './log-time.ts'
import { recoveryIn, withoutOthers } from './xid-finding.ts'

/** Memory errors (48, 64, 94, 95) and the recovery action (154): with one of them, a row remap of the GPU is evidence. */
const withRemap: readonly number[] = [48, 64, 94, 95, 154]
/** Words of another line about a GPU whose row remap waits for a reset. */
const pendingRemap = /remap\w*\b.{0,40}\bpending|pending\b.{0,40}\bremap/i
const address = /\b[\da-f]{4,8}:[\da-f]{2}:[\da-f]{2}\b/i

/** Reports about one GPU. */
interface GpuReports {
  readonly codes: Set<number>
  /** Latest recovery action that Xid 154 announces. */
  recovery?: string
  pending: boolean
}

/**
 * Reads the Xids of one GPU together. Xid 63 alone is informational. On a GPU with a memory error, a recovery action or a
 * pending remap, it is a cause candidate. The explanation of Xid 94 names the stronger action that the same GPU reports.
 *
 * @returns the lines of the log in the same order.
 */
export function withXidsOfGpu<Line extends TimedLine>(lines: readonly Line[]): readonly Line[] {
  const gpus = reportsByGpu(lines)
  if (gpus.size === 0) return lines
  return lines.map((line) => {
    const found = xidOfLine(line)
    const reports = found && gpus.get(found.gpu)
    if (found === undefined || reports === undefined) return line
    const { codes, pending } = reports
    if (found.code === 63 && (pending || withRemap.some((code) => codes.has(code)))) {
      const others = withRemap.filter((code) => codes.has(code)).map((code) => `Xid ${code}`)
      const company = others.length === 0 ? 'a pending remap' : others.join(', ')
      const detail =
        `${line.detail ?? ''} The same GPU also reports ${company}: the remap belongs to that failure.`.trim()
      return { ...line, kind: 'cause_candidate' as const, class: 'xid', detail }
    }
    const stronger = found.code === 94 ? strongerAction(reports) : undefined
    return stronger === undefined ? line : { ...line, detail: line.detail?.replace(withoutOthers, stronger) }
  })
}

/** The action that counts instead of the restart for Xid 94. */
function strongerAction({ codes, recovery, pending }: GpuReports): string | undefined {
  if (recovery !== undefined) {
    return `The same GPU also reports Xid 154: its recovery action "${recovery}" counts, a restart is not enough.`
  }
  if (codes.has(154)) return 'The same GPU also reports Xid 154: its recovery action counts.'
  return codes.has(63) || pending
    ? 'The same GPU also has a row that waits for remapping: a reset of the GPU comes first, a restart is not enough.'
    : undefined
}

function reportsByGpu(lines: readonly TimedLine[]): ReadonlyMap<string, GpuReports> {
  const gpus = new Map<string, GpuReports>()
  const pending = new Set<string>()
  for (const line of lines) {
    const found = xidOfLine(line)
    if (found === undefined) {
      const gpu = pendingRemap.test(line.message) ? address.exec(line.message)?.[0] : undefined
      if (gpu !== undefined) pending.add(keyOf(line.line, gpu))
      continue
    }
    const reports = gpus.get(found.gpu) ?? { codes: new Set(), pending: false }
    gpus.set(found.gpu, reports)
    reports.codes.add(found.code)
    const recovery = found.code === 154 ? recoveryIn(line.line)?.to : undefined
    if (recovery === 'None') delete reports.recovery
    else if (recovery !== undefined) reports.recovery = recovery
    // A recovery action that was taken back asks for nothing.
    if (recovery === 'None') reports.codes.delete(154)
  }
  for (const [gpu, reports] of gpus) reports.pending = pending.has(gpu)
  return gpus
}

/** Code and GPU of a line with an Xid that is a finding; text of users is not. */
function xidOfLine({ kind, line }: TimedLine): { readonly code: number; readonly gpu: string } | undefined {
  if (kind === undefined) return undefined
  const found = xidIn(line)
  return found?.gpu === undefined ? undefined : { code: found.xid.code, gpu: keyOf(line, found.gpu) }
}

/** Addresses are unique within one host. Lines of dmesg do not name it. */
function keyOf(line: string, gpu: string): string {
  const host = /(\S{1,255}) kernel: /.exec(line)?.[1] ?? ''
  return `${host} ${gpu.toLowerCase().replace(/^0{4}(?=[\da-f]{4}:)/, '')}`
}
