import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Impairment } from '../../fixtures/scenario.ts'
import { xidOf } from '../xid-catalogue.ts'
import { holds, nodesOf } from './condition.ts'

/** The impairments that act on one configuration, as the simulation asks for them. Times in seconds of the window. */
export interface ActiveImpairments {
  /** When the engine dies; infinity if it does not. */
  readonly downAt: number
  readonly downReason: string | undefined
  /** Why the engine never gets through its start; `undefined` if it does. */
  readonly startupHang: string | undefined
  /** GiB of every GPU that another process holds. */
  readonly takenGib: number
  /** GPUs of the first node that are gone from the bus when the window closes. */
  readonly lostGpus: readonly number[]
  readonly notObserved: ReadonlySet<'engine' | 'gpus'>
  /** Until when an engine that is asked at `now` makes no step; `now` or earlier when it is free to. */
  stalledUntil(now: number): number
  /** What is added to each step. */
  stepDelayS(now: number): number
}

type GpuFault = Extract<Impairment, { kind: 'gpu_fault' }>

/** @param ranks GPUs that the deployment uses: the first ones of its nodes, in order. */
export function activeImpairments(
  impairments: readonly Impairment[],
  config: DeploymentConfig,
  ranks: number,
): ActiveImpairments {
  const active = impairments.filter((impairment) => holds(impairment.when, config))
  const faults = active
    .filter((impairment) => impairment.kind === 'gpu_fault')
    .filter((fault) => persists(fault, config))
  const inUse = faults.filter((fault) => usesGpu(fault, config, ranks))
  const [down] = [
    ...active.filter((impairment) => impairment.kind === 'engine_down'),
    ...inUse.filter(({ effect }) => effect === 'engine_down'),
  ].sort((a, b) => a.from_s - b.from_s)
  const stalls = [
    ...active.filter((impairment) => impairment.kind === 'stall'),
    ...inUse
      .filter(({ effect }) => effect === 'stall')
      .map(({ from_s }) => ({ from_s, until_s: Number.POSITIVE_INFINITY })),
  ]
  const delays = active.filter((impairment) => impairment.kind === 'step_delay')
  const taken = active.filter((impairment) => impairment.kind === 'gpu_memory_taken')
  return {
    downAt: down?.from_s ?? Number.POSITIVE_INFINITY,
    downReason: down?.reason,
    startupHang: active.find((impairment) => impairment.kind === 'startup_hang')?.reason,
    takenGib: taken.reduce((sum, { gib }) => sum + gib, 0),
    lostGpus: faults
      .filter(({ xid, node }) => xid === fallenOffTheBus && node === config.placement.node)
      .map(({ gpu }) => gpu),
    notObserved: new Set(active.flatMap((impairment) => (impairment.kind === 'not_observed' ? impairment.parts : []))),
    stalledUntil(now) {
      let until = now
      for (const stall of stalls) if (stall.from_s <= now && stall.until_s > until) until = stall.until_s
      return until
    },
    stepDelayS(now) {
      let delay = 0
      for (const { from_s, delay_ms } of delays) if (from_s <= now) delay += delay_ms / 1000
      return delay
    },
  }
}

/** The GPU answers nobody any more: tools do not list it. */
const fallenOffTheBus = 79

/** Whether what the catalogue asks for was not done yet. What it calls harmless does no harm here either. */
function persists({ xid, node, gpu }: GpuFault, config: DeploymentConfig): boolean {
  if (!nodesOf(config).includes(node)) return false
  const { action } = xidOf(xid)
  if (action === 'IGNORE') return false
  // Resets and restarts are recorded for the deployment's own node.
  const reset = node === config.placement.node && config.history.gpu_resets.includes(gpu)
  if (action === 'RESTART_APP') return !reset && config.history.engine_restarts === 0
  if (action === 'RESET_GPU' || action === 'WORKFLOW_XID_48') return !reset
  return true
}

function usesGpu({ node, gpu }: GpuFault, { placement }: DeploymentConfig, ranks: number): boolean {
  const gpus = [placement, ...(placement.peers ?? [])].flatMap((place) =>
    place.gpus.map((id) => ({ node: place.node, id })),
  )
  return gpus.slice(0, ranks).some((place) => place.node === node && place.id === gpu)
}
