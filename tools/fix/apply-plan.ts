import { createHash } from 'node:crypto'
import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { FixPlanError } from '../errors.ts'
import { compareVersions } from '../simulation/engine-version.ts'
import type { ConfigChange, FixAction, FixPlan, FixResult } from '../types.ts'
import { checkEngineArgument } from './check-engine-argument.ts'
import { checkConflicts } from './conflicts.ts'

/**
 * The configuration after a fix plan, what changed, and what vLLM's documentation says it does.
 *
 * `updated_config.config_id` is derived from the content, so that the same plan gives the same id.
 *
 * @throws {FixPlanError}
 */
export function applyPlan(config: DeploymentConfig, plan: FixPlan): FixResult {
  checkConflicts(plan.actions)
  const updated = structuredClone(config)
  const version = plannedVersion(plan) ?? config.vllm_version
  const impact = plan.actions.map((action, index) => applyAction(updated, action, version, `fix_plan/actions/${index}`))
  const diff = configChanges(config, updated)
  if (diff.length > 0) updated.config_id = `${updated.scenario}/${fingerprint(updated)}`
  return { updated_config: updated, diff, expected_impact: impact }
}

/** Earlier versions had V1 as an option at most. */
const firstVersionOnV1 = '0.8.0'
const versionInTag = /:v?(\d+\.\d+\.\d+)/

/** The version that runs in the end, wherever in the plan the image is changed. */
function plannedVersion({ actions }: FixPlan): string | undefined {
  const change = actions.find((action) => action.action === 'change_image')
  return change === undefined ? undefined : versionInTag.exec(change.image)?.[1]
}

/** Changes `config` and tells what that does. */
function applyAction(config: DeploymentConfig, action: FixAction, version: string, at: string): string {
  switch (action.action) {
    case 'set_engine_args':
      return setEngineArgs(config, action.args, version, `${at}/args`)
    case 'set_env':
      for (const [name, value] of Object.entries(action.env)) {
        if (value === null) delete config.env[name]
        else config.env[name] = value
      }
      return `Environment of ${config.placement.peers === undefined ? 'the engine' : `the ranks on ${config.placement.node}`}: ${Object.keys(action.env).join(', ')}.`
    case 'change_image': {
      if (!versionInTag.test(action.image)) {
        throw new FixPlanError(
          `${at}/image: "${action.image}" has no version in its tag; give one such as vllm/vllm-openai:v0.20.0.`,
        )
      }
      if (compareVersions(version, firstVersionOnV1) < 0) {
        throw new FixPlanError(
          `${at}/image: vLLM ${version} runs on the V0 engine, which is not simulated; V1 is the default from ${firstVersionOnV1} on.`,
        )
      }
      config.image = action.image
      config.vllm_version = version
      for (const [name, value] of Object.entries(config.engine_args))
        checkEngineArgument(name, value, version, `${at}/image: engine_args`)
      return `The engine runs vLLM ${version}, with that version's defaults.`
    }
    case 'restart_engine':
      config.history.engine_restarts++
      return 'The engine restarts: requests in flight are lost, state of the process is fresh, the configuration is the same.'
    case 'set_resources':
      for (const [name, value] of Object.entries(action.resources)) {
        if (value !== undefined) Object.assign(config.resources, { [name]: value })
      }
      return `Host resources: ${Object.entries(action.resources)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}.`
    case 'drain_node':
      return drainNode(config, action.node, `${at}/node`)
    case 'reset_gpu':
      if (!config.placement.gpus.includes(action.gpu)) {
        throw new FixPlanError(
          `${at}/gpu: the deployment has no GPU ${action.gpu}; it has ${config.placement.gpus.join(', ')}.`,
        )
      }
      config.history.gpu_resets.push(action.gpu)
      return `GPU ${action.gpu} of ${config.placement.node} is reset: pending row remaps take effect, hung contexts are gone.`
    case 'align_nccl_env':
      for (const { env } of [config, ...(config.placement.peers ?? [])]) Object.assign(env, action.env)
      return `All ranks run with the same ${Object.keys(action.env).join(', ')}.`
    case 'no_change':
      return `Nothing changes: ${action.reason}`
  }
}

function setEngineArgs(
  config: DeploymentConfig,
  args: DeploymentConfig['engine_args'],
  version: string,
  at: string,
): string {
  const effects = Object.entries(args).map(([name, value]) => {
    const { up, down } = checkEngineArgument(name, value, version, at)
    const before = config.engine_args[name]
    if (value === null) delete config.engine_args[name]
    else config.engine_args[name] = value
    const lowered = value === false || (typeof value === 'number' && typeof before === 'number' && value < before)
    const effect = (lowered ? (down ?? up) : up) ?? 'No effect on latency is documented.'
    return `${name} ${value === null ? 'back to its default' : `= ${value}`}: ${effect}`
  })
  return effects.join(' ')
}

function drainNode(config: DeploymentConfig, node: string, at: string): string {
  const { placement } = config
  const nodes = [placement, ...(placement.peers ?? [])]
  const drained = nodes.find((place) => place.node === node)
  if (drained === undefined) {
    throw new FixPlanError(
      `${at}: the deployment runs on ${nodes.map((place) => `"${place.node}"`).join(' and ')}, not on "${node}".`,
    )
  }
  const [spare, ...others] = placement.spare_nodes
  if (spare === undefined) throw new FixPlanError(`${at}: there is no spare node to move to.`)
  Object.assign(drained, spare)
  placement.spare_nodes = others
  return `The deployment moves from ${node} to ${spare.node}; ${node} is out of service.`
}

function fingerprint(config: DeploymentConfig): string {
  const { config_id: _, ...content } = config
  return createHash('sha256').update(canonicalJson(content)).digest('hex').slice(0, 12)
}

type Scalar = boolean | number | string | null

/** What differs between two documents, value by value, in the order of their keys; `config_id` is left out. */
function configChanges(before: object, after: object): ConfigChange[] {
  const old = new Map(leaves(before, ''))
  const now = new Map(leaves(after, ''))
  old.delete('/config_id')
  now.delete('/config_id')
  const changes: ConfigChange[] = []
  for (const [path, from] of old) {
    const value = now.get(path)
    if (value === undefined) changes.push({ op: 'remove', path, from })
    else if (value !== from) changes.push({ op: 'replace', path, from, value })
  }
  for (const [path, value] of now) if (!old.has(path)) changes.push({ op: 'add', path, value })
  return changes
}

function* leaves(value: unknown, path: string): Generator<[path: string, value: Scalar]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      yield* leaves(part, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    }
  } else if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    yield [path, value]
  }
}
