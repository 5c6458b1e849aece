import type { LogErrorKind } from '../types.ts'
import { catalogueState, lastCatalogueCode, type Xid, xidIn, xidOf } from '../xid-catalogue.ts'

/** Role, class and explanation of a line with an Xid. */
interface XidFinding {
  readonly kind: LogErrorKind
  readonly class: string
  readonly detail: string
}

/** Class and explanation of a line with an Xid; `undefined` for other lines. */
export function xidFinding(text: string): XidFinding | undefined {
  const found = xidIn(text)
  if (found === undefined) return undefined
  const detail = [detailOf(found.xid), ...precedenceOf(found.xid, text), ...statedBy(text, found.xid)].join(' ')
  return found.hasCode
    ? { ...classOfXid(found.xid, text), detail }
    : { kind: 'cause_candidate', class: 'gpu_lost', detail }
}

/** The role of an Xid in a failure follows from the actions that the catalogue asks for. */
function classOfXid(xid: Xid, text: string): { readonly kind: LogErrorKind; readonly class: string } {
  if (xid.ignorable) return { kind: 'benign', class: 'xid_informational' }
  // 45 is the cleanup after another Xid; 154 announces the recovery action for another Xid.
  if (xid.action === 'WORKFLOW_XID_45' || xid.action === 'XID_154') return { kind: 'cascade', class: 'xid_following' }
  // Nothing to do at once, but NVIDIA wants the event to be examined: not certainly a cause, and not harmless.
  const harmless = xid.remedy === 'none' || (xid.action === undefined && quiet.has(xid.code))
  const nonFatal = xid.action === 'WORKFLOW_NVLINK5_ERR' && /\bNon-?fatal\b/i.test(text)
  if (harmless || nonFatal) return { kind: 'unclassified', class: 'xid' }
  return { kind: 'cause_candidate', class: 'xid' }
}

/** Codes without an action that report a state, not a failure: power smoothing, a silent stop, corrected PCIe errors. */
const quiet: ReadonlySet<number> = new Set([162, 163, 164, 165, 174, 176])

/** One sentence for people and models; the action keeps the word of the catalogue. */
function detailOf(xid: Xid): string {
  if (!xid.known) return `Xid ${xid.code} is ${notInCatalogue}; its meaning and action are unknown.`
  return `Xid ${xid.code}: ${xid.meaning}. ${adviceFor(xid)}`
}

const notInCatalogue = `not in NVIDIA's catalogue of ${catalogueState}`

function adviceFor({ code, action, ignorable }: Xid): string {
  if (code > lastCatalogueCode) {
    return `The code is newer than NVIDIA's catalogue of ${catalogueState}, which states no action for it.`
  }
  if (action === undefined) return `NVIDIA's catalogue of ${catalogueState} states no action.`
  const later = action === 'IGNORE' && !ignorable ? ' NVIDIA wants it to be examined later.' : ''
  return `Immediate action in NVIDIA's catalogue: ${action}${wordsOf(action)}.${later}`
}

/** The words for an action that names a procedure of the catalogue. */
function wordsOf(action: NonNullable<Xid['action']>): string {
  const words = procedures[action]
  return words === undefined ? '' : ` (${words})`
}

const procedures: { readonly [action in NonNullable<Xid['action']>]?: string } = {
  WORKFLOW_XID_48: 'drain the GPU and reset it, which also replaces a row that is marked for remapping',
  WORKFLOW_XID_45: 'follow the Xid that came before on this GPU',
  WORKFLOW_NVLINK_ERR: 'take the node out of service and examine its NVLinks',
  WORKFLOW_NVLINK5_ERR: 'take the node out of service and examine its NVLinks',
  XID_154: 'do what the line itself says',
}

/** Advice for a line with Xid 94 whose GPU reports no other Xid. */
export const withoutOthers =
  'If the same GPU also reports Xid 63 (pending remap) or Xid 154, their reset comes first: a restart is not enough.'

/** Which code of one GPU decides: a row that waits for a reset, or a recovery action, is stronger than a restart. */
function precedenceOf({ code }: Xid, text: string): readonly string[] {
  if (code === 63 && /reset gpu to activate/i.test(text)) {
    return ['The row is replaced only when the GPU is reset; until then the remap is pending.']
  }
  if (code !== 94) return []
  return [withoutOthers]
}

/** Statements of the driver itself: the recovery action of Xid 154, the cause of Xid 45, the severity of an NVLink error. */
function statedBy(text: string, { code, action }: Xid): readonly string[] {
  const recovery = code === 154 ? recoveryIn(text) : undefined
  if (recovery !== undefined) {
    return [`The driver changed its recovery action from "${recovery.from}" to "${recovery.to}".`]
  }
  const previous = /caused by previous Xid (\d{1,6})\b/i.exec(text)?.[1]
  if (previous !== undefined) {
    const { known, meaning } = xidOf(Number(previous))
    return [`The driver names the cause: the earlier Xid ${previous} (${known ? meaning : notInCatalogue}).`]
  }
  const severity = action === 'WORKFLOW_NVLINK5_ERR' ? /\b(Non-?fatal|Fatal)\b/i.exec(text)?.[1] : undefined
  return severity === undefined ? [] : [`Severity in the line: ${severity.toLowerCase()}.`]
}

/** The recovery action before and after a line with Xid 154; `undefined` if the line states none. */
export function recoveryIn(line: string): { readonly from: string; readonly to: string } | undefined {
  // With or without the number of the action: "from 0x0 (None) to 0x4 (Drain and Reset)", "from None to Drain and Reset".
  const [, from, to] =
    /recovery action changed from (?:0x[\da-f]+ )?\(?([\w ./-]{1,40}?)\)? to (?:0x[\da-f]+ )?\(?([\w ./-]{1,40})/i.exec(
      line,
    ) ?? []
  return from === undefined || to === undefined ? undefined : { from, to }
}
