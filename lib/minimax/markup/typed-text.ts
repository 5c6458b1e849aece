import { exactNumber, parseExactJson } from '../../../router/json/exact-json.ts'
import { isObject } from '../../../router/json/json.ts'
import { resolveReference } from '../../../router/schema-keywords.ts'

/*
 * Markup has no types: `<parameter name="days">3</parameter>` is the number 3 or the text "3", depending on the schema of
 * the tool.
 */

/** A place in the schema of a tool. Only its types and its members are looked at. */
export interface SchemaPlace {
  /** The part of the schema at this place. */
  readonly schema: unknown
  /** The whole schema, which `$ref` points into. */
  readonly root: object | undefined
}

/** The root of a schema; a place without a schema allows everything. */
export function placeOf(root: object | undefined): SchemaPlace {
  return { schema: root, root }
}

const combiners = ['anyOf', 'oneOf', 'allOf'] as const

/** Limit of nesting that is followed, because schemas may refer to themselves. */
const maxSteps = 8

/** All types that a schema allows, through `$ref`, `anyOf`, `enum` and `const`; empty if it does not restrict them. */
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

/** The place of a property, or of the items of an array if `isItem` is set. */
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

function dereferenced(schema: unknown, root: object | undefined): unknown {
  let target = schema
  for (let steps = 0; steps < maxSteps && isObject(target) && '$ref' in target; steps++) {
    target = root === undefined ? undefined : resolveReference(target['$ref'], root)
  }
  return target
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/**
 * The value of a text, by the types that the schema allows.
 *
 * Follows MiniMax's reference parser: the text is trimmed, `null` is null whatever the schema says, `true` and `1` are
 * true, objects and arrays are JSON, and a text that fits no other type stays a string. A reference is read for any type.
 *
 * @example
 * valueOfText('3', place)      // 3 for { type: 'integer' }, '3' for { type: 'string' }
 * valueOfText('["a"]', place)  // ['a'] for { type: 'array' }
 */
export function valueOfText(raw: string, place: SchemaPlace): unknown {
  const text = raw.trim()
  if (/^null$/i.test(text)) return null
  const types = typesOf(place)
  const isContainer = text.startsWith('{') || text.startsWith('[')
  const read = isContainer || types.size === 0 ? parseExactJson(text) : undefined
  // A number that a double cannot hold exactly stays text, so that the schema refuses it.
  const json = read?.kind === 'parsed' ? read.value : text
  if (isObject(json) && ('$result' in json || '$input' in json) && Object.keys(json).length === 1) return json
  if (types.size === 0) return json
  if (types.has('integer') || types.has('number')) {
    const number = exactNumber(text)
    if (number !== undefined) return number
  }
  if (types.has('boolean') && /^(?:true|false|1|0)$/i.test(text)) return /^(?:true|1)$/i.test(text)
  if ((types.has('array') && Array.isArray(json)) || (types.has('object') && isObject(json))) return json
  return text
}
