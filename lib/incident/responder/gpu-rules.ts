import type { FixPlan } from '../../../tools/types.ts'
import { type Xid, xidIn } from '../../../tools/xid-catalogue.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import { latest, quoteText, valueAt } from './conversation.ts'
import {
  completePlans,
  drainNode,
  findFailure,
  type Hypothesis,
  isNotStated,
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
  const advice = `NVIDIA advises to ${adviceOf(xid)}.`
  const recovery = driverRecovery(observed)
  const driver = recovery === undefined ? '' : ` The driver itself asks for: ${recovery.action}.`
  return {
    category: 'gpu_hardware',
    rootCause: `The GPU reported Xid ${xid.code} (${xid.meaning}). ${advice}${driver}`,
    evidence: [...quoteText(failure.result, quote), ...(recovery?.evidence ?? [])],
    plans: completePlans(xidPlans(xid, observed, line), advice),
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
    .sort((a, b) => b.xid.severity - a.xid.severity || certaintyOf(b.xid) - certaintyOf(a.xid))
  return found
}

/** Of two codes with the same remedy, the one whose action is clear decides: a procedure may end with a weaker action. */
function certaintyOf({ action }: Xid): number {
  return action === undefined || action.startsWith('WORKFLOW_') || action.startsWith('CHECK_') ? 0 : 1
}

/** The recovery action that the driver announces with Xid 154, for example "Node Reboot Required". */
function driverRecovery({ failures }: Observations) {
  const found = findFailure(
    failures,
    ['xid_following'],
    /recovery action changed from [^)]{1,40}\) to 0x[\da-f]+ \(([\w -]{1,40})\)/,
  )
  const action = found?.match?.[1]
  return found === undefined || action === undefined || action === 'None'
    ? undefined
    : { action, evidence: found.evidence }
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
    plans: completePlans([drainNode(observed), ...resetGpu(observed, found.text)], serveElsewhere),
    uncertainties: ['The logs contain no Xid, so the action that NVIDIA advises is not known.'],
  }
}

/** Advice to a person about a GPU that is lost or damaged. */
const serveElsewhere = 'Serve from another node, and have this one examined.'

/** The catalogue's action in words. Its own names, such as `RESTART_BM`, say little to a reader of the report. */
function adviceOf({ action, remedy }: Xid): string {
  const stated = action === undefined ? undefined : adviceByAction[action]
  if (stated !== undefined) return stated
  if (remedy === 'restart_engine') return 'restart the process that uses the GPU'
  return remedy === 'reset_gpu' ? 'reset the GPU' : 'take the node out of service'
}

/** Advice for the actions of which the remedy alone says too little. */
const adviceByAction: { readonly [action in NonNullable<Xid['action']>]?: string } = {
  WORKFLOW_XID_48: 'drain the node and reset the GPU',
  RESTART_BM: 'restart the node',
  RESTART_VM: 'restart the virtual machine',
  WORKFLOW_NVLINK_ERR: 'follow its procedure for NVLink errors (WORKFLOW_NVLINK_ERR), meanwhile without this node',
  WORKFLOW_NVLINK5_ERR: 'follow its procedure for NVLink 5 errors (WORKFLOW_NVLINK5_ERR), meanwhile without this node',
  CHECK_MECHANICALS: 'check the power cables and the seat of the GPU',
  CHECK_UVM: 'check the driver module for unified memory (CHECK_UVM)',
  UPDATE_SWFW: 'update driver and firmware',
  CONTACT_SUPPORT: 'contact its support',
}

/** The catalogue's remedy first, then the next stronger or weaker one. */
function xidPlans({ action, remedy }: Xid, observed: Observations, text: string): readonly (FixPlan | undefined)[] {
  const drain = drainNode(observed)
  if (remedy === 'restart_engine') return [plan('Restart the engine.', [restart]), drain]
  const resets = resetGpu(observed, text)
  // Only a restart or a technician helps: a reset instead would contradict the advice.
  if (remedy === 'drain_node' && drain === undefined) return []
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
    plans: completePlans([drainNode(observed), ...resetGpu(observed, found.text)], serveElsewhere),
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
  const placed = isNotStated(config, 'placement.gpus') ? undefined : valueAt(config, ['config', 'placement', 'gpus'])
  const gpus = Array.isArray(placed)
    ? placed.map(Number)
    : objectsOf(valueAt(latest(conversation, 'fetch_gpu_stats'), ['gpus'])).map(({ id }) => Number(id))
  const named = /\bGPU ?(\d{1,2})\b(?!:)/.exec(text)?.[1]
  if (named !== undefined && gpus.includes(Number(named))) return Number(named)
  return gpus.length === 1 ? gpus[0] : undefined
}
