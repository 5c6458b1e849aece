import { isObject } from '../../../router/json.ts'
import { type Fields, isText, mismatch, nullField, unknownField } from './refusal.ts'
import { objectsOf } from './request.ts'

/** What is wrong with the declared tools. */
export function toolsFault(tools: unknown): string | undefined {
  if (tools === null) return nullField
  if (Array.isArray(tools) && tools.length === 0) return 'Failed to fetch tools: Not yet implemented'
  const declared = objectsOf(tools)
  return declared.map(toolTypeFault).find(isText) ?? declared.map(definitionFault).find(isText)
}

export function toolTypeFault({ type }: Fields): string | undefined {
  return type === 'function' ? undefined : `invalid tool type: ${type ?? ''}`.trimEnd()
}

export const nameless = 'function name or parameters is empty'

const documented: ReadonlySet<string> = new Set(['type', 'function', 'name', 'description', 'parameters'])

function definitionFault(tool: Fields): string | undefined {
  const { function: definition } = tool
  if (!isObject(definition) || typeof definition['name'] !== 'string' || definition['name'] === '') return nameless
  const { parameters, description } = definition
  if (parameters === undefined || parameters === null) return 'function parameters is empty'
  // `strict: null` was reported as refused; the other texts are assumed.
  const stranger = [...Object.keys(tool), ...Object.keys(definition)].find((name) => !documented.has(name))
  if (stranger !== undefined) return unknownField(stranger)
  if (description !== undefined && typeof description !== 'string') return mismatch('string', description)
  return isObject(parameters) ? undefined : mismatch('open_platform_oai.FunctionParameters', parameters)
}
