import type { Condition } from '../../fixtures/condition.ts'
import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Impairment } from '../../fixtures/impairment.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { lookUp, parsePointer } from '../../router/json/json-pointer.ts'
import { compareVersions } from '../arguments/version.ts'
import { ConfigError } from '../errors.ts'
import { xidOf } from '../xid-catalogue.ts'

/** The impairments that act on one configuration. Times are in seconds since the window opened. */
export interface ActiveImpairments {
  /** Time of the engine's death. Infinity: it does not die. */
  readonly downAt: number
  /** Last message of an engine that dies. */
  readonly downReason: string | undefined
  /** Why the engine never finishes its start; `undefined` if it does. */
  readonly startupHang: string | undefined
  /** Time that an API server spends on a request. `undefined`: no time that matters. */
  readonly frontEnd: FrontEndTimes | undefined
  /** By position in a draft: share of drafts whose token is accepted. `undefined`: the usual shares. */
  readonly draftAcceptance: readonly number[] | undefined
  /** Bandwidth that transfers of KV blocks share, in GB/s. Infinity: no impairment limits it. */
  readonly kvTransferGbPerS: number
  /** Memory of every GPU that another process holds, in GiB. */
  readonly takenGib: number
  /** GPUs of the first node that have fallen off the bus. */
  readonly lostGpus: readonly number[]
  /** Parts of the telemetry that were not collected. */
  readonly notObserved: ReadonlySet<'engine' | 'gpus'>
  /** End of the stall at time `now`; `now` without a stall. */
  stalledUntil(now: number): number
  /** Additional duration of a step that starts `now`. */
  stepDelayS(now: number): number
}

/** Time of a request in an API server, which has one at a time. Each is the sum of the active impairments. */
export interface FrontEndTimes {
  /** Milliseconds for each 1000 tokens of text in the prompt. */
  readonly msPer1kTokens: number
  /** Milliseconds for each image that is not in the cache of the API server. */
  readonly msPerImage: number
}

type GpuError = Extract<Impairment, { kind: 'gpu_error' }>

/**
 * Selects the impairments that act on a configuration.
 *
 * @param ranks GPUs that the deployment uses: the first ones of its nodes, in order.
 */
