import type { FixAction, FixPlan } from '../../../tools/documents.ts'
import { objectsOf } from '../stand-in/request.ts'
import { latest } from './conversation.ts'
import { type Diagnosis, plan, type Rule, statedPlans } from './diagnosis.ts'
import { lookUp, quoteText } from './lookup.ts'
import { matchCause, type Observations, placementNode } from './observations.ts'
import { bySeverity, responseTo, type XidResponse } from './xid.ts'

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
