import { exactNumber } from '../coercion.ts'
import { isObject, parseJson, unparsable } from '../json.ts'

/** A schema, looked at only for the types and members it names. */
export type LooseSchema = unknown

const combiners = ['anyOf', 'oneOf', 'allOf'] as const

/** All types that a schema allows, through `anyOf`, `oneOf`, `allOf`, `enum` and `const`; empty where it does not say. */
export function typesOf(schema: LooseSchema): ReadonlySet<string> {
  const types = new Set<string>()
  const collect = (part: LooseSchema, depth: number): void => {
    if (!isObject(part) || depth > 8) return
    for (const type of [part['type']].flat()) if (typeof type === 'string') types.add(type)
    for (const value of [part['enum'] ?? [], 'const' in part ? part['const'] : []].flat()) types.add(typeOfValue(value))
    for (const key of combiners) for (const branch of listOf(part[key])) collect(branch, depth + 1)
  }
  collect(schema, 0)
  return types
}

function typeOfValue(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** The schema of a member: of a property, of additional ones, or (`item`) of the items of an array. */
export function memberSchema(schema: LooseSchema, name: string, isItem: boolean): LooseSchema {
  if (!isObject(schema)) return undefined
  if (isItem && schema['items'] !== undefined) return schema['items']
  const properties = schema['properties']
  if (!isItem && isObject(properties) && Object.hasOwn(properties, name)) return properties[name]
  for (const key of combiners) {
    for (const branch of listOf(schema[key])) {
      const found = memberSchema(branch, name, isItem)
      if (found !== undefined) return found
    }
  }
  return isItem ? undefined : schema['additionalProperties']
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/**
 * The value that a text stands for, by the types of its schema: markup carries no types of its own.
 *
 * As MiniMax's reference parser does: trimmed, `null` is null whatever the schema, `true` and `1` are true, objects and
 * arrays are JSON, and a text that fits no other type stays a string. A reference is read whatever the type.
 */
export function valueOfText(raw: string, schema: LooseSchema): unknown {
  const text = raw.trim()
  if (/^null$/i.test(text)) return null
  const types = typesOf(schema)
  const json = text.startsWith('{') || text.startsWith('[') ? parseJson(text) : unparsable
  if (isObject(json) && ('$result' in json || '$given' in json) && Object.keys(json).length === 1) return json
  if (types.size === 0) {
    const value = parseJson(text)
    return value === unparsable ? text : value
  }
  if (types.has('integer') || types.has('number')) {
    // A number that a double cannot hold as written stays text, and is refused by the schema.
    const number = exactNumber(text)
    if (number !== undefined) return number
  }
  if (types.has('boolean') && /^(?:true|false|1|0)$/i.test(text)) return /^(?:true|1)$/i.test(text)
  if ((types.has('array') && Array.isArray(json)) || (types.has('object') && isObject(json))) return json
  return text
}
