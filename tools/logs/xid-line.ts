import type { LogErrorKind } from '../documents.ts'
import { type Xid, xidOf } from '../xid-catalogue.ts'

/** With and without `PCI:`, with a bus id of any length; the code follows the bracket. */
const line = /NVRM: Xid \([^)]{0,60}\): (\d{1,4})\b/

export interface XidFinding {
  readonly kind: LogErrorKind
  readonly class: string
  readonly detail: string
}

/** What a line says by an Xid; `undefined` for a line without one. The word is missing in the two other forms of Xid 79. */
export function xidFinding(text: string): XidFinding | undefined {
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
