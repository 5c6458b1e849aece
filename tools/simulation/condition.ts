import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Condition } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/canonical-json.ts'
import { lookUp, parsePointer } from '../../router/json-pointer.ts'
import { compareVersions } from '../version.ts'

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
export function nodesOf(config: DeploymentConfig): string[] {
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
  return found.found ? found.value : undefined
}
