/**
 * What NVIDIA's catalogue of Xid errors asks for at once, by code
 * (docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, as of October 2025).
 */
export type XidAction =
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

export interface Xid {
  readonly code: number
  /** `undefined` where the catalogue names the code and asks for nothing, or does not know it. */
  readonly action: XidAction | undefined
  readonly meaning: string
}

/** `a-b` stands for all codes from a to b. Codes up to 142 that stand nowhere are unused: CONTACT_SUPPORT. */
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

const meanings: { readonly [code: number]: string } = {
  8: 'GPU stopped processing',
  13: 'graphics engine exception',
  31: 'GPU memory page fault',
  32: 'corrupted push buffer stream',
  38: 'driver firmware error',
  43: 'GPU stopped processing after a fault of the application',
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
  167: 'fatal PCIe timeout',
  168: 'reduced memory capacity',
  169: 'internal micro-controller halt',
  171: 'uncorrectable DRAM error, detail of Xid 48',
  172: 'uncorrectable SRAM error, detail of Xid 48',
}

const actionByCode = new Map<number, XidAction>()
for (let code = 1; code <= 142; code++) actionByCode.set(code, 'CONTACT_SUPPORT')
for (const [action, codes] of Object.entries(codesByAction)) {
  for (const range of codes.split(' ')) {
    const [first, last = first] = range.split('-').map(Number)
    for (let code = first ?? 0; code <= (last ?? 0); code++) actionByCode.set(code, action as XidAction)
  }
}

export function xidOf(code: number): Xid {
  const action = actionByCode.get(code)
  const linkError = action === 'WORKFLOW_NVLINK5_ERR' ? 'NVLink 5 error' : undefined
  return { code, action, meaning: meanings[code] ?? linkError ?? (action === undefined ? 'unknown' : 'other error') }
}
