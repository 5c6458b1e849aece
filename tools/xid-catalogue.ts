/**
 * NVIDIA's catalogue of Xid errors: the errors that the NVIDIA kernel driver writes to the kernel log as
 * `NVRM: Xid (PCI:0000:4b:00): 79, …`.
 *
 * Source: https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, state of 29 October 2025, as mirrored in
 * `catalog_generated.go` of leptonai/gpud. The tables below hold the column "immediate action", the codes whose
 * "investigatory action" is to ignore them too, and shortened descriptions. Codes 173 to 176 are newer: they come from
 * `nverror.h` of NVIDIA's open kernel modules 595.45.04, which names no action. Log classification, the simulation and the incident responder all read this module, so that they cannot
 * disagree about a code.
 */

/** State of the catalogue that this module holds. */
export const catalogueState = '29 October 2025'

/**
 * The immediate action of the catalogue, in its own words. `WORKFLOW_…` and `XID_154` refer to procedures that the
 * catalogue describes in separate sections.
 */
type XidAction =
  | 'RESTART_APP'
  | 'RESET_GPU'
  | 'RESTART_BM'
  | 'RESTART_VM'
  | 'WORKFLOW_XID_48'
  | 'WORKFLOW_XID_45'
  | 'WORKFLOW_NVLINK_ERR'
  | 'WORKFLOW_NVLINK5_ERR'
  | 'XID_154'
  | 'CHECK_MECHANICALS'
  | 'CHECK_UVM'
  | 'UPDATE_SWFW'
  | 'CONTACT_SUPPORT'
  | 'IGNORE'

/**
 * The weakest change of a deployment that carries out an action:
 *
 * - `none`: the code is informational;
 * - `restart_engine`: restart the process that used the GPU;
 * - `reset_gpu`: reset the GPU, which also restarts the process;
 * - `drain_node`: take the node out of service, because only a reboot, a technician or NVIDIA's support can help.
 */
type XidRemedy = 'none' | 'restart_engine' | 'reset_gpu' | 'drain_node'

/** The catalogue's entry for one Xid code. */
export interface Xid {
  /** Number of the error, for example 79. */
  readonly code: number
  /** Immediate action; `undefined` if the catalogue names the code without an action, or does not contain it. */
  readonly action: XidAction | undefined
  /** Remedy that {@link action} asks for; `undefined` without an action, or if it depends on another Xid (45, 154). */
  readonly remedy: XidRemedy | undefined
  /** Whether the catalogue's immediate and investigatory action are both to ignore the error. */
  readonly ignorable: boolean
  /** Whether the catalogue, or the driver's list of codes for 173 to 176, contains the code. */
  readonly known: boolean
  /** Rank of the remedy, for comparing the codes of one burst: 3 `drain_node`, 2 `reset_gpu`, 1 `restart_engine`, else 0. */
  readonly severity: number
  /** Description of the error in a few words. */
  readonly meaning: string
}

/** Codes by action; `a-b` is a range. The catalogue marks codes up to 142 that are missing here as unused: CONTACT_SUPPORT. */
const codesByAction: { readonly [action in XidAction]: string } = {
  RESTART_APP: '8 11 13 25 31 32 39-41 60 68-72 75-77 80 82-86 88 89 94 96-105 126-135 139',
  RESET_GPU: '46 62 64 95 109 110 119 120 136 140 143 155 156 158',
  RESTART_BM: '79',
  RESTART_VM: '151',
  WORKFLOW_XID_48: '48',
  WORKFLOW_XID_45: '45',
  WORKFLOW_NVLINK_ERR: '74',
  WORKFLOW_NVLINK5_ERR: '144-150',
  XID_154: '154',
  CHECK_MECHANICALS: '54',
  CHECK_UVM: '159',
  UPDATE_SWFW: '78',
  CONTACT_SUPPORT: '16 61 142',
  IGNORE: '14 37 38 43 44 63 66 67 92 93 106-108 121 137 141 152 153 157 160 161',
}

/** Descriptions of the codes that incidents show; shortened. */
const meanings: { readonly [code: number]: string } = {
  8: 'GPU stopped processing',
  13: 'graphics engine exception',
  31: 'GPU memory page fault',
  32: 'corrupted push buffer stream',
  38: 'driver firmware error',
  43: 'GPU stopped processing after an error of the application',
  45: 'preemptive cleanup after an earlier error',
  46: 'GPU stopped processing',
  48: 'double-bit ECC error',
  54: 'auxiliary power is not connected',
  62: 'internal micro-controller halt',
  63: 'memory row remapped',
  64: 'memory row could not be remapped',
  69: 'graphics engine class error',
  74: 'NVLink error',
  78: 'vGPU start error',
  79: 'GPU has fallen off the bus',
  92: 'high rate of single-bit ECC errors',
  94: 'contained memory error',
  95: 'uncontained memory error',
  109: 'context switch timeout',
  119: 'timeout of a call to the GPU system processor',
  120: 'error of the GPU system processor',
  121: 'chip-to-chip link error',
  136: 'link training failed',
  137: 'NVLink privilege error',
  140: 'ECC error without recovery',
  143: 'GPU initialisation error',
  154: 'recovery action of the GPU changed because of another Xid',
  156: 'resource retired',
  157: 'resource could not be retired',
  158: 'fatal timeout of the GPU',
  162: 'power smoothing circuit engaged again',
  163: 'power smoothing circuit disengaged',
  164: 'power smoothing circuit near the end of its lifetime',
  165: 'power smoothing circuit at the end of its lifetime',
  166: 'NVLink traffic before its encryption was configured',
  167: 'fatal PCIe timeout',
  168: 'reduced memory capacity',
  169: 'internal micro-controller halt',
  170: 'NVLink interrupt in confidential computing mode',
  171: 'uncorrectable DRAM error, detail of Xid 48',
  172: 'uncorrectable SRAM error, detail of Xid 48',
  173: 'fatal failure of the chip-to-chip link',
  174: 'process stopped without an error of its own',
  175: 'memory subsystem error',
  176: 'correctable PCIe error',
}

