import type { FixPlan } from '../../../tools/types.ts'
import { type Xid, xidIn } from '../../../tools/xid-catalogue.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import { latest, quoteText, valueAt } from './conversation.ts'
import {
  completePlans,
  drainNode,
  findFailure,
  type Hypothesis,
  type Observations,
  plan,
  type Rule,
  restart,
} from './observations.ts'

// Rules for hardware errors of GPUs. The actions for Xid codes come from NVIDIA's catalogue in tools/xid-catalogue.ts.

/**
 * Xid errors in the kernel log. One hardware failure writes several codes within seconds. NVIDIA judges such a burst as a
 * whole, and so does this rule: the most severe code decides.
 */
export const xidRule: Rule = (observed) => {
  const found = severestXid(observed)
  if (found === undefined) return undefined
  const { xid, failure, line, quote } = found
  return {
    category: 'gpu_hardware',
    rootCause: `The GPU reported Xid ${xid.code} (${xid.meaning}). NVIDIA advises to ${adviceOf(xid)}.`,
    evidence: quoteText(failure.result, quote),
    plans: completePlans(xidPlans(xid, observed, line)),
    uncertainties: ['The logs do not show whether the error returns after the fix.'],
  }
}

/** The most severe Xid in the logs, with its line and the part to quote. */
function severestXid({ causes }: Observations) {
  const [found] = causes
    .flatMap((failure) =>
      failure.texts.flatMap((line) => {
        const mention = xidIn(line)
        return mention === undefined ? [] : [{ xid: mention.xid, failure, line, quote: mention.text }]
      }),
    )
    .filter(({ xid }) => xid.severity > 0)
    .sort((a, b) => b.xid.severity - a.xid.severity)
  return found
}

/** A GPU that the driver cannot reach or initialise, in a message without an Xid. */
export const lostGpuRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['gpu_lost'])
  // With an Xid the catalogue knows the remedy.
  if (found === undefined || severestXid(observed) !== undefined) return undefined
  return {
    category: 'gpu_hardware',
    rootCause: 'The driver has lost a GPU: it cannot reach or initialise it.',
    evidence: found.evidence,
    plans: completePlans([drainNode(observed), ...resetGpu(observed, found.text)]),
    uncertainties: ['The logs contain no Xid, so the action that NVIDIA advises is not known.'],
  }
}

/** The catalogue's action in words. Its own names, such as `RESTART_BM`, say little to a reader of the report. */
function adviceOf({ action, remedy }: Xid): string {
  if (action === 'WORKFLOW_XID_48') return 'drain the node and reset the GPU'
  if (remedy === 'restart_engine') return 'restart the process that uses the GPU'
  return remedy === 'reset_gpu' ? 'reset the GPU' : 'take the node out of service'
}

/** The catalogue's remedy first, then the next stronger or weaker one. */
function xidPlans({ action, remedy }: Xid, observed: Observations, text: string): readonly (FixPlan | undefined)[] {
  const drain = drainNode(observed)
  if (remedy === 'restart_engine') return [plan('Restart the engine.', [restart]), drain]
  const resets = resetGpu(observed, text)
  // For a double-bit ECC error NVIDIA's workflow drains the node before it resets the GPU.
  return remedy === 'reset_gpu' && action !== 'WORKFLOW_XID_48' ? [...resets, drain] : [drain, ...resets]
}

/**
 * CUDA's own report of an uncorrectable memory error. CUDA reports it asynchronously, so the stack trace next to it does
 * not point to the cause.
 */
export const eccRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['cuda_ecc'], /uncorrectable ECC error(?: encountered)?/i)
  if (found === undefined) return undefined
  return {
    category: 'gpu_hardware',
    rootCause: 'A GPU has an uncorrectable ECC error: its memory is damaged.',
    evidence: found.evidence,
    plans: completePlans([drainNode(observed), ...resetGpu(observed, found.text)]),
    uncertainties: ['It is not known which memory row failed. The GPU may need to be replaced.'],
  }
}

/** A reset stops every process on the GPU, so the engine must be restarted too. Empty if the GPU is not known. */
function resetGpu(observed: Observations, text: string): readonly FixPlan[] {
  const gpu = affectedGpu(observed, text)
  if (gpu === undefined) return []
  return [
    {
      summary: `Reset GPU ${gpu} and restart the engine.`,
      actions: [{ action: 'reset_gpu', gpu }, restart],
      risks: ['A reset does not repair damaged hardware.'],
    },
  ]
}

/** The GPU that the line names, or the engine's only GPU. A PCI address does not give the index. */
function affectedGpu({ config, conversation }: Observations, text: string): number | undefined {
  const placed = valueAt(config, ['config', 'placement', 'gpus'])
  const gpus = Array.isArray(placed)
    ? placed.map(Number)
    : objectsOf(valueAt(latest(conversation, 'fetch_gpu_stats'), ['gpus'])).map(({ id }) => Number(id))
  const named = /\bGPU ?(\d{1,2})\b(?!:)/.exec(text)?.[1]
  if (named !== undefined && gpus.includes(Number(named))) return Number(named)
  return gpus.length === 1 ? gpus[0] : undefined
}
