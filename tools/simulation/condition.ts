import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Condition } from '../../fixtures/scenario.ts'
import { lookUp, parsePointer } from '../../router/json-pointer.ts'
import { compareVersions } from '../version.ts'

/** Whether a condition holds for a configuration. A missing value fulfils only `exists: false`, `equals: null` and `not`. */
export function holds(condition: Condition, config: DeploymentConfig): boolean {
  if ('always' in condition) return true
  if ('all' in condition) return condition.all.every((part) => holds(part, config))
  if ('any' in condition) return condition.any.some((part) => holds(part, config))
  if ('not' in condition) return !holds(condition.not, config)
  const value = valueAt(config, condition.path)
  if ('exists' in condition) return (value !== undefined) === condition.exists
  if ('equals' in condition) return (value ?? null) === condition.equals
  if ('below' in condition) return typeof value === 'number' && value < condition.below
  if ('at_least' in condition) return typeof value === 'number' && value >= condition.at_least
  if ('version_below' in condition) {
    return typeof value === 'string' && compareVersions(value, condition.version_below) < 0
  }
  return Array.isArray(value) && value.includes(condition.contains)
}

function valueAt(config: DeploymentConfig, path: string): unknown {
  const tokens = parsePointer(path)
  if (tokens === undefined) throw new TypeError(`impairment path ${JSON.stringify(path)} is no JSON Pointer.`)
  const found = lookUp(config, tokens)
  return found.found ? found.value : undefined
}