/** Codes whose immediate and investigatory action are both to ignore them. */
const ignorable: ReadonlySet<number> = new Set([63, 106, 107])
/** Largest code in the catalogue or in the driver's list. All smaller codes are in one of them. */
const largestCode = 176
/** Largest code in the catalogue. */
export const lastCatalogueCode = 172

/**
 * Remedies of the actions. A double-bit ECC error (48) is answered with a reset: the reset applies the pending row remap.
 * For the actions that only people can carry out, the remedy is to move the load to another node meanwhile.
 */
const remedies: { readonly [action in XidAction]: XidRemedy | undefined } = {
  IGNORE: 'none',
  RESTART_APP: 'restart_engine',
  RESET_GPU: 'reset_gpu',
  WORKFLOW_XID_48: 'reset_gpu',
  RESTART_BM: 'drain_node',
  RESTART_VM: 'drain_node',
  WORKFLOW_NVLINK_ERR: 'drain_node',
  WORKFLOW_NVLINK5_ERR: 'drain_node',
  CHECK_MECHANICALS: 'drain_node',
  CHECK_UVM: 'drain_node',
  UPDATE_SWFW: 'drain_node',
  CONTACT_SUPPORT: 'drain_node',
  // Both only report on another Xid.
  WORKFLOW_XID_45: undefined,
  XID_154: undefined,
}

/** From weak to strong; the index is the severity. */
const bySeverity: readonly XidRemedy[] = ['none', 'restart_engine', 'reset_gpu', 'drain_node']

const actionByCode = readCodes()

/** Expands the ranges of the table into single codes. */
function readCodes(): ReadonlyMap<number, XidAction> {
  const actions = new Map<number, XidAction>()
  for (let code = 1; code <= 142; code++) actions.set(code, 'CONTACT_SUPPORT')
  for (const [action, codes] of Object.entries(codesByAction)) {
    for (const range of codes.split(' ')) {
      const [first, last = first] = range.split('-').map(Number)
      for (let code = first ?? 0; code <= (last ?? 0); code++) actions.set(code, action as XidAction)
    }
  }
  return actions
}

/** Looks up an Xid code. A code that the catalogue does not contain has no action and no remedy: they are not known. */
export function xidOf(code: number): Xid {
  const action = actionByCode.get(code)
  const remedy = action === undefined ? undefined : remedies[action]
  const linkError = action === 'WORKFLOW_NVLINK5_ERR' ? 'NVLink 5 error' : undefined
  return {
    code,
    action,
    remedy,
    ignorable: ignorable.has(code),
    known: code >= 1 && code <= largestCode,
    severity: Math.max(0, bySeverity.indexOf(remedy ?? 'none')),
    meaning: meanings[code] ?? linkError ?? (action === undefined ? 'unknown' : 'other error'),
  }
}

/** An Xid in a log line. */
interface XidMention {
  /** Entry of the catalogue. */
  readonly xid: Xid
  /** The part of the line that reports it, for a quote. */
  readonly text: string
  /** Whether the line has the code. The driver reports a lost GPU (79) in a second line without it. */
  readonly hasCode: boolean
  /** PCI address of the GPU as the line has it, for example `0000:3b:00`; absent in a line without the code. */
  readonly gpu?: string
}

/** With or without `PCI:`, and a bus id of any length; the code follows the parenthesis. */
const xidLine = /NVRM: Xid \((?:PCI:)?([^)]{0,60})\): (\d{1,6})\b/
/** For example `NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.` */
const lostGpuLine = /NVRM: .*?((?:GPU [\w:.]+: GPU has )?fallen off the bus)/

/** The Xid that a line of the kernel log reports; `undefined` for other lines. */
export function xidIn(line: string): XidMention | undefined {
  const coded = xidLine.exec(line)
  if (coded !== null) {
    const [text, gpu = '', code] = coded
    return { xid: xidOf(Number(code)), text, hasCode: true, gpu: gpu.toLowerCase().replace(/\.\d$/, '') }
  }
  const lost = lostGpuLine.exec(line)?.[1]
  return lost === undefined ? undefined : { xid: xidOf(79), text: lost, hasCode: false }
}
