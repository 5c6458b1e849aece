import { createHash } from 'node:crypto'
import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { escapePointerToken } from '../../router/json/json-pointer.ts'
import { findArgument } from '../arguments/argument-name.ts'
import { checkArgument } from '../arguments/check-argument.ts'
import { readArguments } from '../arguments/read-arguments.ts'
import { compareVersions, firstVersionOnV1 } from '../arguments/version.ts'
import { FixPlanError } from '../errors.ts'
import type { ConfigChange, FixAction, FixPlan, FixResult } from '../types.ts'
import { checkEngineArgument, checkOwnArguments, effectOfChange } from './check-engine-argument.ts'

/** A {@link FixResult} whose configuration is the caller's own. */
export interface AppliedPlan extends FixResult {
  /** The changed copy of the configuration. */
  readonly updated_config: DeploymentConfig
}

/**
 * Applies a fix plan to a copy of a configuration.
 *
 *     { action: 'set_engine_args', args: { max_num_seqs: 64 } }
 *
 * gives `updated_config` with the new value, the row `{ op: 'replace', path: '/engine_args/max_num_seqs', from: 256,
 * value: 64 }` in `diff`, and the documented effect of a lower value in `expected_impact`.
 *
 * If anything changes, `updated_config.config_id` becomes a hash of the content, so that the same plan gives the same id.
 *
 * @param tags the tags of the image that messages about `change_image` name. Absent: not known.
 * @throws {FixPlanError} if actions contradict each other, or one of them cannot be applied.
 */
export function applyPlan(config: DeploymentConfig, plan: FixPlan, tags?: readonly string[]): AppliedPlan {
  const version = plannedVersion(plan) ?? config.vllm_version
  checkConflicts(plan.actions, version)
  // Actions change the copy one after another. If one cannot be applied, the copy is dropped with all earlier changes.
  const updated = structuredClone(config)
  const impact = plan.actions.map((action, index) =>
    applyAction(updated, action, version, `fix_plan/actions/${index}`, tags),
  )
  checkRouting(plan, updated)
  const diff = configChanges(config, updated)
  // Without a difference the configuration keeps its id: it is still the same one.
  if (diff.length > 0) updated.config_id = `${updated.scenario}/${fingerprint(updated)}`
  return { updated_config: updated, diff, expected_impact: impact }
}

/** @throws {FixPlanError} if the plan has no action, or two actions that contradict each other. */
function checkConflicts(actions: readonly FixAction[], version: string): void {
  if (actions.length === 0) {
    throw new FixPlanError('fix_plan/actions: the plan has no action; use no_change with a reason to change nothing.')
  }
  checkOverrides(actions, version)
  const seen = new Map<string, { readonly value: unknown; readonly index: number }>()
  actions.forEach((action, index) => {
    if (action.action === 'no_change' && actions.length > 1) {
      throw new FixPlanError(
        `fix_plan/actions/${index}: no_change must be the only action, but the plan has ${actions.length} actions.`,
      )
    }
    for (const [setting, value] of settingsOf(action, version)) {
      const earlier = seen.get(setting)
      if (earlier !== undefined && earlier.value !== value) {
        throw new FixPlanError(
          `fix_plan/actions/${index}: sets ${setting} to ${JSON.stringify(value)}, but fix_plan/actions/${earlier.index} ` +
            `sets it to ${JSON.stringify(earlier.value)}.`,
        )
      }
      seen.set(setting, { value, index })
    }
  })
}

/** In vLLM the first argument of each pair overrides the second, so a plan that sets both contradicts itself. */
const overrides = [
  ['kv_cache_memory_bytes', 'gpu_memory_utilization'],
  ['num_gpu_blocks_override', 'gpu_memory_utilization'],
  ['num_gpu_blocks_override', 'kv_cache_memory_bytes'],
] as const

/** @throws {FixPlanError} if the plan sets an argument that another argument of the plan overrides. */
function checkOverrides(actions: readonly FixAction[], version: string): void {
  const set = new Map<string, number>()
  actions.forEach((action, index) => {
    if (action.action !== 'set_engine_args') return
    for (const [name, value] of Object.entries(action.args)) {
      if (value !== null) set.set(storedName(name, version), index)
    }
  })
  for (const [strong, weak] of overrides) {
    const index = set.get(weak)
    if (index === undefined || !set.has(strong)) continue
    throw new FixPlanError(
      `fix_plan/actions/${index}/args/${weak}: it has no effect, because ${strong} overrides it; set only one of them.`,
    )
  }
}