export function activeImpairments(
  impairments: readonly Impairment[],
  config: DeploymentConfig,
  ranks: number,
): ActiveImpairments {
  const active = impairments.filter((impairment) => conditionHolds(impairment.when, config))
  const gpuErrors = active
    .filter((impairment) => impairment.kind === 'gpu_error')
    .filter((error) => persists(error, config))
  const inUse = gpuErrors.filter((error) => usesGpu(error, config, ranks))
  // The earliest cause of death counts.
  const [down] = [
    ...active.filter((impairment) => impairment.kind === 'engine_down'),
    ...inUse.filter(({ effect }) => effect === 'engine_down'),
  ].sort((a, b) => a.from_s - b.from_s)
  const stalls = [
    ...active.filter((impairment) => impairment.kind === 'stall'),
    // A GPU that hangs does not recover within the window.
    ...inUse
      .filter(({ effect }) => effect === 'stall')
      .map(({ from_s }) => ({ from_s, until_s: Number.POSITIVE_INFINITY })),
  ]
  const delays = active.filter((impairment) => impairment.kind === 'step_delay')
  const frontEnd = active.filter((impairment) => impairment.kind === 'slow_front_end')
  const transfers = active.filter((impairment) => impairment.kind === 'slow_kv_transfer')
  const taken = active.filter((impairment) => impairment.kind === 'gpu_memory_taken')
  return {
    downAt: down?.from_s ?? Number.POSITIVE_INFINITY,
    downReason: down?.reason,
    startupHang: active.find((impairment) => impairment.kind === 'startup_hang')?.reason,
    frontEnd:
      frontEnd.length === 0
        ? undefined
        : {
            msPer1kTokens: frontEnd.reduce((sum, { ms_per_1k_tokens = 0 }) => sum + ms_per_1k_tokens, 0),
            msPerImage: frontEnd.reduce((sum, { ms_per_image = 0 }) => sum + ms_per_image, 0),
          },
    draftAcceptance: active.find((impairment) => impairment.kind === 'draft_acceptance')?.rates,
    kvTransferGbPerS: Math.min(...transfers.map(({ gb_per_s }) => gb_per_s)),
    takenGib: taken.reduce((sum, { gib }) => sum + gib, 0),
    lostGpus: gpuErrors
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

/** Xid of a GPU that no longer responds, so that tools do not list it. */
const fallenOffTheBus = 79

/**
 * Whether the error still acts: not if it is informational, not on other nodes, and not after the remedy that NVIDIA's
 * catalogue asks for. An error without a known remedy lasts until the deployment leaves the node.
 */
function persists({ xid, node, gpu }: GpuError, config: DeploymentConfig): boolean {
  if (!nodesOf(config).includes(node)) return false
  const { remedy } = xidOf(xid)
  // Resets and restarts are recorded for the deployment's own node.
  const reset = node === config.placement.node && config.history.gpu_resets?.includes(gpu) === true
  switch (remedy) {
    case 'none':
      return false
    case 'restart_engine':
      return !reset && (config.history.engine_restarts ?? 0) === 0
    case 'reset_gpu':
      return !reset
    default:
      return true
  }
}

/** Whether a rank runs on the GPU. An error of an unused GPU does not affect the engine. */
function usesGpu({ node, gpu }: GpuError, { placement }: DeploymentConfig, ranks: number): boolean {
  const allGpus = [placement, ...(placement.peers ?? [])].flatMap((host) =>
    (host.gpus ?? []).map((id) => ({ node: host.node, id })),
  )
  return allGpus.slice(0, ranks).some((rank) => rank.node === node && rank.id === gpu)
}

/**
 * Whether a condition is true for a configuration.
 *
 * For example, `{ "path": "/vllm_version", "version_below": "0.16.0" }` is true until a fix changes the image. A missing
 * value satisfies only `exists: false`, `equals: null` and `not`.
 */
export function conditionHolds(condition: Condition, config: DeploymentConfig): boolean {
  if ('always' in condition) return true
  if ('all' in condition) return condition.all.every((part) => conditionHolds(part, config))
  if ('any' in condition) return condition.any.some((part) => conditionHolds(part, config))
  if ('not' in condition) return !conditionHolds(condition.not, config)
  if ('nodes_differ_in' in condition) return nodesDiffer(config, condition.nodes_differ_in)
  if ('uses_node' in condition) return nodesOf(config).includes(condition.uses_node)
  if ('several_nodes' in condition) return nodesOf(config).length > 1 === condition.several_nodes
  const value = valueAt(config, condition.path)
  if ('exists' in condition) return (value !== undefined) === condition.exists
  if ('equals' in condition) return (value ?? null) === condition.equals
  if ('below' in condition) return numberIn(value) < condition.below
  if ('at_least' in condition) return numberIn(value) >= condition.at_least
  if ('version_below' in condition) {
    return typeof value === 'string' && compareVersions(value, condition.version_below) < 0
  }
  if ('starts_with' in condition) return typeof value === 'string' && value.startsWith(condition.starts_with)
  return Array.isArray(value) && value.includes(condition.contains)
}

/** A number, also one in a string, as environment variables have it; NaN, which satisfies no comparison, without one. */
function numberIn(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}

function nodesOf(config: DeploymentConfig): string[] {
  return nodesWithRanks(config).map(({ node }) => node)
}

/** The nodes that run ranks of a deployment. Each node takes as many ranks as it has GPUs. */
function nodesWithRanks({
  engine_args,
  env,
  placement,
}: DeploymentConfig): { node: string; env: DeploymentConfig['env'] }[] {
  const size = (name: string) => Number(engine_args[name] ?? 1)
  let ranks = size('tensor_parallel_size') * size('pipeline_parallel_size') * size('data_parallel_size')
  const nodes = [{ node: placement.node, gpus: placement.gpus, env }, ...(placement.peers ?? [])]
  return nodes.filter(({ gpus }) => {
    const used = ranks > 0
    // A node with unknown GPUs has enough of them.
    ranks -= gpus?.length ?? ranks
    return used
  })
}

/** Whether the nodes have different values for variables with a prefix, or different sets of them. */
function nodesDiffer(config: DeploymentConfig, prefix: string): boolean {
  const relevant = (env: DeploymentConfig['env']) =>
    canonicalJson(Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith(prefix))))
  return new Set(nodesWithRanks(config).map(({ env }) => relevant(env))).size > 1
}

/** The value at a JSON Pointer; `undefined` if it does not exist. */
function valueAt(config: DeploymentConfig, path: string): unknown {
  const tokens = parsePointer(path)
  if (tokens === undefined) throw new ConfigError(`The impairment path ${JSON.stringify(path)} is not a JSON Pointer.`)
  const found = lookUp(config, tokens)
  return found.kind === 'found' ? found.value : undefined
}
