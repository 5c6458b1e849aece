import type { FixPlan } from '../../../tools/types.ts'
import { type XidAction, xidOf } from '../../../tools/xid-catalogue.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import { latest, valueAt } from './conversation.ts'
import {
  completePlans,
  drainNode,
  type Hypothesis,
  matchAll,
  matchFirst,
  type Observations,
  plan,
  type Rule,
  restart,
} from './observations.ts'

/** The kernel's Xid line, and the form of Xid 79 that does not name its code. */
const xidLine = /NVRM: Xid \([^)]{1,40}\): (\d+)|NVRM: GPU [\w:.]+: GPU has fallen off the bus/

/** Xid errors in the kernel log. If there are several, the most severe code decides. */
export const xidRule: Rule = (observed) => {
  const [found] = matchAll(observed, xidLine)
    .flatMap((candidate) => {
      const xid = xidOf(Number(candidate.match[1] ?? 79))
      const response = xid.action && responses[xid.action]
      return response === undefined ? [] : [{ ...candidate, xid, response }]
    })
    .sort((a, b) => severity.indexOf(a.response) - severity.indexOf(b.response))
  if (found === undefined) return undefined
  const { code, meaning } = found.xid
  return {
    category: 'gpu_hardware',
    rootCause: `The GPU reported Xid ${code} (${meaning}). NVIDIA's advice for this code is to ${advice[found.response]}.`,
    evidence: found.evidence,
    plans: completePlans(xidPlans(found.response, observed, found.text)),
    uncertainties: ['The logs do not show whether the error returns after the fix.'],
  }
}

/** CUDA's own report of an uncorrectable memory error. */
export const eccRule: Rule = (observed): Hypothesis | undefined => {
  const found = matchFirst(observed, /uncorrectable ECC error(?: encountered)?/i)
  if (found === undefined) return undefined
  return {
    category: 'gpu_hardware',
    rootCause: 'A GPU has an uncorrectable ECC error: its memory is damaged.',
    evidence: found.evidence,
    plans: completePlans([drainNode(observed), ...resetGpu(observed, found.text)]),
    uncertainties: ['It is not known which memory row failed. The GPU may need to be replaced.'],
  }
}

/** Responses to an Xid, most severe first. */
const severity = ['drain', 'reset', 'restart'] as const

type XidResponse = (typeof severity)[number]

/**
 * The response to each immediate action of NVIDIA's catalogue. Actions that are not listed have none: the code needs
 * no action, follows another Xid, or needs a person (`CONTACT_SUPPORT`, `CHECK_MECHANICALS`).
 *
 * A reboot of the host, and the workflows for double-bit ECC and NVLink errors, take the GPU out of service. A running
 * deployment does that by leaving the node.
 */
const responses: { readonly [action in XidAction]?: XidResponse } = {
  RESTART_BM: 'drain',
  RESTART_VM: 'drain',
  WORKFLOW_XID_48: 'drain',
  WORKFLOW_NVLINK_ERR: 'drain',
  WORKFLOW_NVLINK5_ERR: 'drain',
  RESET_GPU: 'reset',
  RESTART_APP: 'restart',
}

const advice: { readonly [response in XidResponse]: string } = {
  drain: 'take the GPU out of service',
  reset: 'reset the GPU',
  restart: 'restart the process that uses the GPU',
}

function xidPlans(response: XidResponse, observed: Observations, text: string): readonly (FixPlan | undefined)[] {
  if (response === 'restart') return [plan('Restart the engine.', [restart]), drainNode(observed)]
  const resets = resetGpu(observed, text)
  return response === 'drain' ? [drainNode(observed), ...resets] : [...resets, drainNode(observed)]
}

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