/** The settings that an action changes, with their new values. */
function settingsOf(action: FixAction, version: string): [setting: string, value: unknown][] {
  switch (action.action) {
    case 'set_engine_args':
      return Object.entries(action.args).map(([name, value]) => {
        const checked = checkArgument(name, value, version)
        return 'value' in checked
          ? [`engine_args.${checked.name}`, checked.value]
          : [`engine_args.${storedName(name, version)}`, value]
      })
    case 'set_env':
    case 'align_nccl_env':
      return Object.entries(action.env).map(([name, value]) => [`env.${name}`, value])
    case 'set_resources':
      return Object.entries(action.resources).map(([name, value]) => [`resources.${name}`, value])
    case 'change_image':
      return [['image', action.image]]
    case 'drain_node':
      return [['placement.node', action.node]]
    case 'set_routing':
      return [['routing.policy', action.policy]]
    // Restarts and resets change counters, which cannot contradict each other.
    case 'restart_engine':
    case 'reset_gpu':
    case 'no_change':
      return []
  }
}

/** The version in an image tag such as `vllm/vllm-openai:v0.20.0-cu130`. Tags such as `latest` have none. */
const versionInTag = /:v?(\d+\.\d+\.\d+)/

/** The version after the plan. All arguments must be valid for it, in any order of the actions. */
export function plannedVersion({ actions }: FixPlan): string | undefined {
  const change = actions.find((action) => action.action === 'change_image')
  return change === undefined ? undefined : versionInTag.exec(change.image)?.[1]
}

/** The name under which a configuration stores an argument: Python's spelling, if the version has the argument. */
function storedName(name: string, version: string): string {
  return findArgument(name, version)?.argument.name ?? name
}

/** The next step after an image that cannot be used. */
function validTags(tags: readonly string[]): string {
  return `valid tags: ${tags.join(', ')}`
}

/** Changes `config`. @returns the documented effect, in a sentence. */
function applyAction(
  config: DeploymentConfig,
  action: FixAction,
  version: string,
  at: string,
  tags: readonly string[] | undefined,
): string {
  switch (action.action) {
    case 'set_engine_args':
      return setEngineArgs(config, action.args, version, `${at}/args`)
    case 'set_env':
      for (const [name, value] of Object.entries(action.env)) {
        if (value === null) delete config.env[name]
        else config.env[name] = value
      }
      return `The environment of ${config.placement.peers === undefined ? 'the engine' : `the ranks on ${config.placement.node}`} changes: ${Object.keys(action.env).join(', ')}.`
    case 'change_image': {
      if (!versionInTag.test(action.image)) {
        throw new FixPlanError(
          `${at}/image: "${action.image}" has no version in its tag; ${tags === undefined ? 'use a tag such as vllm/vllm-openai:v0.20.0' : validTags(tags)}.`,
        )
      }
      if (compareVersions(version, firstVersionOnV1) < 0) {
        throw new FixPlanError(
          `${at}/image: vLLM ${version} runs on the V0 engine, which is not simulated; ${tags === undefined ? `use ${firstVersionOnV1} or later` : validTags(tags)}.`,
        )
      }
      // The version follows from the tag; the defaults of the simulation depend on it.
      config.image = action.image
      config.vllm_version = version
      // The arguments that are already set must exist in the new version, too.
      checkOwnArguments(config.engine_args, config.engine_args, version, `${at}/image: engine_args`)
      return `The engine runs vLLM ${version}, with that version's defaults.`
    }
    case 'restart_engine':
      // Impairments that a restart ends have a condition on this counter.
      config.history.engine_restarts = (config.history.engine_restarts ?? 0) + 1
      return 'The engine restarts with the same configuration: requests in flight are lost, and the process starts with fresh state.'
    case 'set_resources':
      for (const [name, value] of Object.entries(action.resources)) {
        if (value !== undefined) Object.assign(config.resources, { [name]: value })
      }
      return `The host resources change: ${Object.entries(action.resources)
        .map(([name, value]) => `${name} = ${value}`)
        .join(', ')}.`
    case 'drain_node':
      return drainNode(config, action.node, `${at}/node`)
    case 'set_routing':
      config.routing = { policy: action.policy }
      return routingEffects[action.policy]
    case 'reset_gpu':
      if (config.placement.gpus === null) {
        throw new FixPlanError(
          `${at}/gpu: placement.gpus is not known, so nothing says that the deployment uses GPU ${action.gpu}. Add the output of nvidia-smi to the incident.`,
        )
      }
      if (!config.placement.gpus.includes(action.gpu)) {
        throw new FixPlanError(
          `${at}/gpu: the deployment has no GPU ${action.gpu}; it has ${config.placement.gpus.join(', ')}.`,
        )
      }
      // A list of indices, because a reset of another GPU does not help.
      config.history.gpu_resets = [...(config.history.gpu_resets ?? []), action.gpu]
      return `GPU ${action.gpu} of ${config.placement.node} is reset: pending row remaps take effect and hung contexts are removed.`
    case 'align_nccl_env':
      // The environment of the first node is the top-level one; peers have their own.
      for (const { env } of [config, ...(config.placement.peers ?? [])]) Object.assign(env, action.env)
      return `All ranks run with the same ${Object.keys(action.env).join(', ')}.`
    case 'no_change':
      return `Nothing changes: ${action.reason}`
  }
}

