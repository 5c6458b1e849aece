import type { FixAction, FixPlan } from '../../../tools/types.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import { latest, lookUp, quoteText } from './conversation.ts'
import {
  type Diagnosis,
  matchCause,
  type Observations,
  placementNode,
  plan,
  type Rule,
  statedPlans,
} from './observations.ts'

const xid = /NVRM: Xid \([^)]{1,40}\): (\d+)|NVRM: GPU [\w:.]+: GPU has fallen off the bus/

/** Xid errors in the kernel log, answered by the class of the gravest code. */
export const xidRule: Rule = (observed) => {
  const found = observed.causes
    .flatMap(({ result, texts }) =>
      texts.flatMap((text) => {
        const match = xid.exec(text)
        return match === null ? [] : [{ result, text, quote: match[0], code: Number(match[1] ?? 79) }]
      }),
    )
    .sort((a, b) => bySeverity(a.code, b.code))[0]
  const response = found && responseTo(found.code)
  if (found === undefined || response === undefined) return undefined
  return {
    category: 'gpu_hardware',
    rootCause: `The GPU reported Xid ${found.code}, which asks to ${asks[response]}.`,
    evidence: quoteText(found.result, found.quote),
    plans: statedPlans(xidPlans(response, observed, found.text)),
    uncertainties: ['The logs do not tell whether the fault comes back after the fix.'],
  }
}

/** CUDA's own report of an uncorrectable memory error. */
export const eccRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(observed, /uncorrectable ECC error(?: encountered)?/i)
  if (found === undefined) return undefined
  return {
    category: 'gpu_hardware',
    rootCause: 'A GPU has an uncorrectable ECC error: its memory is damaged.',
    evidence: found.evidence,
    plans: statedPlans([drainNode(observed), ...resetGpu(observed, found.text)]),
    uncertainties: ['Which memory row failed is not known; the GPU may have to be replaced.'],
  }
}

/** Moves the engine off its node; `undefined` where the node is not known. */
export function drainNode(observed: Observations): FixPlan | undefined {
  const node = placementNode(observed)
  const drain: FixAction | undefined = node === undefined ? undefined : { action: 'drain_node', node }
  return plan('Drain the node and serve from another one.', [drain], ['The other node needs the same capacity.'])
}

const asks: Readonly<Record<XidResponse, string>> = {
  drain: 'take the GPU out of service',
  reset: 'reset the GPU',
  restart: 'restart the process that uses the GPU',
}

function xidPlans(response: XidResponse, observed: Observations, text: string): readonly (FixPlan | undefined)[] {
  const restart = plan('Restart the engine.', [{ action: 'restart_engine' }])
  if (response === 'restart') return [restart, drainNode(observed)]
  const resets = resetGpu(observed, text)
  return response === 'drain' ? [drainNode(observed), ...resets] : [...resets, drainNode(observed)]
}

function resetGpu(observed: Observations, text: string): readonly FixPlan[] {
  const gpu = affectedGpu(observed, text)
  if (gpu === undefined) return []
  return [
    {
      summary: `Reset GPU ${gpu} and restart the engine.`,
      actions: [{ action: 'reset_gpu', gpu }, { action: 'restart_engine' }],
      risks: ['A reset does not help against damaged hardware.'],
    },
  ]
}

/** The GPU that the line names, or the only one that the engine uses. A PCI address does not give the index. */
function affectedGpu({ config, conversation }: Observations, text: string): number | undefined {
  const placed = lookUp(config, ['config', 'placement', 'gpus'])
  const gpus = Array.isArray(placed)
    ? placed.map(Number)
    : objectsOf(lookUp(latest(conversation, 'fetch_gpu_stats'), ['gpus'])).map(({ id }) => Number(id))
  const named = /\bGPU ?(\d{1,2})\b(?!:)/.exec(text)?.[1]
  if (named !== undefined && gpus.includes(Number(named))) return Number(named)
  return gpus.length === 1 ? gpus[0] : undefined
}

/** What NVIDIA's catalogue of Xid errors asks for at once, by code. Codes that are not listed ask for nothing. */
type XidResponse = 'drain' | 'reset' | 'restart'

/**
 * `drain`: the hardware is not to be trusted any more: double-bit ECC (48), failed row remapping (64), NVLink (74),
 * fallen off the bus (79, which asks for a reboot of the host), unrecovered ECC (140), NVLink5 (144 to 150).
 */
const drain: ReadonlySet<number> = new Set([48, 64, 74, 79, 140, 144, 145, 146, 147, 148, 149, 150])
/** `RESET_GPU` in the catalogue: halted micro-controllers, timeouts, uncontained memory errors. */
const reset: ReadonlySet<number> = new Set([46, 62, 95, 109, 110, 119, 120, 136, 143, 155, 156, 158])
/** `RESTART_APP` in the catalogue: faults of one process, among them contained memory errors (94). */
const restart: ReadonlySet<number> = new Set([8, 11, 13, 25, 31, 32, 39, 40, 41, 60, 68, 69, 80, 94])

function responseTo(code: number): XidResponse | undefined {
  if (drain.has(code)) return 'drain'
  if (reset.has(code)) return 'reset'
  return restart.has(code) ? 'restart' : undefined
}

const severity: readonly (XidResponse | undefined)[] = ['drain', 'reset', 'restart', undefined]

/** Orders codes by what they ask for, the gravest first: in a burst the gravest error decides. */
function bySeverity(a: number, b: number): number {
  return severity.indexOf(responseTo(a)) - severity.indexOf(responseTo(b))
}
