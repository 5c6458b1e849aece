import { exactNumber } from '../../../router/coercion.ts'
import { isObject, parseJson, unparsable } from '../../../router/json/json.ts'
import { lookUp, parsePointer } from '../../../router/json/json-pointer.ts'

/** A place in the schema of a tool, looked at only for the types and members it names. */
export interface SchemaPlace {
  readonly schema: unknown
  /** The whole schema: what `$ref` points into. */
  readonly root: unknown
}

export function placeOf(root: object | undefined): SchemaPlace {
  return { schema: root, root }
}

const combiners = ['anyOf', 'oneOf', 'allOf'] as const

/** Schemas may refer to themselves. */
const maxSteps = 8

/** All types that a schema allows, through `$ref`, `anyOf`, `enum` and the like; empty where it does not say. */
export function typesOf({ schema, root }: SchemaPlace): ReadonlySet<string> {
  const types = new Set<string>()
  const collect = (part: unknown, steps: number): void => {
    const target = dereferenced(part, root)
    if (!isObject(target) || steps > maxSteps) return
    for (const type of [target['type']].flat()) if (typeof type === 'string') types.add(type)
    for (const value of listOf(target['enum'])) types.add(typeOfValue(value))
    if ('const' in target) types.add(typeOfValue(target['const']))
    for (const key of combiners) for (const branch of listOf(target[key])) collect(branch, steps + 1)
  }
  collect(schema, 0)
  return types
}

function typeOfValue(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** The place of a member: of a property, of additional ones, or (`item`) of the items of an array. */
export function memberOf({ schema, root }: SchemaPlace, name: string, isItem: boolean): SchemaPlace {
  const find = (part: unknown, steps: number): unknown => {
    const target = dereferenced(part, root)
    if (!isObject(target) || steps > maxSteps) return undefined
    if (isItem && target['items'] !== undefined) return target['items']
    const properties = target['properties']
    if (!isItem && isObject(properties) && Object.hasOwn(properties, name)) return properties[name]
    for (const key of combiners) {
      for (const branch of listOf(target[key])) {
        const found = find(branch, steps + 1)
        if (found !== undefined) return found
      }
    }
    return isItem ? undefined : target['additionalProperties']
  }
  return { schema: find(schema, 0), root }
}

function dereferenced(schema: unknown, root: unknown): unknown {
  let target = schema
  for (let steps = 0; steps < maxSteps && isObject(target); steps++) {
    const reference = target['$ref']
    if (typeof reference !== 'string' || !reference.startsWith('#')) return target
    const found = lookUp(root, parsePointer(reference.slice(1)) ?? [])
    target = found.kind === 'found' ? found.value : undefined
  }
  return target
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
export function valueOfText(raw: string, place: SchemaPlace): unknown {
  const text = raw.trim()
  if (/^null$/i.test(text)) return null
  const types = typesOf(place)
  const json = text.startsWith('{') || text.startsWith('[') ? parseJson(text) : unparsable
  if (isObject(json) && ('$result' in json || '$input' in json) && Object.keys(json).length === 1) return json
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
