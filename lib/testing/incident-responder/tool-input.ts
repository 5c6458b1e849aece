import type { Json, JsonObject } from '../../../router/json.ts'
import { isObject } from '../../../router/json.ts'
import type { WireTool } from '../stand-in/request.ts'

/** Values for the inputs of the fetch tools, used where a tool requires them. */
const defaults: JsonObject = {
  window: '15m',
  limit: 200,
  level: 'WARNING',
  topics: [],
  sources: ['dmesg', 'journal'],
  endpoint: '/metrics',
}

/** The input of a fetch tool: the scenario, and what else its schema requires. */
export function fetchInput({ parameters }: WireTool, scenario: string): JsonObject {
  const properties = isObject(parameters['properties']) ? parameters['properties'] : {}
  const required = Array.isArray(parameters['required']) ? parameters['required'].map(String) : []
  const others = required.filter((name) => name !== 'scenario' && name !== 'config_id')
  return {
    scenario,
    ...Object.fromEntries(others.flatMap((name) => entry(name, properties[name]))),
  }
}

/** The schema's own default, else its first allowed value, else the usual one. */
function entry(name: string, schema: unknown): readonly [string, Json][] {
  const choices = isObject(schema) && Array.isArray(schema['enum']) ? schema['enum'] : []
  const value: unknown = (isObject(schema) ? schema['default'] : undefined) ?? choices[0] ?? defaults[name]
  return value === undefined ? [] : [[name, value as Json]]
}
