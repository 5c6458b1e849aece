import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Condition, Impairment } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { lookUp, parsePointer } from '../../router/json/json-pointer.ts'
import { xidOf } from '../xid-catalogue.ts'
import { compareVersions } from './engine-version.ts'

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

/**
 * Whether the error still acts: not if it is informational, not on other nodes, and not after the remedy that NVIDIA's
 * catalogue asks for. An error without a known remedy lasts until the deployment leaves the node.
 */
function persists({ xid, node, gpu }: GpuFault, config: DeploymentConfig): boolean {
  if (!nodesOf(config).includes(node)) return false
  const { remedy } = xidOf(xid)
  // Resets and restarts are recorded for the deployment's own node.
  const reset = node === config.placement.node && config.history.gpu_resets.includes(gpu)
  switch (remedy) {
    case 'none':
      return false
    case 'restart_engine':
      return !reset && config.history.engine_restarts === 0
    case 'reset_gpu':
      return !reset
    default:
      return true
  }
}

function usesGpu({ node, gpu }: GpuFault, { placement }: DeploymentConfig, ranks: number): boolean {
  const gpus = [placement, ...(placement.peers ?? [])].flatMap((place) =>
    place.gpus.map((id) => ({ node: place.node, id })),
  )
  return gpus.slice(0, ranks).some((place) => place.node === node && place.id === gpu)
}

/** Whether a condition holds for a configuration. A missing value fulfils only `exists: false`, `equals: null` and `not`. */
export function holds(condition: Condition, config: DeploymentConfig): boolean {
  if ('always' in condition) return true
  if ('all' in condition) return condition.all.every((part) => holds(part, config))
  if ('any' in condition) return condition.any.some((part) => holds(part, config))
  if ('not' in condition) return !holds(condition.not, config)
  if ('nodes_differ_in' in condition) return nodesDiffer(config, condition.nodes_differ_in)
  if ('uses_node' in condition) return nodesOf(config).includes(condition.uses_node)
  if ('several_nodes' in condition) return nodesOf(config).length > 1 === condition.several_nodes
  const value = valueAt(config, condition.path)
  if ('exists' in condition) return (value !== undefined) === condition.exists
  if ('equals' in condition) return (value ?? null) === condition.equals
  if ('below' in condition) return typeof value === 'number' && value < condition.below
  if ('at_least' in condition) return typeof value === 'number' && value >= condition.at_least
  if ('version_below' in condition) {
    return typeof value === 'string' && compareVersions(value, condition.version_below) < 0
  }
  if ('starts_with' in condition) return typeof value === 'string' && value.startsWith(condition.starts_with)
  return Array.isArray(value) && value.includes(condition.contains)
}

/** The nodes that run ranks of a deployment, the first one first: each takes as many as it has GPUs. */
function nodesOf(config: DeploymentConfig): string[] {
  return placesOf(config).map(({ node }) => node)
}

function placesOf({ engine_args, env, placement }: DeploymentConfig): { node: string; env: DeploymentConfig['env'] }[] {
  const size = (name: string) => Number(engine_args[name] ?? 1)
  let ranks = size('tensor_parallel_size') * size('pipeline_parallel_size')
  const places = [{ node: placement.node, gpus: placement.gpus, env }, ...(placement.peers ?? [])]
  return places.filter(({ gpus }) => {
    const used = ranks > 0
    ranks -= gpus.length
    return used
  })
}

function nodesDiffer(config: DeploymentConfig, prefix: string): boolean {
  const relevant = (env: DeploymentConfig['env']) =>
    canonicalJson(Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith(prefix))))
  return new Set(placesOf(config).map(({ env }) => relevant(env))).size > 1
}

function valueAt(config: DeploymentConfig, path: string): unknown {
  const tokens = parsePointer(path)
  if (tokens === undefined) throw new TypeError(`impairment path ${JSON.stringify(path)} is no JSON Pointer.`)
  const found = lookUp(config, tokens)
  return found.kind === 'found' ? found.value : undefined
}