/** Effect of each policy of the gateway. */
const routingEffects: { readonly [Policy in NonNullable<DeploymentConfig['routing']>['policy']]: string } = {
  least_loaded:
    'The gateway sets no rank: vLLM gives each request to the engine with the fewest waiting and running requests.',
  round_robin: 'The engines get requests in turn, whatever they have to do.',
  session_affinity:
    'All requests of a session go to one engine, which has their prefix in its cache; an engine with a busy session can be full while others are idle.',
}

/** @throws {FixPlanError} if the plan routes requests among engines, and the deployment has one. */
function checkRouting({ actions }: FixPlan, updated: DeploymentConfig): void {
  const index = actions.findIndex(({ action }) => action === 'set_routing')
  const engines = readArguments(updated).values.get('data_parallel_size') ?? 1
  if (index === -1 || engines !== 1) return
  throw new FixPlanError(
    `fix_plan/actions/${index}: set_routing has no effect, because the deployment has one engine (data_parallel_size 1). Remove the action.`,
  )
}

/** Changes engine arguments; `null` removes one. @returns the documented effect of each. */
function setEngineArgs(
  config: DeploymentConfig,
  args: DeploymentConfig['engine_args'],
  version: string,
  at: string,
): string {
  const effects = Object.entries(args).map(([spelling, requested]) => {
    const { name, value } = checkEngineArgument(spelling, requested, version, at)
    // The configuration may spell the argument in another way.
    const keyOf = (argument: string) =>
      Object.keys(config.engine_args).find((key) => storedName(key, version) === argument)
    const configured = (argument: string) => config.engine_args[keyOf(argument) ?? argument]
    const effect = effectOfChange(name, { before: configured(name), after: value }, version, configured)
    const own = keyOf(name)
    if (own !== undefined && (value === null || own !== name)) delete config.engine_args[own]
    if (value !== null) config.engine_args[name] = value
    return `${name} ${value === null ? 'back to its default' : `= ${value}`}: ${effect}`
  })
  return effects.join(' ')
}

/** Replaces a node of the deployment by its first spare node. */
function drainNode(config: DeploymentConfig, node: string, at: string): string {
  const { placement } = config
  const nodes = [placement, ...(placement.peers ?? [])]
  const drained = nodes.find((host) => host.node === node)
  if (drained === undefined) {
    const leave = nodes.map((host) => `"${host.node}"`).join(' or ')
    if (placement.spare_nodes.some((spare) => spare.node === node)) {
      throw new FixPlanError(
        `${at}: "${node}" is a spare node, and \`node\` is the node to leave. The deployment runs on ${leave}. The spare node is chosen by itself.`,
      )
    }
    throw new FixPlanError(
      `${at}: the deployment runs on ${nodes.map((host) => `"${host.node}"`).join(' and ')}, not on "${node}".`,
    )
  }
  // A spare node can be used once. The drained node does not become a spare one.
  const [spare, ...others] = placement.spare_nodes
  if (spare === undefined) throw new FixPlanError(`${at}: no spare node is known to which the deployment can move.`)
  Object.assign(drained, spare)
  placement.spare_nodes = others
  return `The deployment moves from ${node} to ${spare.node}; ${node} is taken out of service.`
}

/** Hash of the content without ids: 12 hexadecimal digits are enough to distinguish the configurations of one incident. */
function fingerprint(config: DeploymentConfig): string {
  const { config_id: _, scenario: __, ...content } = config
  return createHash('sha256').update(canonicalJson(content)).digest('hex').slice(0, 12)
}

/** A value that has no members, as the leaves of a configuration. */
type Scalar = boolean | number | string | null

/** The differences between two documents, value by value in the order of their keys, without `config_id`. */
function configChanges(before: object, after: object): ConfigChange[] {
  const old = new Map(leaves(before, ''))
  const now = new Map(leaves(after, ''))
  old.delete('/config_id')
  now.delete('/config_id')
  const changes: ConfigChange[] = []
  // No leaf is `undefined`, so a missing path and a removed value are the same.
  for (const [path, from] of old) {
    const value = now.get(path)
    if (value === undefined) changes.push({ op: 'remove', path, from })
    else if (value !== from) changes.push({ op: 'replace', path, from, value })
  }
  for (const [path, value] of now) if (!old.has(path)) changes.push({ op: 'add', path, value })
  return changes
}

/** The scalar values of a document with their JSON Pointers. */
function* leaves(value: unknown, path: string): Generator<[path: string, value: Scalar]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      yield* leaves(part, `${path}/${escapePointerToken(key)}`)
    }
  } else if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    yield [path, value]
  }
}
